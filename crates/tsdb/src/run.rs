//! A run of samples or histograms, ascending by time, and how two runs become one.
//!
//! Where both have a time, the newer run's value counts: the last one written wins.

use std::collections::BTreeMap;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::head::Point;

/// Samples as two columns, strictly ascending by time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Run {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub(crate) fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
    }

    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }

    /// Lays a newer run over this one.
    pub(crate) fn overlay(&mut self, newer: Run) {
        if self.is_empty() {
            *self = newer;
        } else if !self.append(&newer) {
            *self = merged(std::mem::take(self), newer);
        }
    }

    /// Appends a run that begins after this one, or that has the same samples where the two meet;
    /// else returns false.
    pub(crate) fn append(&mut self, later: &Run) -> bool {
        let (Some(first), Some(last)) = (later.times.first(), self.times.last()) else {
            self.extend(later, 0);
            return true;
        };
        if last < first {
            self.extend(later, 0);
            return true;
        }
        let meet = self.times.partition_point(|time| time < first);
        let common = self.len() - meet;
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
        let agree = common <= later.len()
            && self.times[meet..] == later.times[..common]
            && self.values[meet..].iter().zip(&later.values).all(same);
        if agree {
            self.extend(later, common);
        }
        agree
    }

    fn extend(&mut self, other: &Run, from: usize) {
        self.times.extend_from_slice(&other.times[from..]);
        self.values.extend_from_slice(&other.values[from..]);
    }

    /// Splits off so many samples from the end.
    fn split_newest(&mut self, count: usize) -> Run {
        let at = self.len() - count;
        Run {
            times: self.times.split_off(at),
            values: self.values.split_off(at),
        }
    }
}

fn merged(older: Run, newer: Run) -> Run {
    let mut out = Run::default();
    out.times.reserve(older.len() + newer.len());
    out.values.reserve(older.len() + newer.len());
    let (mut a, mut b) = (0, 0);
    while a < older.len() && b < newer.len() {
        let (old, new) = (older.times[a], newer.times[b]);
        if old < new {
            out.push(old, older.values[a]);
        } else {
            out.push(new, newer.values[b]);
            b += 1;
        }
        a += usize::from(old <= new);
    }
    out.times.extend_from_slice(&older.times[a..]);
    out.values.extend_from_slice(&older.values[a..]);
    out.times.extend_from_slice(&newer.times[b..]);
    out.values.extend_from_slice(&newer.values[b..]);
    out
}

/// Histograms with their times, strictly ascending.
pub(crate) type HistogramRun = Vec<(i64, FloatHistogram)>;

/// Lays newer histograms over older ones.
pub(crate) fn overlay_histograms(older: &mut HistogramRun, newer: HistogramRun) {
    let (Some((first, _)), Some((last, _))) = (newer.first(), older.last()) else {
        if older.is_empty() {
            *older = newer;
        }
        return;
    };
    if last < first {
        older.extend(newer);
        return;
    }
    let mut all: BTreeMap<i64, (FloatHistogram, bool)> = BTreeMap::new();
    all.extend(older.drain(..).map(|(time, h)| (time, (h, false))));
    all.extend(newer.into_iter().map(|(time, h)| (time, (h, true))));
    let mut before = None;
    for (time, (mut histogram, is_newer)) in all {
        // Where the runs meet, the one before is not the one that the hint speaks of.
        if before
            .replace(is_newer)
            .is_some_and(|before| before != is_newer)
        {
            forget_hint(&mut histogram);
        }
        older.push((time, histogram));
    }
}

/// Forgets that there was no reset, where another histogram has come before this one.
pub(crate) fn forget_hint(histogram: &mut FloatHistogram) {
    if histogram.reset_hint == ResetHint::NotReset {
        histogram.reset_hint = ResetHint::Unknown;
    }
}

/// What one series has in a stretch of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeriesRun {
    pub(crate) floats: Run,
    pub(crate) histograms: HistogramRun,
    /// Times and start timestamps of the samples of either kind that have one, ascending.
    pub(crate) starts: Vec<(i64, i64)>,
}

impl SeriesRun {
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Returns how many samples there are of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    pub(crate) fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
        self.starts.clear();
    }

    /// Lays a newer run over this one, each kind over its own.
    pub(crate) fn overlay(&mut self, newer: SeriesRun) {
        if !self.starts.is_empty() || !newer.starts.is_empty() {
            self.starts.retain(|(time, _)| !newer.has(*time));
            self.starts.extend_from_slice(&newer.starts);
            self.starts.sort_unstable();
        }
        self.floats.overlay(newer.floats);
        overlay_histograms(&mut self.histograms, newer.histograms);
    }

    /// Lays this run, the result of parts, between what the head has: its older samples below, its
    /// newest ones, so many as are in no part, above.
    pub(crate) fn lay_within(&mut self, head: &mut SeriesRun, newest: usize) {
        let plain = self.starts.is_empty() && head.starts.is_empty();
        if plain && self.floats.append(&head.floats) {
            return;
        }
        let over = head.split_newest(newest);
        let parts = std::mem::replace(self, std::mem::take(head));
        self.overlay(parts);
        self.overlay(over);
    }

    /// Splits off so many floats from the end, with their start timestamps.
    pub(crate) fn split_newest(&mut self, count: usize) -> SeriesRun {
        let floats = self.floats.split_newest(count);
        let first = floats.times.first().copied().unwrap_or(i64::MAX);
        let kept = self.starts.partition_point(|(time, _)| *time < first);
        SeriesRun {
            floats,
            starts: self.starts.split_off(kept),
            histograms: Vec::new(),
        }
    }

    fn has(&self, time: i64) -> bool {
        let at = |(known, _): &(i64, FloatHistogram)| *known;
        self.floats.times.binary_search(&time).is_ok()
            || self.histograms.binary_search_by_key(&time, at).is_ok()
    }

    /// Returns the start timestamp of a time, 0 if it has none.
    pub(crate) fn start_at(&self, time: i64) -> i64 {
        let found = self.starts.binary_search_by_key(&time, |(time, _)| *time);
        found.map_or(0, |at| self.starts[at].1)
    }

    /// Returns the start timestamp of each of these times, or nothing if none has one.
    pub(crate) fn starts_of(&self, times: &[i64]) -> Option<Vec<i64>> {
        let (first, last) = (times.first()?, times.last()?);
        let from = self.starts.partition_point(|(time, _)| time < first);
        let some = self.starts.get(from).is_some_and(|(time, _)| time <= last);
        let starts = || -> Vec<i64> { times.iter().map(|time| self.start_at(*time)).collect() };
        some.then(starts)
            .filter(|starts| starts.iter().any(|start| *start != 0))
    }

    /// Returns the floats with their start timestamps.
    pub(crate) fn points(&self) -> impl Iterator<Item = Point> + '_ {
        let samples = self.floats.times.iter().zip(&self.floats.values);
        samples.map(|(time, value)| Point {
            time: *time,
            start: self.start_at(*time),
            value: *value,
        })
    }

    /// Returns the latest time of either kind.
    pub(crate) fn last_time(&self) -> Option<i64> {
        let histogram = self.histograms.last().map(|(time, _)| *time);
        self.floats.times.last().copied().max(histogram)
    }

    /// Takes out what lies from `start` to `end`, both included.
    pub(crate) fn cut(&mut self, start: i64, end: i64) {
        let outside = |time: i64| !(start..=end).contains(&time);
        if self.floats.times.iter().any(|time| !outside(*time)) {
            let mut kept = Run::default();
            for (time, value) in self.floats.times.iter().zip(&self.floats.values) {
                if outside(*time) {
                    kept.push(*time, *value);
                }
            }
            self.floats = kept;
        }
        self.histograms.retain(|(time, _)| outside(*time));
        self.starts.retain(|(time, _)| outside(*time));
        let after = self.histograms.partition_point(|(time, _)| *time <= end);
        if let Some((_, next)) = self.histograms.get_mut(after) {
            forget_hint(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn run(samples: &BTreeMap<i64, u8>) -> Run {
        let mut run = Run::default();
        samples
            .iter()
            .for_each(|(time, value)| run.push(*time, f64::from(*value)));
        run
    }

    proptest! {
        #[test]
        fn the_newer_run_wins(
            older in prop::collection::btree_map(0i64..50, any::<u8>(), 0..30),
            newer in prop::collection::btree_map(0i64..50, any::<u8>(), 0..30),
        ) {
            let mut both = run(&older);
            both.overlay(run(&newer));
            let mut expected = older;
            expected.extend(newer);
            prop_assert_eq!(both, run(&expected));
        }

        #[test]
        fn cutting_takes_the_range_and_no_more(
            samples in prop::collection::btree_map(0i64..50, any::<u8>(), 0..30),
            start in 0i64..50, end in 0i64..50,
        ) {
            let mut cut = SeriesRun { floats: run(&samples), ..SeriesRun::default() };
            cut.cut(start, end);
            let mut expected = samples;
            expected.retain(|time, _| !(start..=end).contains(time));
            prop_assert_eq!(cut.floats, run(&expected));
        }
    }
}
