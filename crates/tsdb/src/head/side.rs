//! Samples that do not fit behind the newest one of their series, and all histograms.
//!
//! They wait here, ordered by time, until a flush has put them into a part; then only until no
//! selection from before that flush is left. In: samples in any order. Out: runs per series.
//! Bound: the head's budget of bytes, by the estimates kept here.

use std::collections::{BTreeMap, HashMap};

use weft_model::FloatHistogram;

use crate::run::SeriesRun;

/// What a waiting sample takes, roughly.
const SAMPLE_BYTES: usize = 40;

/// What one series has waiting.
#[derive(Clone, Debug, Default)]
struct Waiting {
    floats: BTreeMap<i64, f64>,
    histograms: BTreeMap<i64, FloatHistogram>,
}

/// Waiting samples by the series' place in the shard.
#[derive(Debug, Default)]
pub(crate) struct Side {
    series: HashMap<u32, Waiting>,
    samples: u64,
    bytes: usize,
}

/// Whether a sample changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Changed,
    Repeated,
}

impl Side {
    pub(crate) fn insert(&mut self, local: u32, time: i64, value: f64) -> Insert {
        let old = self
            .series
            .entry(local)
            .or_default()
            .floats
            .insert(time, value);
        self.count(old.is_some(), SAMPLE_BYTES);
        match old {
            Some(old) if old.to_bits() == value.to_bits() => Insert::Repeated,
            _ => Insert::Changed,
        }
    }

    pub(crate) fn insert_histogram(
        &mut self,
        local: u32,
        time: i64,
        histogram: FloatHistogram,
    ) -> Insert {
        let buckets = histogram.positive.len() + histogram.negative.len();
        let waiting = self.series.entry(local).or_default();
        let old = waiting.histograms.insert(time, histogram);
        let repeated = old.is_some() && old.as_ref() == waiting.histograms.get(&time);
        self.count(old.is_some(), SAMPLE_BYTES + 200 + 8 * buckets);
        if repeated {
            Insert::Repeated
        } else {
            Insert::Changed
        }
    }

    fn count(&mut self, replaced: bool, bytes: usize) {
        if !replaced {
            self.samples += 1;
            self.bytes += bytes;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub(crate) fn has(&self, local: u32) -> bool {
        self.series.contains_key(&local)
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns what a series has from `start` to `end`.
    pub(crate) fn run(&self, local: u32, start: i64, end: i64) -> SeriesRun {
        let mut run = SeriesRun::default();
        if let Some(waiting) = self.series.get(&local).filter(|_| start <= end) {
            waiting
                .floats
                .range(start..=end)
                .for_each(|(time, value)| run.floats.push(*time, *value));
            let histograms = waiting.histograms.range(start..=end);
            run.histograms
                .extend(histograms.map(|(time, h)| (*time, h.clone())));
        }
        run
    }

    /// Adds what `older` has, where this one has nothing.
    pub(crate) fn underlay(&mut self, older: Side) {
        for (local, waiting) in older.series {
            let known = self.series.entry(local).or_default();
            for (time, value) in waiting.floats {
                if let std::collections::btree_map::Entry::Vacant(entry) = known.floats.entry(time)
                {
                    entry.insert(value);
                    self.samples += 1;
                }
            }
            for (time, histogram) in waiting.histograms {
                if let std::collections::btree_map::Entry::Vacant(entry) =
                    known.histograms.entry(time)
                {
                    entry.insert(histogram);
                    self.samples += 1;
                }
            }
        }
        self.bytes += older.bytes;
    }

    /// Takes out what a series has from `start` to `end`.
    pub(crate) fn cut(&mut self, local: u32, start: i64, end: i64) {
        let Some(waiting) = self.series.get_mut(&local) else {
            return;
        };
        let before = waiting.floats.len() + waiting.histograms.len();
        waiting
            .floats
            .retain(|time, _| !(start..=end).contains(time));
        waiting
            .histograms
            .retain(|time, _| !(start..=end).contains(time));
        let after = waiting.floats.len() + waiting.histograms.len();
        self.samples -= (before - after) as u64;
        if after == 0 {
            self.series.remove(&local);
        }
    }
}
