//! Roll-ups: what the floats of a series come to in stretches of five minutes and of an hour.
//!
//! In: the samples of a series, ascending; staleness markers are no samples here. Out: buckets. A
//! bucket is open at its start and closed at its end, as PromQL's windows are. Bound: a day's
//! buckets, 289 of five minutes.

use weft_model::is_stale;

use crate::run::SeriesRun;

mod packed;

pub(crate) use packed::{RollupFrame, encode};

/// The lengths of the buckets that parts have, in milliseconds.
pub const ROLLUP_RESOLUTIONS: [i64; 2] = [5 * 60_000, 60 * 60_000];

/// Whole numbers up to here are added without rounding, in any order.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What the floats of a series come to after `end` minus the resolution, until `end` included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollup {
    /// The end of the stretch, milliseconds; a multiple of the resolution.
    pub end: i64,
    /// How many samples there are: one at least.
    pub count: u64,
    /// The least of them; a NaN only if there is nothing else.
    pub min: f64,
    /// The greatest of them, likewise.
    pub max: f64,
    /// The first of them.
    pub first: f64,
    /// The last of them.
    pub last: f64,
    /// Their sum, if all are whole and so small that it is the same in any order, bit by bit.
    pub sum: Option<f64>,
    /// Where the series falls, if it seldom does.
    pub falls: Option<Falls>,
    /// When the first and the last of them were, if that is known and none has a start timestamp.
    pub extent: Option<Extent>,
}

/// From when to when there are samples, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The time of the first one.
    pub first: i64,
    /// The time of the last one.
    pub last: i64,
}

/// Where a counter was reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Falls {
    /// How often a value is less than the one before.
    pub count: u64,
    /// The values before those, summed.
    pub lost: f64,
}

impl Rollup {
    fn of(end: i64, value: f64, extent: Option<Extent>) -> Rollup {
        Rollup {
            end,
            count: 1,
            min: value,
            max: value,
            first: value,
            last: value,
            sum: exact(value, 1, value.abs()),
            falls: Some(Falls::default()),
            extent,
        }
    }

    /// Adds what comes later to this bucket.
    pub fn merge(&mut self, later: &Rollup) {
        if later.min < self.min || self.min.is_nan() {
            self.min = later.min;
        }
        if later.max > self.max || self.max.is_nan() {
            self.max = later.max;
        }
        self.count += later.count;
        let most = self.min.abs().max(self.max.abs());
        let sum = self.sum.zip(later.sum).map(|(a, b)| a + b);
        self.sum = sum.and_then(|sum| exact(sum, self.count, most));
        let fall = Falls {
            count: u64::from(later.first < self.last),
            lost: if later.first < self.last {
                self.last
            } else {
                0.0
            },
        };
        self.falls = self.falls.zip(later.falls).map(|(a, b)| Falls {
            count: a.count + fall.count + b.count,
            lost: a.lost + fall.lost + b.lost,
        });
        self.last = later.last;
        self.extent = self.extent.zip(later.extent).map(|(a, b)| Extent {
            first: a.first,
            last: b.last,
        });
    }
}

/// Returns a sum of so many whole numbers, if no order of adding them rounds.
fn exact(sum: f64, count: u64, most: f64) -> Option<f64> {
    let fits = sum.fract() == 0.0 && count as f64 * most <= EXACT_MAX;
    fits.then_some(sum)
}

/// Gathers the buckets of one series.
#[derive(Clone, Debug, Default)]
pub(crate) struct RollupBuilder {
    buckets: Vec<Rollup>,
}

impl RollupBuilder {
    /// Adds samples that come later than those before.
    pub(crate) fn add(&mut self, resolution: i64, run: &SeriesRun) {
        let is_plain = run.starts.is_empty();
        for (&time, &value) in run.floats.times.iter().zip(&run.floats.values) {
            if is_stale(value) {
                continue;
            }
            let end = time
                .saturating_add(resolution - 1)
                .div_euclid(resolution)
                .saturating_mul(resolution);
            let extent = is_plain.then_some(Extent {
                first: time,
                last: time,
            });
            self.push(Rollup::of(end, value, extent));
        }
    }

    /// Adds a bucket, or what comes later in the last one.
    pub(crate) fn push(&mut self, later: Rollup) {
        match self.buckets.last_mut() {
            Some(last) if last.end == later.end => last.merge(&later),
            _ => self.buckets.push(later),
        }
    }

    pub(crate) fn finish(self) -> Vec<Rollup> {
        self.buckets
    }
}

#[cfg(test)]
mod tests;
