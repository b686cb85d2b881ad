//! What changed in the windows of all steps: `rate`, `increase` and `delta` of floats.
//!
//! How far a window reaches beyond its samples follows from their times alone, and is worked out
//! once for series with the same times. What is left for each window is a difference, what resets
//! have lost in between, and a product.

use std::ops::Range;

use crate::error::QueryError;
use crate::eval::samples::Points;

use super::rate::{Change, Extent, Reach};
use super::slide::{Slide, exact_sums};
use super::{Cursor, Windows};

/// The samples of a window, and how its times make a change between them one of the whole window.
#[derive(Clone, Copy, Debug)]
pub(in crate::eval) struct Edge {
    from: u32,
    to: u32,
    reach: Reach,
    /// The factor of a change, unless the counter would have been 0 within the window.
    factor: f64,
}

/// How a change is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::eval) struct Question {
    windows: Windows,
    change: Change,
}

impl Question {
    /// Returns what a change is divided by.
    fn divisor(&self) -> f64 {
        if self.change == Change::Rate {
            self.windows.range as f64 / 1000.0
        } else {
            1.0
        }
    }

    fn edges(&self, times: &[i64], edges: &mut Vec<Edge>) {
        let mut cursor = Cursor::default();
        for step in 0..self.windows.reference.steps.count {
            let bounds = self.windows.bounds(step);
            let (from, to) = cursor.advance(times, bounds);
            let extent = Extent::between(&times[from..to]);
            let reach = extent.map_or(Reach::default(), |extent| Reach::of(&extent, bounds, false));
            edges.push(Edge {
                from: from as u32,
                to: to as u32,
                reach,
                factor: reach.factor(None) / self.divisor(),
            });
        }
    }
}

impl Edge {
    /// Returns the factor of a change that begins at a value of a counter.
    fn factor_of_counter(&self, first: f64, change: f64, divisor: f64) -> f64 {
        let counts = change > 0.0 && first >= 0.0;
        if !counts || self.begins_before(first, change) {
            return self.factor;
        }
        self.reach.factor(Some(first / change)) / divisor
    }

    /// Tells whether the counter was surely not 0 within the window: `sampled * (first / change)`
    /// is not less than `to_start`, however it is rounded. Saves two divisions nearly always.
    fn begins_before(&self, first: f64, change: f64) -> bool {
        const MARGIN: f64 = 1.0 + 1e-12;
        const SUBNORMAL_SURELY_NOT: f64 = 1e-290;
        let reached = first * self.reach.sampled;
        reached > change * self.reach.to_start * MARGIN && reached > SUBNORMAL_SURELY_NOT
    }
}

/// Fills a row with the change in each window that has two samples.
pub(super) fn slide(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    change: Change,
) -> Result<(), QueryError> {
    let question = Question {
        windows: *slide.windows,
        change,
    };
    let (times, values) = (&floats.times, &floats.values);
    let divisor = question.divisor();
    let edges = slide.edges.get(question, times, |question, edges| {
        question.edges(times, edges)
    })?;
    let mut lost = if change.of_counter() {
        Lost::of(values)
    } else {
        Lost::default()
    };
    for (step, edge) in edges.iter().enumerate() {
        let (from, to) = (edge.from as usize, edge.to as usize);
        if from == to {
            continue;
        }
        slide.tally.noted(step, (to - from) as u64);
        if to - from < 2 {
            continue;
        }
        let (first, last) = (values[from], values[to - 1]);
        let result = lost.added_to(last - first, values, from..to);
        let factor = if change.of_counter() {
            edge.factor_of_counter(first, result, divisor)
        } else {
            edge.factor
        };
        slide.row.set_float(step, result * factor);
    }
    Ok(())
}

/// What resets of a counter have lost.
#[derive(Default)]
struct Lost {
    /// The places of the samples that are lower than the one before.
    resets: Vec<usize>,
    /// For each reset what it and those before it have lost, if that is exact.
    totals: Option<Vec<f64>>,
    /// The resets before the window and at its beginning.
    passed: usize,
    /// The resets up to the window's end.
    reached: usize,
}

impl Lost {
    fn of(values: &[f64]) -> Lost {
        let falls = |pair: &[f64; 2]| pair[1] < pair[0];
        let mut any = false;
        for pair in values.array_windows() {
            any |= falls(pair);
        }
        if !any {
            return Lost::default();
        }
        let falls = |at: &usize| values[*at] < values[*at - 1];
        let resets: Vec<usize> = (1..values.len()).filter(falls).collect();
        let lost: Vec<f64> = resets.iter().map(|at| values[at - 1]).collect();
        Lost {
            totals: exact_sums(&lost),
            resets,
            ..Lost::default()
        }
    }

    /// Adds what was lost within a window, which only moves forward.
    #[inline]
    fn added_to(&mut self, change: f64, values: &[f64], window: Range<usize>) -> f64 {
        if self.resets.is_empty() {
            return change;
        }
        self.added_some_to(change, values, window)
    }

    fn added_some_to(&mut self, change: f64, values: &[f64], window: Range<usize>) -> f64 {
        let Lost {
            resets,
            totals,
            passed,
            reached,
        } = self;
        let before = |place: &usize, end: usize| resets.get(*place).is_some_and(|at| *at < end);
        while before(passed, window.start + 1) {
            *passed += 1;
        }
        *reached = (*reached).max(*passed);
        while before(reached, window.end) {
            *reached += 1;
        }
        match totals {
            Some(totals) if change.trunc() == change => {
                change + (totals[*reached] - totals[*passed])
            }
            // One after the other, as they come: sums of other sums would round otherwise.
            _ => {
                let lost = resets[*passed..*reached].iter().map(|at| values[at - 1]);
                lost.fold(change, |sum, lost| sum + lost)
            }
        }
    }
}
