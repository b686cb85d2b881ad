//! What the histograms of a chunk share: schema, zero threshold, spans, custom bounds.
//!
//! Bound: a reader takes no more buckets than the chunk has bits left.

use weft_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use weft_model::{FloatHistogram, Span};

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::varbit::{int, put_int, put_uint, uint};

/// What stands for a threshold that is written in full.
const THRESHOLD_IN_FULL: u8 = 255;

/// The exponent of the smallest threshold that fits into a byte, 2^-243, less one.
const THRESHOLD_EXPONENT_BASE: i32 = -244;

/// The largest bound in thousandths that is written as an integer.
const BOUND_THOUSANDTHS_MAX: f64 = 33_554_430.0;

/// Tells whether two histograms have the same buckets.
pub(super) fn agree(one: &FloatHistogram, other: &FloatHistogram) -> bool {
    one.schema == other.schema
        && one.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && one.positive_spans == other.positive_spans
        && one.negative_spans == other.negative_spans
        && one.custom_bounds == other.custom_bounds
}

/// Writes the layout of a histogram.
pub(super) fn put(out: &mut BitWriter<'_>, histogram: &FloatHistogram) {
    put_threshold(out, histogram.zero_threshold);
    put_int(out, i64::from(histogram.schema));
    put_spans(out, &histogram.positive_spans);
    put_spans(out, &histogram.negative_spans);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        put_uint(out, histogram.custom_bounds.len() as u64);
        for bound in &histogram.custom_bounds {
            put_bound(out, *bound);
        }
    }
}

/// Reads a layout into a histogram that has no counts yet.
pub(super) fn read(bits: &mut BitReader<'_>) -> Result<FloatHistogram, ChunkError> {
    let zero_threshold = read_threshold(bits)?;
    let schema = int(bits)?;
    let is_custom = schema == i64::from(CUSTOM_BUCKETS_SCHEMA);
    if !is_custom && !(-4..=8).contains(&schema) {
        return Err(ChunkError::Layout);
    }
    let positive_spans = read_spans(bits)?;
    let negative_spans = read_spans(bits)?;
    let custom_bounds = match is_custom {
        true => read_bounds(bits)?,
        false => Vec::new(),
    };
    let positive = vec![0.0; buckets(&positive_spans, bits)?];
    let negative = vec![0.0; buckets(&negative_spans, bits)?];
    Ok(FloatHistogram {
        schema: schema as i8,
        zero_threshold,
        positive_spans,
        positive,
        negative_spans,
        negative,
        custom_bounds,
        ..FloatHistogram::default()
    })
}

/// Counts the buckets of spans; each takes at least a bit.
fn buckets(spans: &[Span], bits: &BitReader<'_>) -> Result<usize, ChunkError> {
    let buckets: u64 = spans.iter().map(|span| u64::from(span.len)).sum();
    let buckets = usize::try_from(buckets).map_err(|_| ChunkError::Layout)?;
    if buckets > bits.left() {
        return Err(ChunkError::Truncated);
    }
    Ok(buckets)
}

fn put_threshold(out: &mut BitWriter<'_>, threshold: f64) {
    if threshold == 0.0 {
        return out.byte(0);
    }
    let bits = threshold.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let is_power_of_two = bits & ((1 << 52) - 1) == 0;
    match u8::try_from(exponent - THRESHOLD_EXPONENT_BASE) {
        Ok(byte @ 1..=254) if is_power_of_two => out.byte(byte),
        _ => {
            out.byte(THRESHOLD_IN_FULL);
            out.bits(bits, 64);
        }
    }
}

fn read_threshold(bits: &mut BitReader<'_>) -> Result<f64, ChunkError> {
    match bits.byte()? {
        0 => Ok(0.0),
        THRESHOLD_IN_FULL => Ok(f64::from_bits(bits.bits(64)?)),
        byte => Ok(f64::from(i32::from(byte) + THRESHOLD_EXPONENT_BASE).exp2()),
    }
}

fn put_spans(out: &mut BitWriter<'_>, spans: &[Span]) {
    put_uint(out, spans.len() as u64);
    for span in spans {
        put_uint(out, u64::from(span.len));
        put_int(out, i64::from(span.offset));
    }
}

fn read_spans(bits: &mut BitReader<'_>) -> Result<Vec<Span>, ChunkError> {
    let count = read_len(bits)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let len = u32::try_from(uint(bits)?).map_err(|_| ChunkError::Layout)?;
        let offset = i32::try_from(int(bits)?).map_err(|_| ChunkError::Layout)?;
        spans.push(Span { offset, len });
    }
    Ok(spans)
}

/// Reads the length of a list whose items take at least two bits.
fn read_len(bits: &mut BitReader<'_>) -> Result<usize, ChunkError> {
    let len = usize::try_from(uint(bits)?).map_err(|_| ChunkError::Layout)?;
    if len > bits.left() / 2 {
        return Err(ChunkError::Truncated);
    }
    Ok(len)
}

/// Writes a bound as thousandths, which most bounds that people choose are, or in full.
fn put_bound(out: &mut BitWriter<'_>, bound: f64) {
    let thousandths = (bound * 1000.0).round();
    let is_exact = thousandths / 1000.0 == bound && bound.is_sign_positive();
    if is_exact && (0.0..=BOUND_THOUSANDTHS_MAX).contains(&(bound * 1000.0)) {
        put_uint(out, thousandths as u64 + 1);
    } else {
        out.bit(false);
        out.bits(bound.to_bits(), 64);
    }
}

fn read_bounds(bits: &mut BitReader<'_>) -> Result<Vec<f64>, ChunkError> {
    let count = read_len(bits)?;
    let mut bounds = Vec::with_capacity(count);
    for _ in 0..count {
        bounds.push(match uint(bits)? {
            0 => f64::from_bits(bits.bits(64)?),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        });
    }
    Ok(bounds)
}
