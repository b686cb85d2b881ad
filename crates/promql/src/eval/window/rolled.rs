//! Functions of windows that a store's roll-ups answer as the samples would, bit by bit.
//!
//! In: buckets, and windows that consist of whole ones. Out: a value for each step. Counts, least,
//! greatest and last values are the same however samples are put together; sums and averages are
//! where all numbers are whole and below 2^53, so that nothing is rounded. Elsewhere the samples
//! are read. Bound: the buckets of a series; each is looked at by at most [`SHARED_MAX`] windows.

use crate::ast::{FunctionId, SelectorMode};
use crate::error::QueryError;
use crate::eval::table::Row;
use crate::eval::tally::Tally;
use crate::source::Rollup;

use super::Windows;

/// Below this, reading the samples is as fast.
const EXTENT_MIN_MS: i64 = 6 * 3_600_000;

/// How many windows may have a bucket in common: beyond, sliding over the samples is faster.
const SHARED_MAX: i64 = 16;

/// Whole numbers up to here are added without rounding.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

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
                | Id::LastOverTime
                | Id::SumOverTime
                | Id::AvgOverTime
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

    /// Fills a row from the buckets of all windows, unless some sum might be rounded: then this
    /// returns false, and the row is as it was.
    pub(in crate::eval) fn fill(
        self,
        buckets: &[Rollup],
        windows: &Windows,
        row: &mut Row,
        tally: &mut Tally<'_>,
    ) -> Result<bool, QueryError> {
        let mut totals = Vec::with_capacity(windows.reference.steps.count);
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
            if self.needs_sum() && total.is_some_and(|total| total.sum.is_none()) {
                return Ok(false);
            }
            totals.push(total);
        }
        for (step, total) in totals.into_iter().enumerate() {
            if let Some(total) = total {
                row.set_float(step, self.value(&total));
                tally.saw(step, total.count as usize)?;
            }
        }
        Ok(true)
    }

    fn needs_sum(self) -> bool {
        matches!(
            self.function,
            FunctionId::SumOverTime | FunctionId::AvgOverTime
        )
    }

    fn value(self, total: &Rollup) -> f64 {
        // Adding to 0 is what a sum of the samples begins with: -0 does not come out.
        let sum = 0.0 + total.sum.unwrap_or(f64::NAN);
        match self.function {
            FunctionId::CountOverTime => total.count as f64,
            FunctionId::MinOverTime => total.min,
            FunctionId::MaxOverTime => total.max,
            FunctionId::LastOverTime => total.last,
            FunctionId::SumOverTime => sum,
            FunctionId::AvgOverTime => sum / total.count as f64,
            _ => 1.0,
        }
    }
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
    total.count += later.count;
    total.last = later.last;
    total.end_ms = later.end_ms;
    let most = total.min.abs().max(total.max.abs());
    let is_exact = total.count as f64 * most <= EXACT_MAX;
    let sum = total.sum.zip(later.sum).map(|(a, b)| a + b);
    total.sum = sum.filter(|_| is_exact);
    total
}
