//! Functions of the samples in a window: one module for each kind of function.
//!
//! In: the samples of one series and the windows of all steps. Out: a cell for each step. Windows
//! are open on the left: a sample at their start is not in them.

mod change;
mod extended;
mod instant;
mod over_time;
mod rate;
mod regression;
mod resets;
mod rolled;
mod slide;

use std::ops::Range;
use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::{FunctionId, SelectorMode};
use crate::error::QueryError;
use crate::histogram::{self, Incompatible};

use super::notes::{Note, SeriesNotes};
use super::range_call::RangeCall;
use super::samples::{Points, Samples};
use super::select::Reference;
use super::table::{Cell, Row};
use super::tally::Tally;

use resets::Resets;
use slide::Slide;

pub(crate) use extended::extend;
pub(super) use over_time::{HistogramMean, quantile_of};
pub(super) use rolled::Rolled;
pub(super) use slide::Edges;

/// The windows of a range selector or subquery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Windows {
    pub(super) reference: Reference,
    pub(super) range: i64,
    pub(crate) mode: SelectorMode,
    /// How far samples outside of the window are looked for, when the mode asks for it.
    pub(super) lookback: i64,
}

impl Windows {
    /// Returns start and end of the window of a step.
    pub(crate) fn bounds(&self, step: usize) -> (i64, i64) {
        let end = self.reference.time(step);
        (end.saturating_sub(self.range), end)
    }

    /// Returns the bounds within which samples are given to the function.
    pub(super) fn reach(&self, step: usize) -> (i64, i64) {
        let (start, end) = self.bounds(step);
        match self.mode {
            SelectorMode::Plain => (start, end),
            SelectorMode::Anchored => (start.saturating_sub(self.lookback), end),
            SelectorMode::Smoothed => (
                start.saturating_sub(self.lookback),
                end.saturating_add(self.lookback),
            ),
        }
    }

    pub(super) fn first(&self) -> i64 {
        self.reach(0).0
    }

    pub(super) fn last(&self) -> i64 {
        self.reach(self.reference.steps.count.saturating_sub(1)).1
    }
}

/// A part of the points of a series.
#[derive(Clone, Copy)]
pub(super) struct Slice<'a, T> {
    times: &'a [i64],
    values: &'a [T],
    starts: &'a [i64],
}

impl<'a, T> Slice<'a, T> {
    fn of(points: &'a Points<T>, from: usize, to: usize) -> Slice<'a, T> {
        Slice {
            times: &points.times[from..to],
            values: &points.values[from..to],
            starts: points.starts.get(from..to).unwrap_or(&[]),
        }
    }

    fn len(&self) -> usize {
        self.times.len()
    }

    fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    fn start(&self, at: usize) -> i64 {
        self.starts.get(at).copied().unwrap_or(0)
    }

    fn last_time(&self) -> Option<i64> {
        self.times.last().copied()
    }
}

/// The samples of one window.
pub(super) struct Window<'a> {
    floats: Slice<'a, f64>,
    histograms: Slice<'a, Arc<FloatHistogram>>,
    /// What is known of all histograms of the series, and where those of the window stand among
    /// them; nothing where the function has to look at each.
    known: Option<(&'a Resets, Range<usize>)>,
    /// The window's bounds; samples may reach beyond them when the mode says so.
    start: i64,
    end: i64,
    range: i64,
    mode: SelectorMode,
    /// The time of the evaluation.
    time: i64,
    /// The function's scalar arguments.
    params: [f64; 2],
    notes: &'a SeriesNotes<'a>,
}

/// A function of a window.
pub(super) type Kernel = fn(&Window<'_>) -> Option<Cell>;

/// Returns the function of a window that a function of PromQL applies.
pub(super) fn kernel(function: FunctionId) -> Option<Kernel> {
    use FunctionId as Id;
    let kernel: Kernel = match function {
        Id::Rate => rate::rate,
        Id::Increase => rate::increase,
        Id::Delta => rate::delta,
        Id::Irate => instant::irate,
        Id::Idelta => instant::idelta,
        Id::Resets => instant::resets,
        Id::Changes => instant::changes,
        Id::AvgOverTime => over_time::avg,
        Id::SumOverTime => over_time::sum,
        Id::CountOverTime => over_time::count,
        Id::MinOverTime => over_time::min,
        Id::MaxOverTime => over_time::max,
        Id::TsOfMinOverTime => over_time::time_of_min,
        Id::TsOfMaxOverTime => over_time::time_of_max,
        Id::FirstOverTime => over_time::first,
        Id::LastOverTime => over_time::last,
        Id::TsOfFirstOverTime => over_time::time_of_first,
        Id::TsOfLastOverTime => over_time::time_of_last,
        Id::PresentOverTime | Id::AbsentOverTime => over_time::present,
        Id::StddevOverTime => over_time::stddev,
        Id::StdvarOverTime => over_time::stdvar,
        Id::QuantileOverTime => over_time::quantile,
        Id::MadOverTime => over_time::mad,
        Id::Deriv => regression::deriv,
        Id::PredictLinear => regression::predict_linear,
        Id::DoubleExponentialSmoothing => regression::double_exponential_smoothing,
        _ => return None,
    };
    Some(kernel)
}

/// Applies a function to the window of each step, and counts what each has in it.
pub(super) fn apply(
    call: &RangeCall,
    samples: &Samples,
    windows: &Windows,
    notes: &SeriesNotes<'_>,
    (row, tally, edges): (&mut Row, &mut Tally<'_>, &mut Edges),
) -> Result<(), QueryError> {
    let mut slide = Slide {
        call,
        windows,
        notes,
        row,
        tally,
        edges,
    };
    if slide::apply(&mut slide, samples)? {
        return Ok(());
    }
    let Slide { row, tally, .. } = slide;
    let counts = matches!(
        call.function,
        FunctionId::Rate | FunctionId::Increase | FunctionId::Resets
    );
    let plain = windows.mode == SelectorMode::Plain && samples.histograms.starts.is_empty();
    let resets = (counts && plain).then(|| Resets::of(&samples.histograms.values));
    let (mut floats, mut histograms) = (Cursor::default(), Cursor::default());
    for step in 0..windows.reference.steps.count {
        let reach = windows.reach(step);
        let (start, end) = windows.bounds(step);
        let floats = floats.slice(&samples.floats, reach);
        let (from, to) = histograms.advance(&samples.histograms.times, reach);
        let histograms = Slice::of(&samples.histograms, from, to);
        let len = floats.len() + histograms.len();
        if len == 0 {
            continue;
        }
        let sizes = histograms.values.iter().map(|h| histogram::samples_of(h));
        tally.saw(step, floats.len() + sizes.sum::<usize>())?;
        let param = |at: usize| call.params.get(at).map_or(f64::NAN, |values| values[step]);
        let cell = (call.kernel)(&Window {
            floats,
            histograms,
            known: resets.as_ref().map(|resets| (resets, from..to)),
            start,
            end,
            range: windows.range,
            mode: windows.mode,
            time: windows.reference.steps.time(step),
            params: [param(0), param(1)],
            notes,
        });
        if let Some(cell) = cell {
            row.set(step, cell);
        }
    }
    Ok(())
}

/// Where the last window began and ended; windows only move forward.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    from: usize,
    to: usize,
}

impl Cursor {
    fn advance(&mut self, times: &[i64], (start, end): (i64, i64)) -> (usize, usize) {
        while times.get(self.from).is_some_and(|time| *time <= start) {
            self.from += 1;
        }
        self.to = self.to.max(self.from);
        while times.get(self.to).is_some_and(|time| *time <= end) {
            self.to += 1;
        }
        (self.from, self.to)
    }

    fn slice<'a, T>(&mut self, points: &'a Points<T>, reach: (i64, i64)) -> Slice<'a, T> {
        let (from, to) = self.advance(&points.times, reach);
        Slice::of(points, from, to)
    }
}

/// Returns the value at a time between two samples; a counter that was reset starts from 0.
pub(super) fn interpolate(
    (time_before, before): (i64, f64),
    (time_after, after): (i64, f64),
    time: i64,
    is_counter: bool,
) -> f64 {
    let before = if is_counter && after < before {
        0.0
    } else {
        before
    };
    before + (after - before) * (time - time_before) as f64 / (time_after - time_before) as f64
}

/// Returns the histogram at a time between two samples, or nothing when they are not alike.
pub(super) fn interpolate_histograms(
    (time_before, before): (i64, &Arc<FloatHistogram>),
    (time_after, after): (i64, &Arc<FloatHistogram>),
    time: i64,
    is_counter: bool,
    notes: &SeriesNotes<'_>,
) -> Option<Arc<FloatHistogram>> {
    if time == time_before {
        return Some(Arc::clone(before));
    }
    if time == time_after {
        return Some(Arc::clone(after));
    }
    let fraction = (time - time_before) as f64 / (time_after - time_before) as f64;
    if is_counter && histogram::is_reset(after, before) {
        return Some(Arc::new(histogram::scale(after, fraction)));
    }
    let interpolated = || -> Result<FloatHistogram, Incompatible> {
        let (difference, reconciled) = histogram::difference(after, before)?;
        if reconciled.bounds {
            notes.add(Note::BoundsInSubtraction);
        }
        let (mut sum, reconciled) =
            histogram::sum(&histogram::scale(&difference, fraction), before)?;
        if reconciled.bounds {
            notes.add(Note::BoundsInAddition);
        }
        sum.reset_hint = after.reset_hint;
        Ok(sum)
    };
    match interpolated() {
        Ok(histogram) => Some(Arc::new(histogram)),
        Err(Incompatible) => {
            notes.add(Note::MixedSchemas);
            None
        }
    }
}

/// Tells whether start timestamps show that a counter was reset between two samples.
fn is_start_reset(
    (previous_start, previous): (i64, i64),
    (current_start, current): (i64, i64),
) -> bool {
    if current_start == 0 || current_start >= current || current_start < previous {
        return false;
    }
    if current_start > previous {
        return true;
    }
    // The start points at the sample before: a delta, unless that one's start is not known.
    previous_start != 0 && previous_start < previous
}

/// Tells whether a start timestamp lies before the sample before without being its start.
fn is_start_overlap(previous_start: i64, previous: i64, current_start: i64) -> bool {
    current_start != 0 && current_start < previous && current_start != previous_start
}

fn gauge(mut histogram: FloatHistogram) -> Cell {
    histogram.reset_hint = ResetHint::Gauge;
    Cell::Histogram(Arc::new(histogram))
}
