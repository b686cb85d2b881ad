//! The fraction of a native histogram's observations between two values.

use weft_model::FloatHistogram;

use super::bucket::{Bucket, buckets};
use super::is_custom;

/// Returns the fraction of observations between two values. NaN observations are in none.
pub(crate) fn fraction(lower: f64, upper: f64, histogram: &FloatHistogram) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let all = buckets(histogram);
    let total = if histogram.sum.is_nan() {
        all.iter().map(|bucket| bucket.count).sum()
    } else {
        histogram.count
    };
    let mut ranks = [lower, upper].map(|value| (value, None));
    let mut rank = 0.0;
    for mut bucket in all {
        let linear = is_custom(histogram) || bucket.lower <= 0.0 && bucket.upper >= 0.0;
        narrow(histogram, &mut bucket);
        for (value, found) in &mut ranks {
            if found.is_none() {
                *found = rank_in(&bucket, *value, rank, linear);
            }
        }
        if ranks.iter().all(|(_, found)| found.is_some()) {
            break;
        }
        rank += bucket.count;
    }
    let [low, high] = ranks.map(|(_, found)| found.unwrap_or(total).min(total));
    (high - low) / histogram.count
}

fn narrow(histogram: &FloatHistogram, bucket: &mut Bucket) {
    let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
    if is_custom(histogram) || !around_zero {
        return;
    }
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// Returns how many observations lie below `value`, if it lies in or below this bucket; `rank`
/// of them lie below the bucket.
fn rank_in(bucket: &Bucket, value: f64, rank: f64, linear: bool) -> Option<f64> {
    if bucket.lower >= value {
        return Some(rank);
    }
    if bucket.upper <= value {
        return None;
    }
    let within = if linear {
        linear_share(bucket, value)
    } else {
        let (log_lower, log_upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        let log_value = value.abs().log2();
        if value > 0.0 {
            (log_value - log_lower) / (log_upper - log_lower)
        } else {
            1.0 - (log_value - log_upper) / (log_lower - log_upper)
        }
    };
    Some(rank + bucket.count * within)
}

fn linear_share(bucket: &Bucket, value: f64) -> f64 {
    if bucket.lower != f64::NEG_INFINITY {
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    if bucket.upper > 0.0 && bucket.upper.is_finite() && value >= 0.0 {
        // As for classic histograms, the first bucket then begins at zero.
        return value / bucket.upper;
    }
    // Nothing is known of where in the bucket observations lie.
    1.0
}
