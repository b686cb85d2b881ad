//! Quantiles of native histograms.

use weft_model::FloatHistogram;

use super::bucket::{Bucket, buckets};
use super::is_custom;

/// What observations of NaN did to a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NanNote {
    /// It is NaN because of them.
    Result,
    /// It is higher because of them.
    Skew,
}

/// Returns the value below which the fraction `q` of all observations lies.
pub(crate) fn quantile(q: f64, histogram: &FloatHistogram) -> (f64, Option<NanNote>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    // NaN is counted, but is in no bucket: only from below is the rank right.
    let from_below = histogram.sum.is_nan() || q < 0.5;
    let rank = if from_below { q } else { 1.0 - q } * histogram.count;
    let (mut bucket, mut count) = find(histogram, from_below, rank);
    if let Some(value) = narrow(histogram, &mut bucket) {
        return (value, None);
    }
    count = count.min(histogram.count);
    if count < rank {
        return if histogram.sum.is_nan() {
            (f64::NAN, Some(NanNote::Result))
        } else {
            (bucket.upper, None)
        };
    }
    let note = histogram.sum.is_nan().then_some(NanNote::Skew);
    let rank = if from_below {
        rank - (count - bucket.count)
    } else {
        count - rank
    };
    (interpolate(histogram, &bucket, rank / bucket.count), note)
}

/// Returns the bucket that holds a rank, and how many observations there are up to its end.
fn find(histogram: &FloatHistogram, from_below: bool, rank: f64) -> (Bucket, f64) {
    let mut all = buckets(histogram);
    if !from_below {
        all.reverse();
    }
    let empty = Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
    };
    let (mut found, mut count) = (empty, 0.0);
    for bucket in all {
        if bucket.count == 0.0 {
            continue;
        }
        found = bucket;
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    (found, count)
}

/// Replaces bounds that cannot be interpolated between, or returns the value right away.
fn narrow(histogram: &FloatHistogram, bucket: &mut Bucket) -> Option<f64> {
    if is_custom(histogram) {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return Some(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return Some(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        // The zero bucket of a histogram that lies on one side of zero only.
        match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }
    None
}

fn interpolate(histogram: &FloatHistogram, bucket: &Bucket, fraction: f64) -> f64 {
    let Bucket { lower, upper, .. } = *bucket;
    if is_custom(histogram) || lower <= 0.0 && upper >= 0.0 {
        return lower + (upper - lower) * fraction;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        (log_lower + (log_upper - log_lower) * fraction).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
    }
}
