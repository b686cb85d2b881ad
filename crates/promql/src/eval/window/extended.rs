//! `anchored` and `smoothed` windows: values at the very bounds instead of extrapolation.

use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::SelectorMode;
use crate::eval::notes::{Note, SeriesNotes};
use crate::eval::table::Cell;
use crate::histogram::{self, Sum, is_custom};

use super::rate::Change;
use super::{Slice, Window, gauge, interpolate, interpolate_histograms};

pub(super) fn change(window: &Window<'_>, change: Change) -> Option<Cell> {
    if window.histograms.is_empty() {
        change_of_floats(window, change).map(Cell::Float)
    } else {
        change_of_histograms(window, change)
    }
}

/// Returns the samples that tell the values at both bounds, if the window holds any.
fn ends(times: &[i64], (start, end): (i64, i64), smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|time| *time <= start);
    let first = first.saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    let outside = times[last] <= start || smoothed && times[first] > end;
    (!outside).then_some((first, last))
}

fn left(
    points: &Slice<'_, f64>,
    first: usize,
    start: i64,
    smoothed: bool,
    is_counter: bool,
) -> f64 {
    let at = |at: usize| (points.times[at], points.values[at]);
    if smoothed && points.times[first] < start && first + 1 < points.len() {
        return interpolate(at(first), at(first + 1), start, is_counter);
    }
    points.values[first]
}

fn right(points: &Slice<'_, f64>, last: usize, end: i64, smoothed: bool, is_counter: bool) -> f64 {
    let at = |at: usize| (points.times[at], points.values[at]);
    if smoothed && last > 0 && points.times[last] > end {
        return interpolate(at(last - 1), at(last), end, is_counter);
    }
    points.values[last]
}

fn change_of_floats(window: &Window<'_>, change: Change) -> Option<f64> {
    let points = &window.floats;
    let smoothed = window.mode == SelectorMode::Smoothed;
    let is_counter = change.of_counter();
    let (first, last) = ends(points.times, (window.start, window.end), smoothed)?;
    let left = left(points, first, window.start, smoothed, is_counter);
    let right = right(points, last, window.end, smoothed, is_counter);
    let mut result = right - left;
    if is_counter {
        // Interpolation has taken care of resets across the bounds.
        let from = first + usize::from(points.times[first] <= window.start);
        let to = if points.times[last] >= window.end {
            last
        } else {
            last + 1
        };
        let mut previous = left;
        let inner = points.values.get(from..to).unwrap_or(&[]);
        for value in inner.iter().chain([&right]) {
            if *value < previous {
                result += previous;
            }
            previous = *value;
        }
    }
    if change == Change::Rate {
        result /= window.range as f64 / 1000.0;
    }
    Some(result)
}

fn change_of_histograms(window: &Window<'_>, change: Change) -> Option<Cell> {
    let points = &window.histograms;
    let smoothed = window.mode == SelectorMode::Smoothed;
    let (first, last) = ends(points.times, (window.start, window.end), smoothed)?;
    let within = &points.values[first..=last.max(first)];
    if within.iter().any(|h| is_custom(h) != is_custom(&within[0])) {
        window.notes.add(Note::MixedSchemas);
        return None;
    }
    let is_counter = change.of_counter();
    let is_gauge = |h: &FloatHistogram| h.reset_hint == ResetHint::Gauge;
    if is_counter && within.iter().any(|h| is_gauge(h)) {
        window.notes.add(Note::NotCounter);
    }
    let at = |at: usize| (points.times[at], &points.values[at]);
    let notes = window.notes;
    let left = if smoothed && points.times[first] < window.start && first + 1 < points.len() {
        interpolate_histograms(at(first), at(first + 1), window.start, is_counter, notes)?
    } else {
        Arc::clone(&points.values[first])
    };
    let right = if smoothed && last > 0 && points.times[last] > window.end {
        interpolate_histograms(at(last - 1), at(last), window.end, is_counter, notes)?
    } else {
        Arc::clone(&points.values[last])
    };
    let gauges = is_gauge(&left) && is_gauge(&right);
    if !is_counter && !gauges {
        notes.add(Note::NotGauge);
    }
    let mut sum = Sum::new(&right);
    add(&mut sum, &left, -1.0, notes)?;
    if is_counter {
        for lost in lost_by_resets(window, (first, last), &left, &right) {
            add(&mut sum, &lost, 1.0, notes)?;
        }
    }
    let mut result = sum.finish();
    if change == Change::Rate {
        result = histogram::divide(&result, window.range as f64 / 1000.0);
    }
    Some(gauge(result))
}

fn add(sum: &mut Sum, other: &FloatHistogram, factor: f64, notes: &SeriesNotes<'_>) -> Option<()> {
    match sum.add(other, factor) {
        Ok(reconciled) => {
            if reconciled.bounds && factor < 0.0 {
                notes.add(Note::BoundsInSubtraction);
            } else if reconciled.bounds {
                notes.add(Note::BoundsInAddition);
            }
            Some(())
        }
        Err(_) => {
            notes.add(Note::MixedSchemas);
            None
        }
    }
}

/// Returns the histograms before each reset between both ends.
fn lost_by_resets(
    window: &Window<'_>,
    (first, last): (usize, usize),
    left: &Arc<FloatHistogram>,
    right: &Arc<FloatHistogram>,
) -> Vec<Arc<FloatHistogram>> {
    let points = &window.histograms;
    let smoothed = window.mode == SelectorMode::Smoothed;
    let mut from = first + 1;
    let mut previous = left;
    let spans_reset = smoothed
        && points.times[first] < window.start
        && points
            .values
            .get(first + 1)
            .is_some_and(|next| histogram::is_reset(next, &points.values[first]));
    if spans_reset {
        // The interpolation on the left has taken care of this reset.
        previous = &points.values[first + 1];
        from += 1;
    }
    if from > last {
        return Vec::new();
    }
    let mut lost = Vec::new();
    for current in &points.values[from..last] {
        if histogram::is_reset(current, previous) {
            lost.push(Arc::clone(previous));
        }
        previous = current;
    }
    if histogram::is_reset(right, previous) {
        lost.push(Arc::clone(previous));
    }
    lost
}

/// Returns the samples of a window with those at its very bounds, as a range selector shows them.
pub(crate) fn extend(
    times: &[i64],
    values: &[f64],
    (start, end): (i64, i64),
    smoothed: bool,
) -> Vec<(i64, f64)> {
    let points = Slice {
        times,
        values,
        starts: &[],
    };
    let Some((first, last)) = ends(times, (start, end), smoothed) else {
        return Vec::new();
    };
    let from = first + usize::from(times[first] <= start);
    let to = if times[last] >= end { last } else { last + 1 };
    let mut all = vec![(start, left(&points, first, start, smoothed, false))];
    let inner = times.iter().zip(values).take(to).skip(from);
    all.extend(inner.map(|(time, value)| (*time, *value)));
    all.push((end, right(&points, last, end, smoothed, false)));
    all
}

/// Returns where the samples of an anchored window begin: at the newest one at or before its
/// start, whether float or histogram. Nothing when no sample lies behind the start.
pub(super) fn anchor(window: &Window<'_>) -> Option<(usize, usize)> {
    if window.mode != SelectorMode::Anchored {
        return Some((0, 0));
    }
    let behind = |times: &[i64]| times.partition_point(|time| *time <= window.start);
    let (floats, histograms) = (behind(window.floats.times), behind(window.histograms.times));
    if floats >= window.floats.len() && histograms >= window.histograms.len() {
        return None;
    }
    let before = |times: &[i64], behind: usize| behind.checked_sub(1).map(|at| times[at]);
    let float = before(window.floats.times, floats);
    let histogram = before(window.histograms.times, histograms);
    Some(match (float, histogram) {
        (None, None) => (0, 0),
        (Some(float), other) if other.is_none_or(|other| float >= other) => {
            (floats - 1, histograms)
        }
        _ => (floats, histograms - 1),
    })
}
