//! Functions of windows in time linear in samples and steps, for series of floats.
//!
//! What the windows of two steps have in common is not looked at twice: resets are counted and
//! summed up once for all windows, extremes are kept in a queue of candidates, sums of long windows
//! in two stacks, quantiles in a tree over ranks. The results are those of Prometheus bit by bit,
//! but for sums and averages of fractions: there an addend may be added in another order, which
//! compensated sums make up for, up to the last bit. A variance or a regression is compensated
//! step by step in the order of the samples, which no window shares with the next one: these cost
//! steps times samples of a window, unless all of the window is one value.

mod extreme;
mod rank;
mod total;

use std::ops::Range;

use crate::ast::{FunctionId, SelectorMode};
use crate::error::QueryError;
use crate::eval::notes::SeriesNotes;
use crate::eval::of_times::OfTimes;
use crate::eval::range_call::RangeCall;
use crate::eval::samples::{Points, Samples};
use crate::eval::table::Row;
use crate::eval::tally::Tally;

use super::change::{self, Edge, Question};
use super::rate::Change;
use super::{Cursor, Windows, over_time, regression};

pub(super) use total::exact_sums;

/// The samples that windows must share before sliding pays off.
const OVERLAP_MIN: usize = 8;

/// What a function gets and fills.
pub(super) struct Slide<'a, 'q> {
    pub(super) call: &'a RangeCall,
    pub(super) windows: &'a Windows,
    pub(super) notes: &'a SeriesNotes<'a>,
    pub(super) row: &'a mut Row,
    pub(super) tally: &'a mut Tally<'q>,
    pub(super) edges: &'a mut Edges,
}

/// What follows from the times of a series for what changed in its windows.
pub(in crate::eval) type Edges = OfTimes<Question, Edge>;

/// What a window costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// The same, however many samples it has.
    Fixed,
    /// All its samples are looked at.
    Samples,
}

/// Fills a row if the function can slide over these samples; else returns false.
pub(super) fn apply(slide: &mut Slide<'_, '_>, samples: &Samples) -> Result<bool, QueryError> {
    let windows = slide.windows;
    let plain = windows.mode == SelectorMode::Plain
        && samples.histograms.times.is_empty()
        && samples.floats.starts.is_empty()
        && windows.reference.steps.count > 1;
    if !plain {
        return Ok(false);
    }
    let floats = &samples.floats;
    use FunctionId as Id;
    match slide.call.function {
        Id::Rate => change::slide(slide, floats, Change::Rate)?,
        Id::Increase => change::slide(slide, floats, Change::Increase)?,
        Id::Delta => change::slide(slide, floats, Change::Delta)?,
        Id::Irate => last_change(slide, floats, Counter::Yes)?,
        Id::Idelta => last_change(slide, floats, Counter::No)?,
        Id::Resets => count(slide, floats, |before, after| after < before)?,
        Id::Changes => count(slide, floats, |before, after| {
            before != after && !(before.is_nan() && after.is_nan())
        })?,
        _ if overlaps(floats, windows) => return apply_long(slide, floats),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Functions for which sliding only pays off when windows have much in common.
fn apply_long(slide: &mut Slide<'_, '_>, floats: &Points<f64>) -> Result<bool, QueryError> {
    use FunctionId as Id;
    let wants_time = matches!(
        slide.call.function,
        Id::TsOfMinOverTime | Id::TsOfMaxOverTime
    );
    match slide.call.function {
        Id::MinOverTime => extreme::slide(slide, floats, wants_time, |value, known| value < known)?,
        Id::MaxOverTime => extreme::slide(slide, floats, wants_time, |value, known| value > known)?,
        Id::TsOfMinOverTime => {
            extreme::slide(slide, floats, wants_time, |value, known| value <= known)?;
        }
        Id::TsOfMaxOverTime => {
            extreme::slide(slide, floats, wants_time, |value, known| value >= known)?;
        }
        Id::SumOverTime => total::sums(slide, floats)?,
        Id::AvgOverTime => return total::means(slide, floats),
        Id::QuantileOverTime => rank::quantiles(slide, floats)?,
        Id::MadOverTime => return rank::deviations(slide, floats),
        Id::StdvarOverTime => spread(slide, floats, |variance| variance)?,
        Id::StddevOverTime => spread(slide, floats, f64::sqrt)?,
        Id::Deriv | Id::PredictLinear => trend(slide, floats)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Tells whether a sample is in many windows on average.
fn overlaps(floats: &Points<f64>, windows: &Windows) -> bool {
    let step = windows.reference.steps.step.max(1);
    let shared = windows.range / step;
    windows.reference.at.is_none() && shared as usize >= OVERLAP_MIN && floats.times.len() > 64
}

impl Slide<'_, '_> {
    /// Calls `value` with each step and the samples of its window, unless there are none.
    fn each(
        &mut self,
        floats: &Points<f64>,
        cost: Cost,
        mut value: impl FnMut(usize, Range<usize>) -> Option<f64>,
    ) -> Result<(), QueryError> {
        let mut cursor = Cursor::default();
        for step in 0..self.windows.reference.steps.count {
            let (from, to) = cursor.advance(&floats.times, self.windows.bounds(step));
            if from == to {
                continue;
            }
            match cost {
                Cost::Fixed => self.tally.noted(step, (to - from) as u64),
                Cost::Samples => self.tally.saw(step, to - from)?,
            }
            if let Some(value) = value(step, from..to) {
                self.row.set_float(step, value);
            }
        }
        Ok(())
    }
}

/// Whether a value that falls was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    Yes,
    No,
}

/// What changed between the last two samples: for each second if they are of a counter.
fn last_change(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    counter: Counter,
) -> Result<(), QueryError> {
    let (times, values) = (&floats.times, &floats.values);
    slide.each(floats, Cost::Fixed, |_, Range { start, end }| {
        if end - start < 2 {
            return None;
        }
        let (before, after) = (values[end - 2], values[end - 1]);
        let seconds = (times[end - 1] - times[end - 2]) as f64 / 1000.0;
        Some(match counter {
            Counter::Yes if after < before => after / seconds,
            Counter::Yes => (after - before) / seconds,
            Counter::No => after - before,
        })
    })
}

fn count(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    holds: impl Fn(f64, f64) -> bool,
) -> Result<(), QueryError> {
    let mut counted = Vec::with_capacity(floats.values.len());
    counted.push(0u32);
    for pair in floats.values.windows(2) {
        let before = counted.last().copied().unwrap_or(0);
        counted.push(before + u32::from(holds(pair[0], pair[1])));
    }
    slide.each(floats, Cost::Fixed, |_, window| {
        let counted = counted[window.end - 1] - counted[window.start];
        Some(f64::from(counted))
    })
}

/// Returns for each sample where the run of equal values begins that it belongs to.
fn run_starts(values: &[f64]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(values.len());
    let mut start = 0;
    for (at, value) in values.iter().enumerate() {
        if *value != values[start] {
            start = at;
        }
        starts.push(start);
    }
    starts
}

fn spread(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    of: fn(f64) -> f64,
) -> Result<(), QueryError> {
    let values = &floats.values;
    let runs = run_starts(values);
    slide.each(floats, Cost::Samples, |_, window| {
        let last = window.end - 1;
        if runs[last] <= window.start && values[last].is_finite() {
            return Some(0.0);
        }
        Some(of(over_time::variance_of(&values[window])))
    })
}

fn trend(slide: &mut Slide<'_, '_>, floats: &Points<f64>) -> Result<(), QueryError> {
    let runs = run_starts(&floats.values);
    let steps = slide.windows.reference.steps;
    let ahead = slide.call.params.first();
    slide.each(floats, Cost::Samples, |step, window| {
        if window.len() < 2 {
            return None;
        }
        let (times, values) = (
            &floats.times[window.clone()],
            &floats.values[window.clone()],
        );
        let constant = runs[window.end - 1] <= window.start;
        let line = |time| regression::line(times, values, time, constant);
        Some(match ahead {
            Some(ahead) => {
                let (slope, intercept) = line(steps.time(step));
                slope * ahead[step] + intercept
            }
            // A time near the samples keeps the numbers small.
            None => line(times[0]).0,
        })
    })
}
