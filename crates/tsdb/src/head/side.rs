//! Samples that do not fit behind the newest one of their series, and all histograms.
//!
//! They wait here, ordered by time, until a flush has put them into a part; then only until no
//! selection from before that flush is left. In: samples in any order. Out: runs per series.
//! Bound: the head's budget of bytes, by the estimates kept here.

use std::collections::{BTreeMap, HashMap};

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use super::Point;
use super::resets::bytes_of;
use crate::run::{SeriesRun, forget_hint};

/// What a waiting sample takes, roughly.
const SAMPLE_BYTES: usize = 40;

/// What one series has waiting.
#[derive(Clone, Debug, Default)]
struct Waiting {
    floats: BTreeMap<i64, f64>,
    histograms: BTreeMap<i64, FloatHistogram>,
    /// Start timestamps of either kind, where there are any.
    starts: BTreeMap<i64, i64>,
}

impl Waiting {
    /// Sets the start timestamp of a sample; returns what it was.
    fn set_start(&mut self, time: i64, start: i64) -> i64 {
        let old = if start == 0 {
            self.starts.remove(&time)
        } else {
            self.starts.insert(time, start)
        };
        old.unwrap_or(0)
    }

    /// Notes that the first histogram from a time on does not follow the one that it did.
    fn follows_another(&mut self, from: i64) {
        if let Some((_, next)) = self.histograms.range_mut(from..).next() {
            forget_hint(next);
        }
    }
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
    pub(crate) fn insert(&mut self, local: u32, point: Point) -> Insert {
        let Point { time, start, value } = point;
        let waiting = self.series.entry(local).or_default();
        let old = waiting.floats.insert(time, value);
        let old_start = waiting.set_start(time, start);
        self.count(old.is_some(), SAMPLE_BYTES);
        match old {
            Some(old) if old.to_bits() == value.to_bits() && old_start == start => Insert::Repeated,
            _ => Insert::Changed,
        }
    }

    /// Tells whether a histogram waits already; its hint is not compared, because it is told here.
    pub(crate) fn has_histogram(
        &self,
        local: u32,
        time: i64,
        start: i64,
        histogram: &FloatHistogram,
    ) -> bool {
        let Some(waiting) = self.series.get(&local) else {
            return false;
        };
        let same = |known: &FloatHistogram| {
            let gauge = |histogram: &FloatHistogram| histogram.reset_hint == ResetHint::Gauge;
            let mut other = histogram.clone();
            other.reset_hint = known.reset_hint;
            gauge(known) == gauge(histogram) && *known == other
        };
        let start_known = waiting.starts.get(&time).copied().unwrap_or(0);
        start_known == start && waiting.histograms.get(&time).is_some_and(same)
    }

    pub(crate) fn insert_histogram(
        &mut self,
        local: u32,
        (time, start): (i64, i64),
        histogram: FloatHistogram,
    ) {
        let bytes = SAMPLE_BYTES + bytes_of(&histogram);
        let waiting = self.series.entry(local).or_default();
        let old = waiting.histograms.insert(time, histogram);
        waiting.set_start(time, start);
        waiting.follows_another(time.saturating_add(1));
        self.count(old.is_some(), bytes);
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
            let starts = waiting.starts.range(start..=end);
            run.starts
                .extend(starts.map(|(time, start)| (*time, *start)));
        }
        run
    }

    /// Adds what `older` has, where this one has nothing.
    pub(crate) fn underlay(&mut self, older: Side) {
        for (local, waiting) in older.series {
            let known = self.series.entry(local).or_default();
            for (time, start) in waiting.starts {
                if !known.floats.contains_key(&time) && !known.histograms.contains_key(&time) {
                    known.starts.insert(time, start);
                }
            }
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
        waiting
            .starts
            .retain(|time, _| !(start..=end).contains(time));
        waiting.follows_another(end.saturating_add(1));
        let after = waiting.floats.len() + waiting.histograms.len();
        self.samples -= (before - after) as u64;
        if after == 0 {
            self.series.remove(&local);
        }
    }
}
