//! Native histograms as columns.
//!
//! In: histograms of one series, in order of time. Out: their layouts, each once with the number
//! of neighbours that share it; then for each property, and for each bucket of a layout, one
//! column of floats over those neighbours. Bound: the caller's number of histograms.

use weft_codec::varint::{
    put_uvarint, put_varint, take_byte, take_bytes, take_len, take_uvarint, take_varint,
};
use weft_codec::{CodecError, float};
use weft_model::histogram::{FloatHistogram, ResetHint, Span};

/// More spans or bounds than a histogram can have.
const PARTS_MAX: usize = 1 << 16;

/// The values that one block may hold; guards against bytes that ask for more.
const VALUES_MAX: usize = 1 << 24;

/// Appends histograms; the count is the caller's to keep.
pub(crate) fn encode<'a>(histograms: impl Iterator<Item = &'a FloatHistogram>, out: &mut Vec<u8>) {
    let all: Vec<&FloatHistogram> = histograms.collect();
    for alike in all.chunk_by(|a, b| same_layout(a, b)) {
        put_uvarint(out, alike.len() as u64);
        put_layout(alike[0], out);
        out.extend(
            alike
                .iter()
                .map(|histogram| hint_byte(histogram.reset_hint)),
        );
        let mut column = |of: &dyn Fn(&FloatHistogram) -> f64| {
            let values: Vec<f64> = alike.iter().map(|histogram| of(histogram)).collect();
            float::encode(&values, out);
        };
        column(&|histogram| histogram.zero_count);
        column(&|histogram| histogram.count);
        column(&|histogram| histogram.sum);
        (0..alike[0].positive.len()).for_each(|at| column(&|histogram| histogram.positive[at]));
        (0..alike[0].negative.len()).for_each(|at| column(&|histogram| histogram.negative[at]));
    }
}

fn same_layout(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let bits = |bounds: &[f64]| {
        bounds
            .iter()
            .map(|bound| bound.to_bits())
            .collect::<Vec<_>>()
    };
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.positive.len() == b.positive.len()
        && a.negative.len() == b.negative.len()
        && bits(&a.custom_bounds) == bits(&b.custom_bounds)
}

fn put_layout(histogram: &FloatHistogram, out: &mut Vec<u8>) {
    out.push(histogram.schema as u8);
    out.extend_from_slice(&histogram.zero_threshold.to_le_bytes());
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        put_uvarint(out, spans.len() as u64);
        for span in spans {
            put_varint(out, i64::from(span.offset));
            put_uvarint(out, u64::from(span.len));
        }
    }
    put_uvarint(out, histogram.custom_bounds.len() as u64);
    float::encode(&histogram.custom_bounds, out);
}

/// Takes `count` histograms from the front of `bytes`.
pub(crate) fn decode(bytes: &mut &[u8], count: usize) -> Result<Vec<FloatHistogram>, CodecError> {
    let mut out = Vec::new();
    while out.len() < count {
        let alike = take_len(bytes, count - out.len())?;
        if alike == 0 {
            return Err(CodecError::OutOfRange);
        }
        decode_alike(bytes, alike, &mut out)?;
    }
    Ok(out)
}

fn decode_alike(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<FloatHistogram>,
) -> Result<(), CodecError> {
    let layout = take_layout(bytes)?;
    let buckets = |spans: &[Span]| spans.iter().map(|span| span.len as usize).sum::<usize>();
    let (positive, negative) = (
        buckets(&layout.positive_spans),
        buckets(&layout.negative_spans),
    );
    // A column takes a byte at least: more buckets than bytes cannot be.
    if positive + negative > bytes.len() || (positive + negative) * count > VALUES_MAX {
        return Err(CodecError::OutOfRange);
    }
    let hints = take_bytes(bytes, count)?;
    let mut column = || {
        let mut values = Vec::new();
        float::decode(bytes, count, &mut values).map(|()| values)
    };
    let (zeros, counts, sums) = (column()?, column()?, column()?);
    let buckets = (0..positive + negative)
        .map(|_| column())
        .collect::<Result<Vec<_>, _>>()?;
    for at in 0..count {
        let bucket = |column: &Vec<f64>| column[at];
        out.push(FloatHistogram {
            reset_hint: hint_of(hints[at])?,
            zero_count: zeros[at],
            count: counts[at],
            sum: sums[at],
            positive: buckets[..positive].iter().map(bucket).collect(),
            negative: buckets[positive..].iter().map(bucket).collect(),
            ..layout.clone()
        });
    }
    Ok(())
}

fn take_layout(bytes: &mut &[u8]) -> Result<FloatHistogram, CodecError> {
    let schema = take_byte(bytes)? as i8;
    let threshold = take_bytes(bytes, 8)?
        .try_into()
        .expect("eight bytes were taken");
    let positive_spans = take_spans(bytes)?;
    let negative_spans = take_spans(bytes)?;
    let mut custom_bounds = Vec::new();
    let bounds = take_len(bytes, PARTS_MAX)?;
    float::decode(bytes, bounds, &mut custom_bounds)?;
    Ok(FloatHistogram {
        schema,
        zero_threshold: f64::from_le_bytes(threshold),
        positive_spans,
        negative_spans,
        custom_bounds,
        ..FloatHistogram::default()
    })
}

fn take_spans(bytes: &mut &[u8]) -> Result<Vec<Span>, CodecError> {
    let len = take_len(bytes, PARTS_MAX)?;
    let mut spans = Vec::new();
    for _ in 0..len {
        let offset = i32::try_from(take_varint(bytes)?).map_err(|_| CodecError::OutOfRange)?;
        let len = u32::try_from(take_uvarint(bytes)?).map_err(|_| CodecError::OutOfRange)?;
        spans.push(Span { offset, len });
    }
    Ok(spans)
}

fn hint_byte(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

fn hint_of(byte: u8) -> Result<ResetHint, CodecError> {
    match byte {
        0 => Ok(ResetHint::Unknown),
        1 => Ok(ResetHint::Reset),
        2 => Ok(ResetHint::NotReset),
        3 => Ok(ResetHint::Gauge),
        other => Err(CodecError::UnknownTag(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(buckets: u32, at: u32) -> FloatHistogram {
        FloatHistogram {
            schema: 3,
            reset_hint: ResetHint::NotReset,
            zero_threshold: 1e-128,
            zero_count: f64::from(at),
            count: f64::from(at * 10),
            sum: f64::from(at) * 0.1,
            positive_spans: vec![Span {
                offset: -3,
                len: buckets,
            }],
            positive: (0..buckets).map(|bucket| f64::from(bucket * at)).collect(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn histograms_come_back_when_their_layout_changes() {
        let all: Vec<_> = (0..40).map(|at| histogram(3 + at / 15, at)).collect();
        let mut out = Vec::new();
        encode(all.iter(), &mut out);
        let mut bytes = out.as_slice();
        assert_eq!(decode(&mut bytes, all.len()).unwrap(), all);
        assert!(bytes.is_empty());
        assert!(out.len() < 40 * 20, "{} bytes", out.len());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..70) {
            let _ = decode(&mut bytes.as_slice(), count);
        }
    }
}
