//! `irate` and `idelta` look at the last two samples, `resets` and `changes` at all neighbours.

use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::eval::notes::Note;
use crate::eval::table::{Cell, CellRef};
use crate::histogram;

use super::{Window, extended, gauge, is_start_reset};

pub(super) fn irate(window: &Window<'_>) -> Option<Cell> {
    last_change(window, true)
}

pub(super) fn idelta(window: &Window<'_>) -> Option<Cell> {
    last_change(window, false)
}

/// A sample with its time and start timestamp.
#[derive(Clone, Copy)]
struct Point<'a> {
    time: i64,
    start: i64,
    value: CellRef<'a>,
}

fn float_point<'a>(window: &Window<'a>, at: usize) -> Point<'a> {
    Point {
        time: window.floats.times[at],
        start: window.floats.start(at),
        value: CellRef::Float(window.floats.values[at]),
    }
}

fn histogram_point<'a>(window: &Window<'a>, at: usize) -> Point<'a> {
    Point {
        time: window.histograms.times[at],
        start: window.histograms.start(at),
        value: CellRef::Histogram(&window.histograms.values[at]),
    }
}

fn last_two<'a>(window: &Window<'a>) -> Option<(Point<'a>, Point<'a>)> {
    let (floats, histograms) = (window.floats.len(), window.histograms.len());
    let mut newest: Vec<Point<'_>> = Vec::with_capacity(4);
    newest.extend((floats.saturating_sub(2)..floats).map(|at| float_point(window, at)));
    newest.extend((histograms.saturating_sub(2)..histograms).map(|at| histogram_point(window, at)));
    newest.sort_by_key(|point| point.time);
    match newest.as_slice() {
        [.., previous, last] => Some((*previous, *last)),
        _ => None,
    }
}

fn last_change(window: &Window<'_>, is_rate: bool) -> Option<Cell> {
    let (previous, last) = last_two(window)?;
    let interval = last.time - previous.time;
    if interval == 0 {
        return None;
    }
    let anew = is_start_reset((previous.start, previous.time), (last.start, last.time));
    let seconds = interval as f64 / 1000.0;
    match (previous.value, last.value) {
        (CellRef::Float(before), CellRef::Float(after)) => {
            let was_reset = is_rate && (after < before || anew);
            let change = if was_reset { after } else { after - before };
            Some(Cell::Float(if is_rate { change / seconds } else { change }))
        }
        (CellRef::Histogram(before), CellRef::Histogram(after)) => {
            let change = histogram_change(window, before, after, (is_rate, anew))?;
            Some(gauge(if is_rate {
                histogram::divide(&change, seconds)
            } else {
                change
            }))
        }
        _ => {
            window.notes.add(Note::MixedFloatsHistograms);
            None
        }
    }
}

fn histogram_change(
    window: &Window<'_>,
    before: &Arc<FloatHistogram>,
    after: &Arc<FloatHistogram>,
    (is_rate, anew): (bool, bool),
) -> Option<FloatHistogram> {
    let gauges = [before, after].map(|h| h.reset_hint == ResetHint::Gauge);
    if is_rate && gauges.contains(&true) {
        window.notes.add(Note::NotCounter);
    }
    if !is_rate && gauges.contains(&false) {
        window.notes.add(Note::NotGauge);
    }
    if is_rate && (anew || histogram::is_reset(after, before)) {
        return Some(after.as_ref().clone());
    }
    match histogram::difference(after, before) {
        Ok((difference, reconciled)) => {
            if reconciled.bounds {
                window.notes.add(Note::BoundsInSubtraction);
            }
            Some(difference)
        }
        Err(_) => {
            window.notes.add(Note::MixedSchemas);
            None
        }
    }
}

pub(super) fn resets(window: &Window<'_>) -> Option<Cell> {
    if let Some((known, places)) = &window.known
        && window.floats.is_empty()
    {
        let resets = known.among(places.start + 1..places.end);
        return Some(Cell::Float(resets.len() as f64));
    }
    count_neighbours(window, |previous, current| {
        let anew = is_start_reset(
            (previous.start, previous.time),
            (current.start, current.time),
        );
        match (previous.value, current.value) {
            (CellRef::Float(before), CellRef::Float(after)) => after < before || anew,
            (CellRef::Histogram(before), CellRef::Histogram(after)) => {
                anew || histogram::is_reset(after, before)
            }
            _ => true,
        }
    })
}

pub(super) fn changes(window: &Window<'_>) -> Option<Cell> {
    count_neighbours(window, |previous, current| {
        match (previous.value, current.value) {
            (CellRef::Float(before), CellRef::Float(after)) => {
                before != after && !(before.is_nan() && after.is_nan())
            }
            (CellRef::Histogram(before), CellRef::Histogram(after)) => {
                !histogram::equal(before, after)
            }
            _ => true,
        }
    })
}

/// Counts the neighbours in time for which a claim holds.
fn count_neighbours(
    window: &Window<'_>,
    holds: impl Fn(&Point<'_>, &Point<'_>) -> bool,
) -> Option<Cell> {
    let (mut float, mut histogram) = extended::anchor(window)?;
    let mut previous: Option<Point<'_>> = None;
    let mut counted = 0usize;
    loop {
        let next_float = window.floats.times.get(float);
        let next_histogram = window.histograms.times.get(histogram);
        let current = match (next_float, next_histogram) {
            (None, None) => return Some(Cell::Float(counted as f64)),
            (Some(time), other) if other.is_none_or(|other| time < other) => {
                float += 1;
                float_point(window, float - 1)
            }
            _ => {
                histogram += 1;
                histogram_point(window, histogram - 1)
            }
        };
        counted += usize::from(previous.is_some_and(|previous| holds(&previous, &current)));
        previous = Some(current);
    }
}
