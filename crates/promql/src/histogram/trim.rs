//! Trimming: what a histogram observed on one side of a value (`</` and `>/`).
//!
//! A bucket around the value is divided by interpolation; the sum is told anew from the middles of
//! the buckets that remain. When nothing is trimmed the histogram stays as it is.

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::kahan::Kahan;

use super::bucket::{Bucket, bound, from_indexed, indexed, positive_bounds, zero_bucket};
use super::is_custom;

/// The side of a value that remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Up to the value (`</`).
    Below,
    /// From the value on (`>/`).
    Above,
}

/// What remains of a bucket: its count and the middle of its values.
struct Rest {
    count: f64,
    middle: f64,
    trimmed: bool,
}

/// Returns the part of a histogram on one side of a value.
pub(crate) fn trim(histogram: &FloatHistogram, value: f64, side: Side) -> FloatHistogram {
    let mut parts = Parts {
        histogram,
        value,
        side,
        sum: Kahan::default(),
        count: Kahan::default(),
        trimmed: false,
    };
    let positive = parts.trim_positive();
    let negative = parts.trim_negative();
    let zero_count = parts.trim_zero();
    if !parts.trimmed {
        return histogram.clone();
    }
    let (positive_spans, positive) = from_indexed(&positive);
    let (negative_spans, negative) = from_indexed(&negative);
    FloatHistogram {
        schema: histogram.schema,
        reset_hint: ResetHint::Gauge,
        zero_threshold: histogram.zero_threshold,
        zero_count,
        count: parts.count.value(),
        sum: parts.sum.value(),
        positive_spans,
        positive,
        negative_spans,
        negative,
        custom_bounds: histogram.custom_bounds.clone(),
    }
}

struct Parts<'a> {
    histogram: &'a FloatHistogram,
    value: f64,
    side: Side,
    sum: Kahan,
    count: Kahan,
    trimmed: bool,
}

impl Parts<'_> {
    fn keep(&mut self, rest: &Rest) -> f64 {
        self.trimmed |= rest.trimmed;
        if rest.count != 0.0 {
            self.count.add(rest.count);
            self.sum.add(rest.count * rest.middle);
        }
        rest.count
    }

    fn trim_positive(&mut self) -> Vec<(i32, f64)> {
        let histogram = self.histogram;
        let all: Vec<_> = indexed(&histogram.positive_spans, &histogram.positive).collect();
        let trimmed = all.into_iter().map(|(index, count)| {
            let (lower, upper) = positive_bounds(histogram, index);
            let rest = if is_custom(histogram) {
                self.custom_rest(lower, upper, count)
            } else {
                self.exponential_rest(lower, upper, count)
            };
            (index, self.keep(&rest))
        });
        trimmed.collect()
    }

    fn trim_negative(&mut self) -> Vec<(i32, f64)> {
        let histogram = self.histogram;
        let schema = histogram.schema;
        let all: Vec<_> = indexed(&histogram.negative_spans, &histogram.negative).collect();
        let trimmed = all.into_iter().map(|(index, count)| {
            let (lower, upper) = (
                -bound(index, schema),
                -bound(index.saturating_sub(1), schema),
            );
            let rest = self.exponential_rest(lower, upper, count);
            (index, self.keep(&rest))
        });
        trimmed.collect()
    }

    fn trim_zero(&mut self) -> f64 {
        let histogram = self.histogram;
        if histogram.zero_count == 0.0 {
            return 0.0;
        }
        let Bucket {
            mut lower,
            mut upper,
            count,
            ..
        } = zero_bucket(histogram);
        match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
            (true, false) => lower = 0.0,
            (false, true) => upper = 0.0,
            _ => {}
        }
        let rest = self.linear_rest(lower, upper, count);
        self.keep(&rest)
    }

    /// Returns nothing when the value lies within the bounds, else the whole bucket or none of it.
    fn whole_or_none(&self, lower: f64, upper: f64) -> Option<bool> {
        match self.side {
            Side::Below if upper <= self.value => Some(true),
            Side::Below if lower >= self.value => Some(false),
            Side::Above if lower >= self.value => Some(true),
            Side::Above if upper <= self.value => Some(false),
            _ => None,
        }
    }

    fn exponential_rest(&self, lower: f64, upper: f64, count: f64) -> Rest {
        let middle = |a: f64, b: f64| (a.abs().log2() / 2.0 + b.abs().log2() / 2.0).exp2();
        let sign = if lower < 0.0 { -1.0 } else { 1.0 };
        match self.whole_or_none(lower, upper) {
            Some(true) => Rest::whole(count, sign * middle(lower, upper)),
            Some(false) => Rest::none(count),
            None => {
                let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
                let below = (self.value.abs().log2() - log_lower) / (log_upper - log_lower);
                let (share, from, to) = match self.side {
                    Side::Below => (below, lower, self.value),
                    Side::Above => (1.0 - below, self.value, upper),
                };
                Rest::part(count * share, sign * middle(from, to))
            }
        }
    }

    fn linear_rest(&self, lower: f64, upper: f64, count: f64) -> Rest {
        match self.whole_or_none(lower, upper) {
            Some(true) => Rest::whole(count, (lower + upper) / 2.0),
            Some(false) => Rest::none(count),
            None => {
                let below = (self.value - lower) / (upper - lower);
                match self.side {
                    Side::Below => Rest::part(count * below, (lower + self.value) / 2.0),
                    Side::Above => Rest::part(count * (1.0 - below), (self.value + upper) / 2.0),
                }
            }
        }
    }

    /// Custom buckets at the ends are open: what is in them cannot be told by interpolation.
    fn custom_rest(&self, lower: f64, upper: f64, count: f64) -> Rest {
        let from_zero = lower == f64::NEG_INFINITY && upper > 0.0 && upper.is_finite();
        if from_zero && (self.side == Side::Below || self.value >= 0.0) {
            return self.linear_rest(0.0, upper, count);
        }
        if lower.is_finite() && upper.is_finite() {
            return self.linear_rest(lower, upper, count);
        }
        match self.side {
            Side::Below if self.value == f64::INFINITY => Rest::whole(count, lower.max(upper)),
            Side::Above if self.value == f64::NEG_INFINITY => Rest::whole(count, lower),
            Side::Below if lower == f64::NEG_INFINITY && upper.is_finite() => {
                self.open_below_rest(upper, count)
            }
            Side::Above if upper == f64::INFINITY && lower.is_finite() => {
                self.open_above_rest(lower, count)
            }
            _ => Rest::none(count),
        }
    }

    /// A bucket from -Inf to a bound that is not positive stays whole.
    fn open_below_rest(&self, upper: f64, count: f64) -> Rest {
        if self.value == f64::NEG_INFINITY {
            Rest::none(count)
        } else if self.value >= upper {
            Rest::whole(count, upper)
        } else {
            Rest::part(count, self.value)
        }
    }

    /// A bucket from a bound to +Inf stays whole.
    fn open_above_rest(&self, lower: f64, count: f64) -> Rest {
        if self.value == f64::INFINITY {
            Rest::none(count)
        } else if self.value <= lower {
            Rest::whole(count, lower)
        } else {
            Rest::part(count, self.value)
        }
    }
}

impl Rest {
    fn whole(count: f64, middle: f64) -> Rest {
        Rest {
            count,
            middle,
            trimmed: false,
        }
    }

    fn part(count: f64, middle: f64) -> Rest {
        Rest {
            count,
            middle,
            trimmed: true,
        }
    }

    fn none(count: f64) -> Rest {
        Rest {
            count: 0.0,
            middle: 0.0,
            trimmed: count != 0.0,
        }
    }
}
