//! `rate`, `increase` and `delta`: what changed in a window, extrapolated to its bounds.

use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::SelectorMode;
use crate::eval::notes::Note;
use crate::eval::table::Cell;
use crate::histogram::{self, Sum, is_custom};

use super::{Slice, Window, extended, gauge, is_start_overlap, is_start_reset};

/// What is told of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eval) enum Change {
    /// The change of a gauge.
    Delta,
    /// The growth of a counter.
    Increase,
    /// The growth of a counter for each second.
    Rate,
}

impl Change {
    pub(super) fn of_counter(self) -> bool {
        self != Change::Delta
    }

    /// Returns what is told of a window of floats from the change between its first and last
    /// sample, resets considered, where no start timestamp is known.
    pub(super) fn of_window(
        self,
        changed: f64,
        first: f64,
        extent: &Extent,
        (start, end): (i64, i64),
    ) -> f64 {
        let counts = self.of_counter() && changed > 0.0 && first >= 0.0;
        let to_zero = counts.then(|| first / changed);
        let reach = Reach::of(extent, (start, end), false);
        let mut factor = reach.factor(to_zero);
        if self == Change::Rate {
            factor /= end.saturating_sub(start) as f64 / 1000.0;
        }
        changed * factor
    }
}

pub(super) fn rate(window: &Window<'_>) -> Option<Cell> {
    change(window, Change::Rate)
}

pub(super) fn increase(window: &Window<'_>) -> Option<Cell> {
    change(window, Change::Increase)
}

pub(super) fn delta(window: &Window<'_>) -> Option<Cell> {
    change(window, Change::Delta)
}

fn change(window: &Window<'_>, change: Change) -> Option<Cell> {
    if !window.floats.is_empty() && !window.histograms.is_empty() {
        window.notes.add(Note::MixedFloatsHistograms);
        return None;
    }
    if window.mode != SelectorMode::Plain {
        return extended::change(window, change);
    }
    if window.histograms.is_empty() {
        change_of_floats(window, change).map(Cell::Float)
    } else {
        change_of_histograms(window, change)
    }
}

/// Where the samples of a window lie.
pub(super) struct Extent {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: usize,
    /// The start timestamp of the first sample, 0 where unknown.
    pub(super) first_start: i64,
}

impl Extent {
    fn of<T>(points: &Slice<'_, T>) -> Option<Extent> {
        let first_start = points.starts.first().copied().unwrap_or(0);
        let extent = Extent::between(points.times)?;
        Some(Extent {
            first_start,
            ..extent
        })
    }

    /// Returns the extent of times whose start timestamps are not known.
    pub(super) fn between(times: &[i64]) -> Option<Extent> {
        Some(Extent {
            first: *times.first()?,
            last: *times.last()?,
            count: times.len(),
            first_start: 0,
        })
    }

    /// Tells whether the counter is known to have begun at 0 within the window.
    fn begins_within(&self, window_start: i64) -> bool {
        self.first_start != 0 && self.first_start > window_start && self.first_start < self.first
    }
}

/// How far samples reach, and how far what they tell reaches beyond them, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    pub(super) sampled: f64,
    pub(super) to_start: f64,
    to_end: f64,
}

impl Reach {
    /// Returns how far samples are extrapolated towards the bounds of their window.
    pub(super) fn of(extent: &Extent, (start, end): (i64, i64), begins_within: bool) -> Reach {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        let mut to_start = seconds(extent.first.saturating_sub(start));
        let mut to_end = seconds(end.saturating_sub(extent.last));
        let mut sampled = seconds(extent.last - extent.first);
        let between = if extent.count > 1 {
            sampled / (extent.count - 1) as f64
        } else {
            0.0
        };
        let threshold = between * 1.1;
        if begins_within {
            to_start = 0.0;
            sampled = seconds(extent.last - extent.first_start);
        } else if to_start >= threshold {
            to_start = between / 2.0;
        }
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        Reach {
            sampled,
            to_start,
            to_end,
        }
    }

    /// Returns the factor by which a change between samples becomes one of the whole window.
    ///
    /// `to_zero` is the part of the sampled interval before the first sample at which the counter
    /// would have been 0.
    pub(super) fn factor(&self, to_zero: Option<f64>) -> f64 {
        let Reach {
            sampled, to_end, ..
        } = *self;
        let to_start = to_zero.map_or(self.to_start, |share| self.to_start.min(sampled * share));
        if sampled == 0.0 {
            1.0
        } else {
            (sampled + to_start + to_end) / sampled
        }
    }
}

fn change_of_floats(window: &Window<'_>, change: Change) -> Option<f64> {
    let floats = &window.floats;
    let extent = Extent::of(floats)?;
    let (first, last) = (*floats.values.first()?, *floats.values.last()?);
    let mut result = last - first;
    if change.of_counter() {
        for at in 1..floats.len() {
            let (previous, current) = (floats.values[at - 1], floats.values[at]);
            if current < previous || starts_anew(window, floats, at) {
                result += previous;
            }
        }
    }
    let begins_within = change.of_counter() && extent.begins_within(window.start);
    if begins_within {
        result += first;
    } else if extent.count < 2 {
        return None;
    }
    let counts = change.of_counter() && result > 0.0 && first >= 0.0;
    let to_zero = counts.then(|| first / result);
    let reach = Reach::of(&extent, (window.start, window.end), begins_within);
    Some(result * per_second(window, change, reach.factor(to_zero)))
}

fn per_second(window: &Window<'_>, change: Change, factor: f64) -> f64 {
    if change == Change::Rate {
        factor / (window.range as f64 / 1000.0)
    } else {
        factor
    }
}

fn starts_anew<T>(window: &Window<'_>, points: &Slice<'_, T>, at: usize) -> bool {
    if points.starts.is_empty() {
        return false;
    }
    let (previous_start, start) = (points.start(at - 1), points.start(at));
    let (previous, current) = (points.times[at - 1], points.times[at]);
    if is_start_overlap(previous_start, previous, start) {
        window.notes.add(Note::StartOverlap);
    }
    is_start_reset((previous_start, previous), (start, current))
}

fn change_of_histograms(window: &Window<'_>, change: Change) -> Option<Cell> {
    let points = &window.histograms;
    let extent = Extent::of(points)?;
    let begins_within = change.of_counter() && extent.begins_within(window.start);
    let first = points.values.first()?;
    let mut result = if extent.count > 1 {
        histogram_change(window, change)?
    } else if begins_within {
        return Some(scaled(
            window,
            change,
            &extent,
            first.as_ref().clone(),
            begins_within,
        ));
    } else {
        return None;
    };
    if begins_within {
        match histogram::sum(&result, first) {
            Ok((sum, _)) => result = sum,
            Err(_) => {
                window.notes.add(Note::MixedSchemas);
                return None;
            }
        }
    }
    Some(scaled(window, change, &extent, result, begins_within))
}

fn scaled(
    window: &Window<'_>,
    change: Change,
    extent: &Extent,
    result: FloatHistogram,
    begins_within: bool,
) -> Cell {
    let first = window
        .histograms
        .values
        .first()
        .map_or(0.0, |first| first.count);
    let counts = change.of_counter() && result.count > 0.0 && first >= 0.0;
    let to_zero = counts.then(|| first / result.count);
    let reach = Reach::of(extent, (window.start, window.end), begins_within);
    gauge(histogram::scale(
        &result,
        per_second(window, change, reach.factor(to_zero)),
    ))
}

/// Returns the last histogram of a window less the first, with what resets lost.
fn histogram_change(window: &Window<'_>, change: Change) -> Option<FloatHistogram> {
    let points = &window.histograms;
    let (first, last) = (points.values.first()?, points.values.last()?);
    let is_counter = change.of_counter();
    if is_counter && has_gauge(window) {
        window.notes.add(Note::NotCounter);
    }
    let second = points.values.get(1)?;
    let resets = if is_counter {
        resets(window)
    } else {
        Vec::new()
    };
    // What was before a reset does not matter, not even its layout.
    let base = if resets.first() == Some(&1) {
        Arc::new(empty_like(second))
    } else {
        Arc::clone(first)
    };
    let others = if is_counter {
        is_alike_from_second(window, is_custom(&base))
    } else {
        is_custom(last) == is_custom(&base)
    };
    if !others {
        window.notes.add(Note::MixedSchemas);
        return None;
    }
    let mut sum = Sum::new(last);
    let mut add = |other: &FloatHistogram, factor: f64, note: Note| {
        // The bounds were checked to be of one kind.
        if sum
            .add(other, factor)
            .is_ok_and(|reconciled| reconciled.bounds)
        {
            window.notes.add(note);
        }
    };
    add(&base, -1.0, Note::BoundsInSubtraction);
    for at in resets.into_iter().filter(|at| *at > 1) {
        add(&points.values[at - 1], 1.0, Note::BoundsInAddition);
    }
    if !is_counter && (first.reset_hint != ResetHint::Gauge || last.reset_hint != ResetHint::Gauge)
    {
        window.notes.add(Note::NotGauge);
    }
    Some(sum.finish())
}

fn has_gauge(window: &Window<'_>) -> bool {
    match &window.known {
        Some((known, places)) => known.any_gauge(places),
        None => {
            let mut values = window.histograms.values.iter();
            values.any(|h| h.reset_hint == ResetHint::Gauge)
        }
    }
}

/// Tells whether all histograms but the first are of one kind.
fn is_alike_from_second(window: &Window<'_>, custom: bool) -> bool {
    match &window.known {
        Some((known, places)) => {
            let customs = known.customs(&(places.start + 1..places.end));
            customs == if custom { places.len() - 1 } else { 0 }
        }
        None => {
            let mut others = window.histograms.values.iter().skip(1);
            others.all(|h| is_custom(h) == custom)
        }
    }
}

/// Returns which histograms of a window were reset since the one before.
fn resets(window: &Window<'_>) -> Vec<usize> {
    let points = &window.histograms;
    match &window.known {
        Some((known, places)) => {
            let within = known.among(places.start + 1..places.end);
            within.iter().map(|at| at - places.start).collect()
        }
        None => {
            let was_reset = |at: &usize| {
                let (current, previous) = (&points.values[*at], &points.values[*at - 1]);
                starts_anew(window, points, *at) || histogram::is_reset(current, previous)
            };
            (1..points.len()).filter(was_reset).collect()
        }
    }
}

fn empty_like(histogram: &FloatHistogram) -> FloatHistogram {
    FloatHistogram {
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        custom_bounds: histogram.custom_bounds.clone(),
        ..FloatHistogram::default()
    }
}
