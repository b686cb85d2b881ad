//! Functions of windows in time linear in samples and steps, for series of floats.
//!
//! What the windows of two steps have in common is not looked at twice: resets are counted and
//! summed up once for all windows, extremes are kept in a queue of candidates, and sums of long
//! windows in two stacks. Anything else is left to the function of a single window.

use std::collections::VecDeque;

use crate::ast::{FunctionId, SelectorMode};
use crate::eval::samples::{Points, Samples};
use crate::eval::table::Row;
use crate::kahan::Kahan;

use super::rate::{Change, Extent, extrapolate};
use super::{Cursor, Windows};

/// The samples that windows must share before sliding pays off.
const OVERLAP_MIN: usize = 8;

/// Fills a row if the function can slide over these samples; else returns false.
pub(super) fn apply(
    function: FunctionId,
    samples: &Samples,
    windows: &Windows,
    row: &mut Row,
) -> bool {
    let plain = windows.mode == SelectorMode::Plain
        && samples.histograms.times.is_empty()
        && samples.floats.starts.is_empty()
        && windows.reference.steps.count > 1;
    if !plain {
        return false;
    }
    let floats = &samples.floats;
    use FunctionId as Id;
    match function {
        Id::Rate => slide_change(floats, windows, Change::Rate, row),
        Id::Increase => slide_change(floats, windows, Change::Increase, row),
        Id::Delta => slide_change(floats, windows, Change::Delta, row),
        Id::Resets => slide_count(floats, windows, row, |before, after| after < before),
        Id::Changes => slide_count(floats, windows, row, |before, after| {
            before != after && !(before.is_nan() && after.is_nan())
        }),
        Id::MinOverTime if overlaps(floats, windows) => {
            slide_extreme(floats, windows, row, |value, other| value < other);
        }
        Id::MaxOverTime if overlaps(floats, windows) => {
            slide_extreme(floats, windows, row, |value, other| value > other);
        }
        Id::SumOverTime if overlaps(floats, windows) => slide_sum(floats, windows, row),
        _ => return false,
    }
    true
}

/// Tells whether a sample is in many windows on average.
fn overlaps(floats: &Points<f64>, windows: &Windows) -> bool {
    let step = windows.reference.steps.step.max(1);
    let shared = windows.range / step;
    windows.reference.at.is_none() && shared as usize >= OVERLAP_MIN && floats.times.len() > 64
}

fn slide_change(floats: &Points<f64>, windows: &Windows, change: Change, row: &mut Row) {
    let (times, values) = (&floats.times, &floats.values);
    let resets = if change.of_counter() {
        resets(values)
    } else {
        Vec::new()
    };
    let mut cursor = Cursor::default();
    let mut passed = 0;
    for step in 0..windows.reference.steps.count {
        let (start, end) = windows.bounds(step);
        let (from, to) = cursor.advance(times, (start, end));
        if to < from + 2 {
            continue;
        }
        let (first, last) = (values[from], values[to - 1]);
        let mut result = last - first;
        while resets.get(passed).is_some_and(|reset| *reset <= from) {
            passed += 1;
        }
        // One after the other, as they come: sums of other sums would round otherwise.
        for reset in resets[passed..].iter().take_while(|reset| **reset < to) {
            result += values[reset - 1];
        }
        let extent = Extent {
            first: times[from],
            last: times[to - 1],
            count: to - from,
            first_start: 0,
        };
        let counts = change.of_counter() && result > 0.0 && first >= 0.0;
        let to_zero = counts.then(|| first / result);
        let mut factor = extrapolate(&extent, (start, end), to_zero, false);
        if change == Change::Rate {
            factor /= windows.range as f64 / 1000.0;
        }
        row.set_float(step, result * factor);
    }
}

/// Returns the places of the samples that are lower than the one before.
fn resets(values: &[f64]) -> Vec<usize> {
    let falls = |at: &usize| values[*at] < values[*at - 1];
    (1..values.len()).filter(falls).collect()
}

fn slide_count(
    floats: &Points<f64>,
    windows: &Windows,
    row: &mut Row,
    holds: impl Fn(f64, f64) -> bool,
) {
    let mut counted = Vec::with_capacity(floats.values.len());
    counted.push(0u32);
    for pair in floats.values.windows(2) {
        let before = counted.last().copied().unwrap_or(0);
        counted.push(before + u32::from(holds(pair[0], pair[1])));
    }
    let mut cursor = Cursor::default();
    for step in 0..windows.reference.steps.count {
        let (from, to) = cursor.advance(&floats.times, windows.bounds(step));
        if to > from {
            row.set_float(step, f64::from(counted[to - 1] - counted[from]));
        }
    }
}

/// Keeps the samples that may still become the extreme of a window, the best one in front.
fn slide_extreme(
    floats: &Points<f64>,
    windows: &Windows,
    row: &mut Row,
    is_better: impl Fn(f64, f64) -> bool,
) {
    let values = &floats.values;
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut cursor = Cursor::default();
    let mut taken = 0;
    for step in 0..windows.reference.steps.count {
        let (from, to) = cursor.advance(&floats.times, windows.bounds(step));
        for at in taken.max(from)..to {
            // NaN is worse than any number and gives way to it.
            let gives_way =
                |other: &usize| values[*other].is_nan() || !is_better(values[*other], values[at]);
            if !values[at].is_nan() {
                while candidates.back().is_some_and(gives_way) {
                    candidates.pop_back();
                }
            }
            candidates.push_back(at);
        }
        taken = taken.max(to);
        while candidates.front().is_some_and(|at| *at < from) {
            candidates.pop_front();
        }
        if let Some(best) = candidates.front().filter(|_| to > from) {
            row.set_float(step, values[*best]);
        }
    }
}

/// Keeps a window as two stacks, so that no sum is ever taken back: sums of the older part from
/// each sample to the part's end, and one sum of the newer part.
fn slide_sum(floats: &Points<f64>, windows: &Windows, row: &mut Row) {
    let values = &floats.values;
    let mut older: Vec<Kahan> = Vec::new();
    let mut older_end = 0;
    let mut newer = Kahan::default();
    let mut newer_end = 0;
    let mut cursor = Cursor::default();
    for step in 0..windows.reference.steps.count {
        let (from, to) = cursor.advance(&floats.times, windows.bounds(step));
        if from >= older_end {
            // The older part is used up: what is in the window becomes the older part.
            older.clear();
            let mut sum = Kahan::default();
            for value in values[from..to].iter().rev() {
                sum.add(*value);
                older.push(sum);
            }
            older_end = to;
            newer = Kahan::default();
            newer_end = to;
        }
        for value in &values[newer_end..to.max(newer_end)] {
            newer.add(*value);
        }
        newer_end = newer_end.max(to);
        if to == from {
            continue;
        }
        let mut sum = match older_end.checked_sub(from + 1) {
            Some(depth) => older[depth],
            None => Kahan::default(),
        };
        sum.merge(newer);
        row.set_float(step, sum.value());
    }
}
