//! What a window of values comes to.

use super::sampling::Sample;
use crate::ast::RangeOp;

/// A computation over windows.
pub(super) struct Compute {
    pub(super) op: RangeOp,
    /// The quantile.
    pub(super) parameter: f64,
    /// The width of the windows in nanoseconds.
    pub(super) width: i64,
}

impl Compute {
    /// Returns the value of a window that is not empty, sorted by time, within `(start, end]`.
    pub(super) fn of(&self, window: &[Sample], start: i64, end: i64) -> Option<f64> {
        let seconds = self.width as f64 / 1e9;
        let values = || window.iter().map(|sample| sample.1);
        Some(match self.op {
            RangeOp::Count => window.len() as f64,
            RangeOp::Sum | RangeOp::Bytes => sum(values()),
            RangeOp::Rate | RangeOp::BytesRate => sum(values()) / seconds,
            RangeOp::Avg => sum(values()) / window.len() as f64,
            RangeOp::Min => values().fold(f64::NAN, f64::min),
            RangeOp::Max => values().fold(f64::NAN, f64::max),
            RangeOp::First => window.first()?.1,
            RangeOp::Last => window.last()?.1,
            RangeOp::Stdvar => variance(window),
            RangeOp::Stddev => variance(window).sqrt(),
            RangeOp::Quantile => quantile(self.parameter, values().collect()),
            RangeOp::RateCounter => return counter_rate(window, start, end),
            RangeOp::Absent => 1.0,
        })
    }
}

/// Adds with Kahan's and Neumaier's correction of rounding errors.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0f64, 0.0f64);
    for value in values {
        let next = total + value;
        if next.is_finite() {
            lost += if total.abs() >= value.abs() {
                (total - next) + value
            } else {
                (value - next) + total
            };
        }
        total = next;
    }
    total + lost
}

/// Returns the population variance, by Welford's method.
fn variance(window: &[Sample]) -> f64 {
    let values: Vec<f64> = window.iter().map(|sample| sample.1).collect();
    population_variance(&values)
}

/// Returns the population variance of values that are not empty.
pub(super) fn population_variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

/// Returns the quantile of values that are not empty, interpolated between neighbours.
pub(super) fn quantile(quantile: f64, mut values: Vec<f64>) -> f64 {
    if quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = quantile * (values.len() - 1) as f64;
    let (lower, upper) = (rank.floor() as usize, rank.ceil() as usize);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Returns the per-second increase of a counter, extrapolated to the window's ends as Prometheus
/// does; a decrease is a reset.
fn counter_rate(window: &[Sample], start: i64, end: i64) -> Option<f64> {
    let (first, last) = (window.first()?, window.last()?);
    if window.len() < 2 {
        return None;
    }
    let resets = window.windows(2).filter(|pair| pair[1].1 < pair[0].1);
    let increase = last.1 - first.1 + sum(resets.map(|pair| pair[0].1));
    let between = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1e9;
    let sampled = between(first.0, last.0);
    let average = sampled / (window.len() - 1) as f64;
    let mut before = between(start, first.0);
    if increase > 0.0 && first.1 >= 0.0 {
        // A counter is not extrapolated below zero.
        before = before.min(sampled * (first.1 / increase));
    }
    let after = between(last.0, end);
    let extended = |gap: f64| {
        if gap < average * 1.1 {
            gap
        } else {
            average / 2.0
        }
    };
    let factor = (sampled + extended(before) + extended(after)) / sampled;
    Some(increase * factor / between(start, end))
}
