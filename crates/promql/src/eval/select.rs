//! Instant selectors: the newest sample of each series at every step.

use weft_model::is_stale;

use crate::ast::{Selector, SelectorMode, Span};
use crate::column::Column;
use crate::error::QueryError;
use crate::source::{SelectHints, SeriesSet};

use super::notes::{Note, SeriesNotes};
use super::samples::{Samples, derive_hints};
use super::table::{Cell, Row, Table};
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
#[derive(Clone, Copy, Debug)]
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

/// What is kept from one series to the next.
#[derive(Default)]
struct Scratch {
    column: Column,
    samples: Samples,
    row: Option<Row>,
}

impl Evaluator<'_> {
    pub(super) fn eval_selector(
        &self,
        selector: &Selector,
        span: Span,
        steps: Steps,
        want: Want,
    ) -> Result<Table, QueryError> {
        if steps.count == 0 {
            return Ok(self.table(steps));
        }
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
        let set = self.source.select(&selector.matchers, start, end, &hints)?;
        self.ledger.count_series(set.len());
        if smoothed {
            self.smoothed(set.as_ref(), &reference, span)
        } else {
            let hints = self.hints_at(span);
            self.newest(set.as_ref(), &reference, want, hints)
        }
    }

    /// Where only the count or sum of histograms is asked for, resets are found out on the fly.
    pub(super) fn hints_at(&self, span: Span) -> Hints {
        if self.derived_hints.contains(&span.start) {
            Hints::Derived
        } else {
            Hints::Stored
        }
    }

    /// Returns what is wanted of the newest sample of each series at each time.
    pub(super) fn newest(
        &self,
        set: &dyn SeriesSet,
        reference: &Reference,
        want: Want,
        hints: Hints,
    ) -> Result<Table, QueryError> {
        let steps = reference.steps;
        let newest_only = reference.first() == reference.last() && hints == Hints::Stored;
        self.gather(set.len(), steps, &|series, scratch: &mut Scratch, table| {
            let Scratch { column, row, .. } = scratch;
            column.clear();
            if newest_only {
                set.read_newest(series, column)?;
            } else {
                set.read(series, column)?;
            }
            if hints == Hints::Derived {
                derive_hints(column);
            }
            if column.is_empty() {
                return Ok(());
            }
            self.ledger.count_samples(column.len(), steps.count as u64);
            let row = row.get_or_insert_with(|| Row::new(steps.count));
            row.clear();
            self.fill_newest(column, reference, want, row);
            table.push(set.labels(series), false, row)
        })
    }

    fn smoothed(
        &self,
        set: &dyn SeriesSet,
        reference: &Reference,
        span: Span,
    ) -> Result<Table, QueryError> {
        let steps = reference.steps;
        self.gather(set.len(), steps, &|series, scratch: &mut Scratch, table| {
            let Scratch {
                column,
                samples,
                row,
            } = scratch;
            column.clear();
            set.read(series, column)?;
            self.ledger.count_samples(column.len(), steps.count as u64);
            samples.take(column, false);
            let row = row.get_or_insert_with(|| Row::new(steps.count));
            row.clear();
            let labels = set.labels(series);
            let notes = SeriesNotes::new(&self.notes, span.start, &labels);
            self.fill_smoothed(samples, reference, row, &notes);
            table.push(labels, false, row)
        })
    }

    fn fill_newest(&self, column: &Column, reference: &Reference, want: Want, row: &mut Row) {
        let mut next = 0;
        for step in 0..reference.steps.count {
            let time = reference.time(step);
            while column.times.get(next).is_some_and(|sample| *sample <= time) {
                next += 1;
            }
            let Some(at) = next.checked_sub(1) else {
                continue;
            };
            let too_old = time.saturating_sub(column.times[at]) >= self.lookback;
            if too_old || is_stale(column.values[at]) {
                continue;
            }
            match (want, column.histogram(at)) {
                (Want::Value, Some(histogram)) => {
                    row.set(step, Cell::Histogram(histogram.clone()));
                }
                (Want::Value, None) => row.set_float(step, column.values[at]),
                (Want::Timestamp, _) => row.set_float(step, column.times[at] as f64 / 1000.0),
                (Want::Start, _) => row.set_float(step, column.start(at) as f64 / 1000.0),
            }
        }
    }

    /// Fills values interpolated between the samples around each step.
    fn fill_smoothed(
        &self,
        samples: &Samples,
        reference: &Reference,
        row: &mut Row,
        notes: &SeriesNotes<'_>,
    ) {
        for step in 0..reference.steps.count {
            let time = reference.time(step);
            let (from, to) = (
                time.saturating_sub(self.lookback),
                time.saturating_add(self.lookback),
            );
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
