//! A native histogram of remote write; both versions share the message.
//!
//! In: integer histograms (bucket deltas) or float histograms (absolute counts). Out: absolute
//! float counts, with spans, buckets and schema checked against each other as Prometheus does.
//! Bound: [`BUCKETS_MAX`] buckets on each side.

use weft_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use weft_model::{FloatHistogram, Millis, Span, is_stale};

use crate::fault::Problem;
use crate::wire::{Cursor, Value, zigzag};

/// The most buckets on one side of a histogram.
const BUCKETS_MAX: usize = 65_536;

/// A histogram's fields before they are checked against each other.
#[derive(Default)]
struct Raw {
    time: i64,
    histogram: FloatHistogram,
    schema: i64,
    integer: bool,
    positive: Buckets,
    negative: Buckets,
}

/// The buckets of one side, as deltas or as counts.
#[derive(Default)]
struct Buckets {
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Reads a histogram.
pub(super) fn decode(message: Cursor<'_>) -> Result<(Millis, FloatHistogram), Problem> {
    let mut raw = Raw::default();
    let mut rest = message;
    loop {
        match rest.field() {
            Ok(Some((number, value))) => raw.set(number, value)?,
            Ok(None) => return raw.build(),
            Err(_) => return Err(Problem::HistogramInvalid),
        }
    }
}

/// Reads the start timestamp of a histogram.
pub(super) fn start(mut message: Cursor<'_>) -> Millis {
    let mut start = 0;
    while let Ok(Some((number, value))) = message.field() {
        if let (17, Value::Varint(time)) = (number, value) {
            start = time as i64;
        }
    }
    Millis(start)
}

impl Raw {
    fn set(&mut self, number: u32, value: Value<'_>) -> Result<(), Problem> {
        let histogram = &mut self.histogram;
        match (number, value) {
            (1, Value::Varint(count)) => {
                histogram.count = count as f64;
                self.integer = true;
            }
            (2, Value::Fixed64(bits)) => histogram.count = f64::from_bits(bits),
            (3, Value::Fixed64(bits)) => histogram.sum = f64::from_bits(bits),
            (4, Value::Varint(schema)) => self.schema = zigzag(schema),
            (5, Value::Fixed64(bits)) => histogram.zero_threshold = f64::from_bits(bits),
            (6, Value::Varint(count)) => histogram.zero_count = count as f64,
            (7, Value::Fixed64(bits)) => histogram.zero_count = f64::from_bits(bits),
            (8, Value::Bytes(span)) => push_span(&mut histogram.negative_spans, span)?,
            (11, Value::Bytes(span)) => push_span(&mut histogram.positive_spans, span)?,
            (9, value) => push_deltas(&mut self.negative.deltas, value)?,
            (12, value) => push_deltas(&mut self.positive.deltas, value)?,
            (10, value) => push_doubles(&mut self.negative.counts, value)?,
            (13, value) => push_doubles(&mut self.positive.counts, value)?,
            (14, Value::Varint(hint)) => histogram.reset_hint = reset_hint(hint),
            (15, Value::Varint(time)) => self.time = time as i64,
            (16, value) => push_doubles(&mut histogram.custom_bounds, value)?,
            (1..=16, _) => return Err(Problem::HistogramInvalid),
            _ => {}
        }
        Ok(())
    }

    fn build(self) -> Result<(Millis, FloatHistogram), Problem> {
        let custom = self.schema == i64::from(CUSTOM_BUCKETS_SCHEMA);
        if !custom && !(-4..=8).contains(&self.schema) {
            return Err(Problem::HistogramSchema);
        }
        let mut histogram = self.histogram;
        histogram.schema = self.schema as i8;
        histogram.positive = self.positive.counts(self.integer);
        histogram.negative = self.negative.counts(self.integer);
        let sides_agree = agree(&histogram.positive_spans, &histogram.positive)
            && agree(&histogram.negative_spans, &histogram.negative);
        let bounds_agree = if custom {
            custom_bounds_are_sound(&histogram)
        } else {
            histogram.custom_bounds.is_empty()
        };
        let counts_agree = !self.integer || counts_agree(&histogram);
        if !(sides_agree && bounds_agree && counts_agree) {
            return Err(Problem::HistogramInvalid);
        }
        Ok((Millis(self.time), histogram))
    }
}

impl Buckets {
    fn counts(self, integer: bool) -> Vec<f64> {
        if !integer {
            return self.counts;
        }
        let mut count = 0i64;
        let absolute = |delta: i64| {
            count = count.wrapping_add(delta);
            count as f64
        };
        self.deltas.into_iter().map(absolute).collect()
    }
}

/// Tells whether there is one count, not below zero, for each bucket of the spans.
fn agree(spans: &[Span], counts: &[f64]) -> bool {
    let buckets: u64 = spans.iter().map(|span| u64::from(span.len)).sum();
    let gaps_go_forward = spans.iter().skip(1).all(|span| span.offset >= 0);
    buckets == counts.len() as u64 && gaps_go_forward && counts.iter().all(|count| *count >= 0.0)
}

fn custom_bounds_are_sound(histogram: &FloatHistogram) -> bool {
    let bounds = &histogram.custom_bounds;
    let first = histogram
        .positive_spans
        .first()
        .map_or(0, |span| span.offset);
    let covered: i64 = histogram
        .positive_spans
        .iter()
        .map(|span| i64::from(span.offset) + i64::from(span.len))
        .sum();
    bounds.windows(2).all(|two| two[0] < two[1])
        && bounds.iter().all(|bound| bound.is_finite())
        && first >= 0
        && covered <= bounds.len() as i64 + 1
        && histogram.negative.is_empty()
        && histogram.zero_count == 0.0
}

/// Integer counts add up; a NaN observation is counted but is in no bucket.
fn counts_agree(histogram: &FloatHistogram) -> bool {
    let in_buckets: f64 = histogram.positive.iter().chain(&histogram.negative).sum();
    let sum = in_buckets + histogram.zero_count;
    if is_stale(histogram.sum) {
        return true;
    }
    if histogram.sum.is_nan() {
        return histogram.count >= sum;
    }
    histogram.count == sum
}

fn push_span(spans: &mut Vec<Span>, mut message: Cursor<'_>) -> Result<(), Problem> {
    let mut span = Span { offset: 0, len: 0 };
    while let Some((number, value)) = message.field().map_err(|_| Problem::HistogramInvalid)? {
        match (number, value) {
            (1, Value::Varint(offset)) => {
                span.offset =
                    i32::try_from(zigzag(offset)).map_err(|_| Problem::HistogramInvalid)?;
            }
            (2, Value::Varint(len)) => {
                span.len = u32::try_from(len).map_err(|_| Problem::HistogramInvalid)?;
            }
            _ => {}
        }
    }
    push(spans, span)
}

fn push_deltas(deltas: &mut Vec<i64>, value: Value<'_>) -> Result<(), Problem> {
    match value {
        Value::Varint(delta) => push(deltas, zigzag(delta)),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                let delta = packed.varint().map_err(|_| Problem::HistogramInvalid)?;
                push(deltas, zigzag(delta))?;
            }
            Ok(())
        }
        _ => Err(Problem::HistogramInvalid),
    }
}

fn push_doubles(doubles: &mut Vec<f64>, value: Value<'_>) -> Result<(), Problem> {
    match value {
        Value::Fixed64(bits) => push(doubles, f64::from_bits(bits)),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                let bits = packed.fixed64().map_err(|_| Problem::HistogramInvalid)?;
                push(doubles, f64::from_bits(bits))?;
            }
            Ok(())
        }
        _ => Err(Problem::HistogramInvalid),
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), Problem> {
    if list.len() == BUCKETS_MAX {
        return Err(Problem::HistogramInvalid);
    }
    list.push(item);
    Ok(())
}

fn reset_hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}
