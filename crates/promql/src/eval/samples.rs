//! The samples of one series, floats and histograms apart, without staleness markers.

use std::sync::Arc;

use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, is_stale};

use crate::column::Column;
use crate::histogram;

use super::Steps;
use super::table::{CellRef, Table};

/// Values with their times, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Points<T> {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<T>,
    /// Start timestamps, one for each time or none at all.
    pub(crate) starts: Vec<i64>,
}

impl<T> Default for Points<T> {
    fn default() -> Self {
        Points {
            times: Vec::new(),
            values: Vec::new(),
            starts: Vec::new(),
        }
    }
}

impl<T> Points<T> {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.starts.clear();
    }

    fn push(&mut self, time: i64, value: T, start: Option<i64>) {
        self.times.push(time);
        self.values.push(value);
        self.starts.extend(start);
    }
}

/// The samples of one series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) floats: Points<f64>,
    pub(crate) histograms: Points<Arc<FloatHistogram>>,
}

impl Samples {
    /// Takes over what is in a column and leaves the column empty.
    pub(crate) fn take(&mut self, column: &mut Column, with_starts: bool) {
        self.floats.clear();
        self.histograms.clear();
        if !with_starts {
            column.starts.clear();
        }
        let plain = column.histograms.is_empty() && !has_stale(&column.values);
        if plain {
            std::mem::swap(&mut self.floats.times, &mut column.times);
            std::mem::swap(&mut self.floats.values, &mut column.values);
            std::mem::swap(&mut self.floats.starts, &mut column.starts);
        } else {
            self.split(column);
        }
        column.clear();
    }

    fn split(&mut self, column: &Column) {
        let mut histograms = column.histograms.iter().peekable();
        let pairs = column.times.iter().zip(&column.values);
        for (index, (time, value)) in pairs.enumerate() {
            let histogram = histograms.next_if(|at| at.index as usize == index);
            if is_stale(*value) {
                continue;
            }
            let start = column.starts.get(index).copied();
            match histogram {
                Some(at) => self
                    .histograms
                    .push(*time, Arc::clone(&at.histogram), start),
                None => self.floats.push(*time, *value, start),
            }
        }
    }

    /// Takes what a row of a table holds. Steps may leave out samples or take them twice, so
    /// that hints about resets between them do not hold.
    pub(crate) fn take_row(&mut self, table: &Table, row: usize, steps: Steps) {
        self.floats.clear();
        self.histograms.clear();
        for (step, time) in steps.times().enumerate() {
            match table.get(row, step) {
                None => {}
                Some(CellRef::Float(value)) => self.floats.push(time, value, None),
                Some(CellRef::Histogram(histogram)) => {
                    let unknown = without_hint(histogram);
                    self.histograms.push(time, unknown, None);
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.floats.times.len() + self.histograms.times.len()
    }

    /// Returns about how many bytes the samples take.
    pub(crate) fn bytes(&self) -> usize {
        let histograms = self.histograms.values.iter();
        let held: usize = histograms.map(|held| histogram::bytes_of(held)).sum();
        16 * self.len() + held
    }
}

/// Tells whether there are staleness markers; most often there are none, so that looking at all
/// values at once is faster than stopping at the first.
fn has_stale(values: &[f64]) -> bool {
    values
        .iter()
        .fold(false, |any, value| any | is_stale(*value))
}

fn without_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    if matches!(histogram.reset_hint, ResetHint::Unknown | ResetHint::Gauge) {
        return Arc::clone(histogram);
    }
    let mut unknown = histogram.as_ref().clone();
    unknown.reset_hint = ResetHint::Unknown;
    Arc::new(unknown)
}

/// Finds out whether there are counter resets between the histograms of a column.
pub(super) fn derive_hints(column: &mut Column) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    for at in &mut column.histograms {
        if is_stale(at.histogram.sum) {
            continue;
        }
        if let Some(previous) = &previous
            && at.histogram.reset_hint == ResetHint::Unknown
        {
            let mut hinted = at.histogram.as_ref().clone();
            hinted.reset_hint = if histogram::is_reset(&hinted, previous) {
                ResetHint::Reset
            } else {
                ResetHint::NotReset
            };
            at.histogram = Arc::new(hinted);
        }
        previous = Some(Arc::clone(&at.histogram));
    }
}
