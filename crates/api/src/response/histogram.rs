//! A native histogram as Prometheus's API writes it: count, sum, and the buckets that hold
//! something, from the lowest to the highest.

use weft_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use weft_model::{FloatHistogram, Span};

use super::{json, number};

/// A bucket that holds something.
struct Bucket {
    /// Which bounds belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
    rule: u8,
    lower: f64,
    upper: f64,
    count: f64,
}

/// Appends a histogram as an object.
pub(crate) fn write(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    out.extend_from_slice(b"{\"count\":");
    quoted(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    quoted(out, histogram.sum);
    let mut buckets = buckets(histogram)
        .filter(|bucket| bucket.count != 0.0)
        .peekable();
    if buckets.peek().is_some() {
        out.extend_from_slice(b",\"buckets\":");
        json::array(out, buckets, |out, bucket| {
            number::print(out, format_args!("[{},", bucket.rule));
            quoted(out, bucket.lower);
            out.push(b',');
            quoted(out, bucket.upper);
            out.push(b',');
            quoted(out, bucket.count);
            out.push(b']');
        });
    }
    out.push(b'}');
}

fn quoted(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    number::value(out, value);
    out.push(b'"');
}

fn buckets(histogram: &FloatHistogram) -> impl Iterator<Item = Bucket> + '_ {
    let negative = indexed(&histogram.negative_spans, &histogram.negative);
    let negative: Vec<_> = negative
        .map(|(i, count)| exponential(histogram, i, count))
        .collect();
    let mirrored = negative.into_iter().rev().map(|bucket| Bucket {
        rule: 1,
        lower: -bucket.upper,
        upper: -bucket.lower,
        count: bucket.count,
    });
    let zero = Bucket {
        rule: 3,
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        count: histogram.zero_count,
    };
    let positive = indexed(&histogram.positive_spans, &histogram.positive).map(|(i, count)| {
        match histogram.schema == CUSTOM_BUCKETS_SCHEMA {
            true => custom(histogram, i, count),
            false => exponential(histogram, i, count),
        }
    });
    // Prometheus shows what the zero bucket has, not what it lacks after a subtraction.
    let zero = (histogram.zero_count > 0.0).then_some(zero);
    mirrored.chain(zero).chain(positive)
}

/// Returns the counts with the indices of their buckets.
fn indexed<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0i32;
    let indices = spans.iter().flat_map(move |span| {
        let first = next.saturating_add(span.offset);
        next = first.saturating_add_unsigned(span.len);
        first..next
    });
    indices.zip(counts.iter().copied())
}

/// The bucket ends where the zero bucket does if they overlap.
fn exponential(histogram: &FloatHistogram, index: i32, count: f64) -> Bucket {
    let lower = bound(histogram.schema, index.saturating_sub(1));
    Bucket {
        rule: 0,
        lower: lower.max(histogram.zero_threshold),
        upper: bound(histogram.schema, index),
        count,
    }
}

fn custom(histogram: &FloatHistogram, index: i32, count: f64) -> Bucket {
    let at = |index: i32| usize::try_from(index).ok();
    let bound = |index| {
        at(index)
            .and_then(|index| histogram.custom_bounds.get(index))
            .copied()
    };
    Bucket {
        rule: if index == 0 { 3 } else { 0 },
        lower: bound(index - 1).unwrap_or(f64::NEG_INFINITY),
        upper: bound(index).unwrap_or(f64::INFINITY),
        count,
    }
}

/// Returns the upper bound of a bucket, `2^(index / 2^schema)`.
fn bound(schema: i8, index: i32) -> f64 {
    if index == i32::MAX {
        return f64::INFINITY;
    }
    let (fraction, exponent) = if schema <= 0 {
        (0.0, i64::from(index) << -schema.max(-4))
    } else {
        let per_octave = 1i64 << schema.min(8);
        let index = i64::from(index);
        let fraction = index.rem_euclid(per_octave) as f64 / per_octave as f64;
        (fraction, index.div_euclid(per_octave))
    };
    match exponent {
        1024.. => f64::MAX,
        _ => fraction.exp2() * (exponent as f64).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(histogram: &FloatHistogram, expected: &str) {
        let mut out = Vec::new();
        write(&mut out, histogram);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn buckets_go_from_low_to_high() {
        let histogram = FloatHistogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 12.0,
            sum: 18.4,
            positive_spans: vec![Span { offset: 0, len: 2 }, Span { offset: 1, len: 1 }],
            positive: vec![1.0, 0.0, 4.0],
            negative_spans: vec![Span { offset: 0, len: 2 }],
            negative: vec![3.0, 2.0],
            ..FloatHistogram::default()
        };
        let buckets = r#"[1,"-2","-1","2"],[1,"-1","-0.5","3"],[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"4","8","4"]"#;
        check(
            &histogram,
            &format!(r#"{{"count":"12","sum":"18.4","buckets":[{buckets}]}}"#),
        );
    }

    #[test]
    fn an_empty_histogram_has_no_buckets() {
        check(&FloatHistogram::default(), r#"{"count":"0","sum":"0"}"#);
    }

    #[test]
    fn custom_bounds_are_open_at_both_ends() {
        let histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: 3.0,
            sum: 5.0,
            positive_spans: vec![Span { offset: 0, len: 2 }],
            positive: vec![1.0, 2.0],
            custom_bounds: vec![2.5],
            ..FloatHistogram::default()
        };
        let buckets = r#"[3,"-Inf","2.5","1"],[0,"2.5","+Inf","2"]"#;
        check(
            &histogram,
            &format!(r#"{{"count":"3","sum":"5","buckets":[{buckets}]}}"#),
        );
    }

    #[test]
    fn absurd_indices_do_no_harm() {
        let histogram = FloatHistogram {
            schema: -4,
            positive_spans: vec![Span {
                offset: i32::MAX,
                len: u32::MAX,
            }],
            positive: vec![1.0],
            ..FloatHistogram::default()
        };
        let mut out = Vec::new();
        write(&mut out, &histogram);
    }
}
