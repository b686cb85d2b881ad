//! Buckets with their bounds, and spans as lists of indices.

use weft_model::{FloatHistogram, Span};

use super::is_custom;

/// A bucket of a native histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Whether the lower bound belongs to the bucket.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to the bucket.
    pub upper_inclusive: bool,
    /// The observations in the bucket.
    pub count: f64,
}

/// Returns all buckets in ascending order, the zero bucket in its place if it is not empty.
pub fn buckets(histogram: &FloatHistogram) -> Vec<Bucket> {
    let mut all = negative_buckets(histogram);
    if histogram.zero_count > 0.0 {
        all.push(zero_bucket(histogram));
    }
    all.extend(positive_buckets(histogram));
    all
}

pub(super) fn zero_bucket(histogram: &FloatHistogram) -> Bucket {
    Bucket {
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        lower_inclusive: true,
        upper_inclusive: true,
        count: histogram.zero_count,
    }
}

/// Returns the negative buckets, the lowest first.
pub(super) fn negative_buckets(histogram: &FloatHistogram) -> Vec<Bucket> {
    let schema = histogram.schema;
    let mut all: Vec<Bucket> = indexed(&histogram.negative_spans, &histogram.negative)
        .map(|(index, count)| Bucket {
            lower: -bound(index, schema),
            upper: -bound(index.saturating_sub(1), schema),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        })
        .collect();
    all.reverse();
    all
}

/// Returns the positive buckets, or those with custom bounds, the lowest first.
pub(super) fn positive_buckets(histogram: &FloatHistogram) -> Vec<Bucket> {
    let of = |(index, count)| {
        let (lower, upper) = positive_bounds(histogram, index);
        Bucket {
            lower,
            upper,
            lower_inclusive: is_custom(histogram) && index == 0,
            upper_inclusive: true,
            count,
        }
    };
    indexed(&histogram.positive_spans, &histogram.positive)
        .map(of)
        .collect()
}

/// Returns the bounds of a positive bucket, or of one with custom bounds.
pub(super) fn positive_bounds(histogram: &FloatHistogram, index: i32) -> (f64, f64) {
    let below = index.saturating_sub(1);
    if !is_custom(histogram) {
        let schema = histogram.schema;
        return (bound(below, schema), bound(index, schema));
    }
    let at = |index: i32| usize::try_from(index).ok();
    let custom = |index: i32| at(index).and_then(|index| histogram.custom_bounds.get(index));
    let lower = if index <= 0 {
        f64::NEG_INFINITY
    } else {
        *custom(below).unwrap_or(&f64::INFINITY)
    };
    (lower, *custom(index).unwrap_or(&f64::INFINITY))
}

/// Returns the upper bound of a bucket with an exponential schema.
pub(crate) fn bound(index: i32, schema: i8) -> f64 {
    let value = if schema <= 0 {
        let exponent = i64::from(index) << i64::from(schema).unsigned_abs().min(30);
        (exponent.clamp(-2000, 2000) as f64).exp2()
    } else {
        let schema = u32::from(schema.unsigned_abs()).min(30);
        let within = index & ((1 << schema) - 1);
        let fraction = (f64::from(within) / f64::from(1 << schema)).exp2();
        fraction * f64::from(index >> schema).exp2()
    };
    // The last bucket below +Inf ends at the largest number.
    if value.is_infinite() { f64::MAX } else { value }
}

/// Returns index and count of each bucket of a layout.
pub(crate) fn indexed<'a>(
    spans: &'a [Span],
    counts: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0i32;
    let indices = spans.iter().flat_map(move |span| {
        let start = next.wrapping_add(span.offset);
        let len = span.len.min(i32::MAX as u32) as i32;
        next = start.wrapping_add(len);
        (0..len).map(move |at| start.wrapping_add(at))
    });
    indices.zip(counts.iter().copied())
}

/// Returns the layout of buckets that are given in ascending order of their index.
pub(crate) fn from_indexed(buckets: &[(i32, f64)]) -> (Vec<Span>, Vec<f64>) {
    let present = buckets.iter().filter(|(_, count)| *count != 0.0);
    let counts = present.clone().map(|(_, count)| *count).collect();
    (spans_of(present.map(|(index, _)| *index)), counts)
}

/// Returns the spans that cover these ascending indices.
pub(crate) fn spans_of(indices: impl Iterator<Item = i32>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0i32;
    for index in indices {
        match spans.last_mut() {
            Some(span) if index == next => span.len += 1,
            _ => spans.push(Span {
                offset: index.wrapping_sub(next),
                len: 1,
            }),
        }
        next = index.wrapping_add(1);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_by_the_schema() {
        let check = |index, schema, expected: f64| {
            let found = bound(index, schema);
            assert!((found / expected - 1.0).abs() < 1e-14, "{found} {expected}");
        };
        check(0, 0, 1.0);
        check(1, 0, 2.0);
        check(-1, 0, 0.5);
        check(1, 1, std::f64::consts::SQRT_2);
        check(-3, 2, 2f64.powf(-0.75));
        check(1, -2, 16.0);
        check(1024, 0, f64::MAX);
    }

    #[test]
    fn layouts_read_back() {
        let buckets = [(-3, 1.0), (-2, 2.0), (4, 3.0), (5, 4.0), (9, 5.0)];
        let (spans, counts) = from_indexed(&buckets);
        assert_eq!(spans.len(), 3);
        assert_eq!(indexed(&spans, &counts).collect::<Vec<_>>(), buckets);
    }
}
