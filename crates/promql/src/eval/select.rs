//! Instant selectors: the newest sample of each series at every step.

use weft_model::{Labels, METRIC_NAME, MatchOp, Matcher, is_stale};

use crate::ast::{Selector, SelectorMode, Span};
use crate::column::Column;
use crate::error::QueryError;
use crate::histogram::samples_of;
use crate::source::{SelectHints, SeriesSet};

use super::merge::RESERVED;
use super::notes::{Note, SeriesNotes};
use super::of_times::OfTimes;
use super::rows::{Rows, Scratch};
use super::samples::derive_hints;
use super::table::{Cell, Distinct, Row};
use super::tally::Tally;
use super::window::{interpolate, interpolate_histograms};
use super::{Evaluator, Steps, execution};

/// What of the newest sample is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Value,
    /// Its time, in seconds.
    Timestamp,
    /// Its start timestamp, in seconds.
    Start,
}

/// Where hints about counter resets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hints {
    Stored,
    /// They are found out where the store does not tell.
    Derived,
}

/// The times that a selector looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) at: Option<i64>,
    pub(super) offset: i64,
    pub(super) steps: Steps,
}

impl Reference {
    pub(super) fn time(&self, step: usize) -> i64 {
        let time = self.at.unwrap_or_else(|| self.steps.time(step));
        time.saturating_sub(self.offset)
    }

    pub(super) fn first(&self) -> i64 {
        self.time(0)
    }

    pub(super) fn last(&self) -> i64 {
        self.time(self.steps.count.saturating_sub(1))
    }
}

/// The newest sample of each series at each step.
pub(super) struct Newest<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) set: Box<dyn SeriesSet + 'a>,
    pub(super) reference: Reference,
    pub(super) want: Want,
    pub(super) hints: Hints,
    pub(super) distinct: Distinct,
}

/// Tells how far the series of a selection are apart: also without their names when the name is
/// given and nothing else goes with it.
pub(super) fn distinct(set: &dyn SeriesSet, matchers: &[Matcher]) -> Distinct {
    let mut others = RESERVED.iter().filter(|name| **name != METRIC_NAME);
    if fixed_name(matchers).is_some() && !others.any(|name| set.may_have_label(name)) {
        Distinct::Unnamed
    } else {
        Distinct::Labelled
    }
}

/// Returns the name that all selected series have, if the matchers say so.
pub(super) fn fixed_name(matchers: &[Matcher]) -> Option<&str> {
    let names = |matcher: &&Matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
    let found = matchers.iter().find(names)?;
    Some(found.value.as_str()).filter(|name| !name.is_empty())
}

impl Evaluator<'_> {
    pub(super) fn selector<'a>(
        &'a self,
        selector: &Selector,
        span: Span,
        steps: Steps,
        want: Want,
    ) -> Result<Box<dyn Rows + 'a>, QueryError> {
        if selector.mode == SelectorMode::Anchored {
            return Err(execution(
                "anchored modifier can only be used with range selectors",
            ));
        }
        let smoothed = selector.mode == SelectorMode::Smoothed;
        let reference = Reference {
            at: self.at(selector.at),
            offset: self.offset(selector.offset.as_ref())?,
            steps,
        };
        let start = reference.first().saturating_sub(self.lookback - 1);
        let ahead = if smoothed { self.lookback } else { 0 };
        let end = reference.last().saturating_add(ahead);
        let hints = SelectHints {
            step_ms: self.times.step,
            ..SelectHints::default()
        };
        let set = self.select(&selector.matchers, (start, end), &hints, steps)?;
        let distinct = distinct(set.as_ref(), &selector.matchers);
        if smoothed {
            return Ok(Box::new(Smoothed {
                evaluator: self,
                set,
                reference,
                at: span.start,
                distinct,
            }));
        }
        Ok(Box::new(Newest {
            evaluator: self,
            set,
            reference,
            want,
            hints: self.hints_at(span),
            distinct,
        }))
    }

    /// Selects series, unless there are so many that the query is better refused at once.
    pub(super) fn select(
        &self,
        matchers: &[Matcher],
        (start, end): (i64, i64),
        hints: &SelectHints,
        steps: Steps,
    ) -> Result<Box<dyn SeriesSet + '_>, QueryError> {
        let most = self.ledger.limits().work_max / steps.count.max(1);
        if let Some(series) = self.source.series_beyond(matchers, most) {
            self.ledger.expect_work(series, steps.count)?;
        }
        let since = self.nanos();
        let set = self.source.select(matchers, start, end, hints)?;
        self.check()?;
        self.ledger.count_series(set.len());
        self.ledger
            .count_prepare(self.nanos().saturating_sub(since));
        let samples = set.samples_hint().unwrap_or(0) as usize;
        let each = steps.count.max(samples / set.len().max(1));
        self.ledger.expect_work(set.len(), each)?;
        let work = set.len().saturating_mul(each);
        self.query.cancel.expects(work as u64)?;
        Ok(set)
    }

    /// Where only the count or sum of histograms is asked for, resets are found out on the fly.
    pub(super) fn hints_at(&self, span: Span) -> Hints {
        if self.derived_hints.contains(&span.start) {
            Hints::Derived
        } else {
            Hints::Stored
        }
    }
}

/// What tells which sample each step finds: the steps, and how far back they look.
pub(super) type Places = OfTimes<(Reference, i64), u32>;

/// Stands for no sample.
const NONE: u32 = u32::MAX;

/// Finds the newest sample at each step that is not too old.
fn find_places((reference, lookback): &(Reference, i64), times: &[i64], places: &mut Vec<u32>) {
    let mut next = 0;
    for step in 0..reference.steps.count {
        let time = reference.time(step);
        while times.get(next).is_some_and(|sample| *sample <= time) {
            next += 1;
        }
        let newest = next.checked_sub(1);
        let found = newest.filter(|at| time.saturating_sub(times[*at]) < *lookback);
        places.push(found.map_or(NONE, |at| at as u32));
    }
}

impl Newest<'_> {
    fn fill(&self, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        let Scratch {
            column,
            row,
            tally,
            places,
            ..
        } = scratch;
        let lookback = self.evaluator.lookback;
        if let (1, [time]) = (self.reference.steps.count, column.times.as_slice()) {
            // A single time is looked at faster than compared.
            let distance = self.reference.first().saturating_sub(*time);
            if (0..lookback).contains(&distance) {
                self.fill_cell(0, 0, column, (row, tally));
            }
            return Ok(());
        }
        let question = (self.reference, lookback);
        let places = places.get(question, &column.times, |question, places| {
            find_places(question, &column.times, places);
        })?;
        for (step, place) in places.iter().enumerate() {
            if *place != NONE {
                self.fill_cell(step, *place as usize, column, (row, tally));
            }
        }
        Ok(())
    }

    /// Sets a cell to what is wanted of a sample, unless it is a staleness marker.
    fn fill_cell(
        &self,
        step: usize,
        at: usize,
        column: &Column,
        (row, tally): (&mut Row, &mut Tally<'_>),
    ) {
        let value = column.values[at];
        if is_stale(value) {
            return;
        }
        let histogram = column.histogram(at);
        tally.noted(step, histogram.map_or(1, |h| samples_of(h) as u64));
        match (self.want, histogram) {
            (Want::Value, Some(histogram)) => row.set(step, Cell::Histogram(histogram.clone())),
            (Want::Value, None) => row.set_float(step, value),
            (Want::Timestamp, _) => row.set_float(step, column.times[at] as f64 / 1000.0),
            (Want::Start, _) => row.set_float(step, column.start(at) as f64 / 1000.0),
        }
    }
}

impl Rows for Newest<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn steps(&self) -> usize {
        self.reference.steps.count
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        let column = &mut scratch.column;
        column.clear();
        let reference = &self.reference;
        if reference.first() == reference.last() && self.hints == Hints::Stored {
            self.set.read_newest(at, column)?;
        } else {
            self.set.read(at, column)?;
        }
        if self.hints == Hints::Derived {
            derive_hints(column);
        }
        scratch.count_column()?;
        self.fill(scratch)
    }

    fn labels(&self, at: usize) -> Labels {
        self.set.labels(at)
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        self.set.each_label(at, each);
    }

    fn drops_name(&self, _at: usize) -> bool {
        false
    }

    fn distinct(&self) -> Distinct {
        self.distinct
    }
}

/// Values interpolated between the samples around each step.
struct Smoothed<'a> {
    evaluator: &'a Evaluator<'a>,
    set: Box<dyn SeriesSet + 'a>,
    reference: Reference,
    /// Where notes point to.
    at: u32,
    distinct: Distinct,
}

impl Rows for Smoothed<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn steps(&self) -> usize {
        self.reference.steps.count
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        let column = &mut scratch.column;
        column.clear();
        self.set.read(at, column)?;
        scratch.count_column()?;
        scratch.samples.take(&mut scratch.column, false);
        let name = || self.set.labels(at).name().to_owned();
        let notes = SeriesNotes::new(&self.evaluator.notes, self.at, &name);
        self.fill(scratch, &notes);
        Ok(())
    }

    fn labels(&self, at: usize) -> Labels {
        self.set.labels(at)
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        self.set.each_label(at, each);
    }

    fn drops_name(&self, _at: usize) -> bool {
        false
    }

    fn distinct(&self) -> Distinct {
        self.distinct
    }
}

impl Smoothed<'_> {
    fn fill(&self, scratch: &mut Scratch<'_>, notes: &SeriesNotes<'_>) {
        let Scratch {
            samples,
            row,
            tally,
            ..
        } = scratch;
        let (reference, lookback) = (&self.reference, self.evaluator.lookback);
        for step in 0..reference.steps.count {
            let time = reference.time(step);
            let (from, to) = (time.saturating_sub(lookback), time.saturating_add(lookback));
            let within = |times: &[i64]| {
                let start = times.partition_point(|sample| *sample <= from);
                start..times.partition_point(|sample| *sample <= to).max(start)
            };
            let floats = within(&samples.floats.times);
            let histograms = within(&samples.histograms.times);
            if !floats.is_empty() && !histograms.is_empty() {
                notes.add(Note::MixedFloatsHistograms);
                continue;
            }
            tally.noted(step, (floats.len() + histograms.len()) as u64);
            if !floats.is_empty() {
                let (times, values) = (&samples.floats.times[floats.clone()], floats);
                let values = &samples.floats.values[values];
                if let Some((before, after)) = around(times, time) {
                    let value = match after {
                        Some(after) => interpolate(
                            (times[before], values[before]),
                            (times[after], values[after]),
                            time,
                            false,
                        ),
                        None => values[before],
                    };
                    row.set_float(step, value);
                }
            } else if !histograms.is_empty() {
                let times = &samples.histograms.times[histograms.clone()];
                let values = &samples.histograms.values[histograms];
                if let Some((before, after)) = around(times, time) {
                    let value = match after {
                        Some(after) => interpolate_histograms(
                            (times[before], &values[before]),
                            (times[after], &values[after]),
                            time,
                            false,
                            notes,
                        ),
                        None => Some(values[before].clone()),
                    };
                    if let Some(value) = value {
                        row.set(step, Cell::Histogram(value));
                    }
                }
            }
        }
    }
}

/// Returns the sample at or before a time, and the one after unless the first is exactly there.
fn around(times: &[i64], time: i64) -> Option<(usize, Option<usize>)> {
    let after = times.partition_point(|sample| *sample <= time);
    let before = after.checked_sub(1)?;
    let exact = times[before] == time;
    Some((before, (!exact && after < times.len()).then_some(after)))
}
