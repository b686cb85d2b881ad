//! The samples of one series as columns.
//!
//! In: what a [`Source`](crate::Source) decoded. Out: parallel arrays that the evaluator slides
//! over. Bound: the caller's limit on samples; a column itself grows as it is filled.

use std::sync::Arc;

use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, is_stale};

use crate::histogram::{bytes_of, is_reset};

/// Samples of one series in ascending order of time.
///
/// `times` and `values` have the same length. Where a sample is a histogram, `histograms` has an
/// entry with its index and `values` holds the histogram's sum, so that a staleness marker is
/// found in `values` either way.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Milliseconds since the epoch, strictly ascending.
    pub times: Vec<i64>,
    /// One value for each time; staleness markers are kept bit by bit.
    pub values: Vec<f64>,
    /// The samples that are histograms, in ascending order of their index.
    pub histograms: Vec<HistogramAt>,
    /// Start timestamps, one for each time, 0 where unknown; empty when none is known.
    pub starts: Vec<i64>,
}

/// A histogram at an index of a column.
#[derive(Clone, Debug)]
pub struct HistogramAt {
    /// The index into the column's times.
    pub index: u32,
    /// The sample.
    pub histogram: Arc<FloatHistogram>,
}

impl Column {
    /// Returns a column without samples.
    pub fn new() -> Column {
        Column::default()
    }

    /// Returns how many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns about how many bytes the samples take.
    pub(crate) fn bytes(&self) -> usize {
        let histograms = self.histograms.iter();
        let held: usize = histograms.map(|at| bytes_of(&at.histogram)).sum();
        size_of::<i64>() * (self.times.len() + self.values.len() + self.starts.len()) + held
    }

    /// Tells whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
        self.starts.clear();
    }

    /// Appends a float.
    pub fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
        if !self.starts.is_empty() {
            self.starts.push(0);
        }
    }

    /// Appends a histogram.
    pub fn push_histogram(&mut self, time: i64, histogram: Arc<FloatHistogram>) {
        let index = self.times.len() as u32;
        self.push(time, histogram.sum);
        self.histograms.push(HistogramAt { index, histogram });
    }

    /// Sets the start timestamp of the newest sample.
    pub fn set_start(&mut self, start: i64) {
        self.starts.resize(self.times.len(), 0);
        if let Some(last) = self.starts.last_mut() {
            *last = start;
        }
    }

    /// Returns the histogram at an index, or nothing where the sample is a float.
    pub fn histogram(&self, index: usize) -> Option<&Arc<FloatHistogram>> {
        if self.histograms.is_empty() {
            return None;
        }
        let found = self
            .histograms
            .binary_search_by_key(&index, |at| at.index as usize);
        found.ok().map(|at| &self.histograms[at].histogram)
    }

    /// Tells of each histogram from an index on whether it follows the one before without a counter
    /// reset. What begins a run may follow on anything, unless the store's hint says that it follows.
    pub fn tell_resets(&mut self, from: usize) {
        let mut previous: Option<(u32, Arc<FloatHistogram>)> = None;
        for at in self
            .histograms
            .iter_mut()
            .filter(|at| at.index as usize >= from)
        {
            let histogram = &at.histogram;
            if is_stale(histogram.sum) || histogram.reset_hint == ResetHint::Gauge {
                previous = None;
                continue;
            }
            let is_told = histogram.reset_hint == ResetHint::Reset;
            let was_told = histogram.reset_hint == ResetHint::NotReset;
            let mut told = histogram.as_ref().clone();
            told.reset_hint = ResetHint::Unknown;
            let continues = |(index, before): &(u32, Arc<FloatHistogram>)| {
                index + 1 == at.index
                    && before.schema == told.schema
                    && before.zero_threshold == told.zero_threshold
                    && before.custom_bounds == told.custom_bounds
                    && !is_reset(&told, before)
            };
            // Of the first one only the store can know what was before.
            if !is_told && previous.as_ref().map_or(was_told, continues) {
                told.reset_hint = ResetHint::NotReset;
            }
            at.histogram = Arc::new(told);
            previous = Some((at.index, Arc::clone(&at.histogram)));
        }
    }

    /// Returns the start timestamp at an index, 0 where it is unknown.
    pub fn start(&self, index: usize) -> i64 {
        self.starts.get(index).copied().unwrap_or(0)
    }

    /// Keeps only the newest sample.
    pub fn keep_newest(&mut self) {
        let Some(last) = self.len().checked_sub(1) else {
            return;
        };
        self.times.drain(..last);
        self.values.drain(..last);
        self.histograms.retain(|at| at.index as usize == last);
        for at in &mut self.histograms {
            at.index = 0;
        }
        let starts = last.min(self.starts.len());
        self.starts.drain(..starts);
    }
}
