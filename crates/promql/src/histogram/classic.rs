//! Quantiles and fractions of classic histograms: cumulative counts at upper bounds.

/// A classic bucket: how many observations are at most `upper`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassicBucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// How counts that decreased were repaired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repair {
    /// The bound at the lowest decrease.
    pub(crate) from: f64,
    /// The bound at the highest decrease.
    pub(crate) to: f64,
    /// The largest decrease.
    pub(crate) difference: f64,
}

/// Counts this close together are taken as equal.
const TOLERANCE: f64 = 1e-12;

/// Returns the quantile, and how the buckets were repaired if they had to be.
pub(crate) fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Repair>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let repair = make_monotonic(buckets);
    let observations = buckets.last().map_or(0.0, |bucket| bucket.count);
    if buckets.len() < 2 || observations == 0.0 {
        return (f64::NAN, repair);
    }
    let rank = q * observations;
    let last = buckets.len() - 1;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return (buckets[last - 1].upper, repair);
    }
    let ClassicBucket { upper, count } = buckets[at];
    if at == 0 {
        let value = if upper <= 0.0 {
            upper
        } else {
            upper * (rank / count)
        };
        return (value, repair);
    }
    let below = buckets[at - 1];
    let share = (rank - below.count) / (count - below.count);
    (below.upper + (upper - below.upper) * share, repair)
}

/// Returns the fraction of observations between two values.
pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |bucket| bucket.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value| rank_of(value, buckets).unwrap_or(count).min(count);
    (rank(upper) - rank(lower)) / count
}

fn rank_of(value: f64, buckets: &[ClassicBucket]) -> Option<f64> {
    let mut rank = 0.0;
    let mut lower = f64::NEG_INFINITY;
    for (at, bucket) in buckets.iter().enumerate() {
        if at == 0 && bucket.upper > 0.0 {
            lower = 0.0;
        }
        if lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            if lower == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            let share = (value - lower) / (bucket.upper - lower);
            return Some(rank + (bucket.count - rank) * share);
        }
        rank = bucket.count;
        lower = bucket.upper;
    }
    None
}

/// Sorts buckets and adds up those with the same bound; tells whether the highest is +Inf.
fn prepare(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    buckets
        .last()
        .is_some_and(|bucket| bucket.upper == f64::INFINITY)
}

fn make_monotonic(buckets: &mut [ClassicBucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut previous = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        if bucket.count == previous {
            continue;
        }
        if nearly_equal(previous, bucket.count) {
            bucket.count = previous;
            continue;
        }
        if bucket.count < previous {
            let difference = previous - bucket.count;
            let repaired = repair.get_or_insert(Repair {
                from: bucket.upper,
                to: bucket.upper,
                difference,
            });
            repaired.to = bucket.upper;
            repaired.difference = repaired.difference.max(difference);
            bucket.count = previous;
            continue;
        }
        previous = bucket.count;
    }
    repair
}

fn nearly_equal(a: f64, b: f64) -> bool {
    if a.is_nan() || b.is_nan() || a == b {
        return a == b || a.is_nan() && b.is_nan();
    }
    let difference = (a - b).abs();
    let magnitude = a.abs() + b.abs();
    if a == 0.0 || b == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < TOLERANCE
}
