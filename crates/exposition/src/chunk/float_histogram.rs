//! Chunks of native histograms with float counts.
//!
//! All histograms of a chunk share a layout, and none is a reset of the one before it: readers
//! rely on both. A stale marker has no layout and stands alone.

use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, is_stale};

use super::bits::{BitReader, BitWriter};
use super::varbit::{int, put_int};
use super::xor_value::XorValue;
use super::{ChunkError, layout, split_count};

/// What the flags of a chunk say about resets.
mod flag {
    pub(super) const RESET: u8 = 0b1000_0000;
    pub(super) const NOT_RESET: u8 = 0b0100_0000;
    pub(super) const GAUGE: u8 = 0b1100_0000;
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const MASK: u8 = 0b1100_0000;
}

/// Tells whether a histogram may stand behind another in a chunk.
pub(super) fn follows(before: &FloatHistogram, next: &FloatHistogram) -> bool {
    let is_gauge = |histogram: &FloatHistogram| histogram.reset_hint == ResetHint::Gauge;
    let goes_on = is_gauge(before) || !is_reset(before, next);
    is_gauge(before) == is_gauge(next)
        && !is_stale(before.sum)
        && !is_stale(next.sum)
        && layout::agree(before, next)
        && goes_on
}

/// Tells whether some count of a histogram is below the one before.
fn is_reset(before: &FloatHistogram, next: &FloatHistogram) -> bool {
    let falls = |before: &[f64], next: &[f64]| before.iter().zip(next).any(|(b, n)| n < b);
    next.reset_hint == ResetHint::Reset
        || next.count < before.count
        || next.zero_count < before.zero_count
        || falls(&before.positive, &next.positive)
        || falls(&before.negative, &next.negative)
}

/// Returns a chunk of histograms each of which follows the one before it.
pub(super) fn encode(samples: &[(i64, &FloatHistogram)]) -> Vec<u8> {
    let mut out = (samples.len() as u16).to_be_bytes().to_vec();
    let Some(&(first_time, first)) = samples.first() else {
        return out;
    };
    out.push(flag_of(first.reset_hint));
    let mut bits = BitWriter::new(&mut out);
    let bare = FloatHistogram {
        sum: first.sum,
        ..FloatHistogram::default()
    };
    let first = if is_stale(first.sum) { &bare } else { first };
    layout::put(&mut bits, first);
    put_int(&mut bits, first_time);
    let mut values: Vec<XorValue> = fields(first).map(XorValue::new).collect();
    fields(first).for_each(|value| bits.bits(value.to_bits(), 64));
    let (mut time, mut step) = (first_time, 0i64);
    for (i, (next, histogram)) in samples.iter().enumerate().skip(1) {
        let next_step = next.wrapping_sub(time);
        let written = if i == 1 {
            next_step
        } else {
            next_step.wrapping_sub(step)
        };
        put_int(&mut bits, written);
        (time, step) = (*next, next_step);
        for (field, value) in values.iter_mut().zip(fields(histogram)) {
            field.put(&mut bits, value);
        }
    }
    out
}

/// Returns the numbers of a histogram in the order of the format.
fn fields(histogram: &FloatHistogram) -> impl Iterator<Item = f64> + '_ {
    [histogram.count, histogram.zero_count, histogram.sum]
        .into_iter()
        .chain(histogram.positive.iter().copied())
        .chain(histogram.negative.iter().copied())
}

fn flag_of(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => flag::UNKNOWN,
        ResetHint::Reset => flag::RESET,
        ResetHint::NotReset => flag::NOT_RESET,
        ResetHint::Gauge => flag::GAUGE,
    }
}

/// Returns the histograms of a chunk. The first one's hint is the chunk's; all others are known
/// not to be resets.
pub(super) fn decode(data: &[u8]) -> Result<Vec<(i64, FloatHistogram)>, ChunkError> {
    let (count, rest) = split_count(data)?;
    let mut samples = Vec::new();
    if count == 0 {
        return Ok(samples);
    }
    let (&flags, rest) = rest.split_first().ok_or(ChunkError::Truncated)?;
    let mut bits = BitReader::new(rest);
    let mut histogram = layout::read(&mut bits)?;
    let mut time = int(&mut bits)?;
    let mut values = Vec::new();
    for field in fields_mut(&mut histogram) {
        *field = f64::from_bits(bits.bits(64)?);
        values.push(XorValue::new(*field));
    }
    histogram.reset_hint = hint_of(flags);
    samples.push((time, histogram.clone()));
    if histogram.reset_hint != ResetHint::Gauge {
        histogram.reset_hint = ResetHint::NotReset;
    }
    let mut step = 0i64;
    for _ in 1..count {
        step = step.wrapping_add(int(&mut bits)?);
        time = time.wrapping_add(step);
        for (field, value) in fields_mut(&mut histogram).zip(&mut values) {
            *field = value.read(&mut bits)?;
        }
        samples.push((time, histogram.clone()));
    }
    Ok(samples)
}

fn fields_mut(histogram: &mut FloatHistogram) -> impl Iterator<Item = &mut f64> {
    [
        &mut histogram.count,
        &mut histogram.zero_count,
        &mut histogram.sum,
    ]
    .into_iter()
    .chain(&mut histogram.positive)
    .chain(&mut histogram.negative)
}

fn hint_of(flags: u8) -> ResetHint {
    match flags & flag::MASK {
        flag::RESET => ResetHint::Reset,
        flag::NOT_RESET => ResetHint::NotReset,
        flag::GAUGE => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}
