//! Functions of windows that a store's roll-ups answer as the samples would, bit by bit.
//!
//! In: buckets, and windows that consist of whole ones. Out: a value for each step. Counts, least,
//! greatest, first and last values are the same however samples are put together; sums and averages
//! are where all numbers are whole and below 2^53, so that nothing is rounded. A rate is that of
//! the samples where the times of the first and the last one are known, and there is one reset at
//! most or all numbers are whole. Elsewhere the samples are read. Bound: the buckets of a series;
//! each is looked at by at most [`SHARED_MAX`] windows.

use crate::ast::{FunctionId, SelectorMode};
use crate::error::QueryError;
use crate::eval::table::Row;
use crate::eval::tally::Tally;
use crate::source::{Falls, Rollup};

use super::Windows;
use super::rate::{Change, Extent};

/// Below this, reading the samples is as fast.
const EXTENT_MIN_MS: i64 = 6 * 3_600_000;

/// How many windows may have a bucket in common: beyond, sliding over the samples is faster.
const SHARED_MAX: i64 = 16;

/// Whole numbers up to here are added without rounding.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The samples might give another answer, by a last bit or more.
struct Inexact;

/// How a function is answered from roll-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eval) struct Rolled {
    pub(in crate::eval) resolution: i64,
    function: FunctionId,
}

impl Rolled {
    /// Returns how to answer a function of these windows, if roll-ups can and if it pays.
    pub(in crate::eval) fn of(
        function: FunctionId,
        windows: &Windows,
        resolutions: &[i64],
    ) -> Option<Rolled> {
        use FunctionId as Id;
        let answered = matches!(
            function,
            Id::CountOverTime
                | Id::PresentOverTime
                | Id::MinOverTime
                | Id::MaxOverTime
                | Id::FirstOverTime
                | Id::LastOverTime
                | Id::SumOverTime
                | Id::AvgOverTime
                | Id::Rate
                | Id::Increase
                | Id::Delta
                | Id::Resets
        );
        let steps = windows.reference.steps;
        let step = if steps.count > 1 && windows.reference.at.is_none() {
            steps.step
        } else {
            windows.range
        };
        let pays = windows.last().saturating_sub(windows.first()) >= EXTENT_MIN_MS
            && windows.range <= step.saturating_mul(SHARED_MAX);
        if !answered || !pays || windows.mode != SelectorMode::Plain {
            return None;
        }
        let whole = |resolution: &i64| {
            [windows.first(), windows.range, step]
                .into_iter()
                .all(|time| time % resolution == 0)
        };
        let longest = resolutions.iter().copied().filter(whole).max();
        longest.map(|resolution| Rolled {
            resolution,
            function,
        })
    }

    /// Fills a row from the buckets of all windows, unless some answer might be another one from
    /// the samples: then this returns false, and the row is as it was.
    pub(in crate::eval) fn fill(
        self,
        buckets: &[Rollup],
        windows: &Windows,
        row: &mut Row,
        tally: &mut Tally<'_>,
    ) -> Result<bool, QueryError> {
        let mut values = Vec::with_capacity(windows.reference.steps.count);
        let mut from = 0;
        for step in 0..windows.reference.steps.count {
            let (start, end) = windows.bounds(step);
            while buckets
                .get(from)
                .is_some_and(|bucket| bucket.end_ms <= start)
            {
                from += 1;
            }
            let within = buckets[from..]
                .iter()
                .take_while(|bucket| bucket.end_ms <= end);
            let total = within.fold(None, |total, bucket| Some(joined(total, bucket)));
            let Some(total) = total else {
                continue;
            };
            let Ok(value) = self.value(&total, (start, end)) else {
                return Ok(false);
            };
            values.push((step, total.count as usize, value));
        }
        for (step, samples, value) in values {
            if let Some(value) = value {
                row.set_float(step, value);
            }
            tally.saw(step, samples)?;
        }
        Ok(true)
    }

    /// Returns the function's value for a window that has samples, if it has one.
    fn value(self, total: &Rollup, bounds: (i64, i64)) -> Result<Option<f64>, Inexact> {
        // Adding to 0 is what a sum of the samples begins with: -0 does not come out.
        let sum = total.sum.map(|sum| 0.0 + sum).ok_or(Inexact);
        Ok(Some(match self.function {
            FunctionId::CountOverTime => total.count as f64,
            FunctionId::MinOverTime => total.min,
            FunctionId::MaxOverTime => total.max,
            FunctionId::FirstOverTime => total.first,
            FunctionId::LastOverTime => total.last,
            FunctionId::SumOverTime => sum?,
            FunctionId::AvgOverTime => sum? / total.count as f64,
            FunctionId::Rate => return changed(Change::Rate, total, bounds),
            FunctionId::Increase => return changed(Change::Increase, total, bounds),
            FunctionId::Delta => return changed(Change::Delta, total, bounds),
            FunctionId::Resets => {
                // Without times there may be start timestamps, which tell of more resets.
                total.extent_ms.ok_or(Inexact)?;
                total.falls.ok_or(Inexact)?.count as f64
            }
            _ => 1.0,
        }))
    }
}

/// Returns what changed in a window, extrapolated to its bounds.
fn changed(change: Change, total: &Rollup, bounds: (i64, i64)) -> Result<Option<f64>, Inexact> {
    let (first, last) = total.extent_ms.ok_or(Inexact)?;
    if total.count < 2 {
        return Ok(None);
    }
    let mut changed = total.last - total.first;
    if change.of_counter() {
        let falls = total.falls.ok_or(Inexact)?;
        // What several resets lost is added to the change one by one.
        let most = total.min.abs().max(total.max.abs());
        let is_whole = total.sum.is_some() && (total.count + 1) as f64 * most <= EXACT_MAX;
        if falls.count > 1 && !is_whole {
            return Err(Inexact);
        }
        if falls.count > 0 {
            changed += falls.lost;
        }
    }
    if changed == 0.0 && changed.is_sign_negative() {
        return Err(Inexact);
    }
    let extent = Extent {
        first,
        last,
        count: total.count as usize,
        first_start: 0,
    };
    Ok(Some(change.of_window(
        changed,
        total.first,
        &extent,
        bounds,
    )))
}

/// Returns what two stretches come to together, the later one given as a bucket.
fn joined(total: Option<Rollup>, later: &Rollup) -> Rollup {
    let Some(mut total) = total else {
        return *later;
    };
    if later.min < total.min || total.min.is_nan() {
        total.min = later.min;
    }
    if later.max > total.max || total.max.is_nan() {
        total.max = later.max;
    }
    total.falls = total.falls.zip(later.falls).map(|(before, after)| {
        let falls = later.first < total.last;
        Falls {
            count: before.count + u64::from(falls) + after.count,
            lost: before.lost + if falls { total.last } else { 0.0 } + after.lost,
        }
    });
    let extents = total.extent_ms.zip(later.extent_ms);
    total.extent_ms = extents.map(|((first, _), (_, last))| (first, last));
    total.count += later.count;
    total.last = later.last;
    total.end_ms = later.end_ms;
    let most = total.min.abs().max(total.max.abs());
    let is_exact = total.count as f64 * most <= EXACT_MAX;
    let sum = total.sum.zip(later.sum).map(|(a, b)| a + b);
    total.sum = sum.filter(|_| is_exact);
    total
}
