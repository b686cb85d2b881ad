//! Exemplars that are in no part yet.
//!
//! In: exemplars as they come; the same one comes with every scrape until another takes its place.
//! Out: those that a flush has to write, by series. Bound: [`EXEMPLARS_MAX`], beyond which the one
//! that came first goes, counted; what was seen of so many series.

use std::collections::{BTreeMap, HashMap, VecDeque};

use weft_model::{Exemplar, Labels, Millis};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::SeriesRef;

/// How many exemplars may wait for a flush.
pub(crate) const EXEMPLARS_MAX: usize = 1 << 16;

/// Of how many series it is known what was seen; beyond it all is forgotten, and what comes again
/// is kept once more, until a merge.
const SERIES_MAX: usize = 1 << 16;

/// How many exemplars of a series are known again.
const SEEN_MAX: usize = 16;

/// The exemplars of one series by time and labels, each with its value.
pub(crate) type OfSeries = BTreeMap<(Millis, Labels), f64>;

/// Exemplars in the order in which they came.
#[derive(Default)]
pub(crate) struct Exemplars {
    waiting: VecDeque<(Labels, Exemplar)>,
    /// How many came before the first that waits.
    before: u64,
    seen: HashMap<SeriesRef, Seen>,
    /// How many went because others came.
    dropped: u64,
}

/// The exemplars of a series that came last: a hash of time and labels, and the bits of the value.
#[derive(Default)]
struct Seen {
    last: [Option<(u64, u64)>; SEEN_MAX],
    next: usize,
}

impl Seen {
    /// Notes a value; returns whether it was not known.
    fn note(&mut self, hash: u64, value: u64) -> bool {
        let mut known = self.last.iter_mut().flatten();
        if let Some((_, known)) = known.find(|(known, _)| *known == hash) {
            return std::mem::replace(known, value) != value;
        }
        self.last[self.next] = Some((hash, value));
        self.next = (self.next + 1) % SEEN_MAX;
        true
    }
}

impl Exemplars {
    /// Tells whether this exemplar of a series is new, and notes that it was seen.
    pub(crate) fn is_new(&mut self, series: SeriesRef, exemplar: &Exemplar) -> bool {
        let time = exemplar.time.0 as u64;
        let hash = xxh3_64_with_seed(exemplar.labels.as_bytes(), time);
        if self.seen.len() >= SERIES_MAX && !self.seen.contains_key(&series) {
            self.seen.clear();
        }
        let seen = self.seen.entry(series).or_default();
        seen.note(hash, exemplar.value.to_bits())
    }

    /// Takes an exemplar of the series with these labels.
    pub(crate) fn push(&mut self, series: Labels, exemplar: Exemplar) {
        if self.waiting.len() >= EXEMPLARS_MAX {
            self.waiting.pop_front();
            self.before += 1;
            self.dropped += 1;
        }
        self.waiting.push_back((series, exemplar));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns those that wait, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Labels, Exemplar)> {
        self.waiting.iter()
    }

    /// Returns what waits from `earliest` to `latest`, and the place behind it all.
    pub(crate) fn begin_flush(
        &self,
        earliest: i64,
        latest: i64,
    ) -> (BTreeMap<Labels, OfSeries>, u64) {
        let mut by_series: BTreeMap<Labels, OfSeries> = BTreeMap::new();
        let due = |it: &&(Labels, Exemplar)| (earliest..=latest).contains(&it.1.time.0);
        for (series, exemplar) in self.waiting.iter().filter(due) {
            let of_series = by_series.entry(series.clone()).or_default();
            of_series.insert((exemplar.time, exemplar.labels.clone()), exemplar.value);
        }
        (by_series, self.before + self.waiting.len() as u64)
    }

    /// Forgets what came before a place: parts have it now.
    pub(crate) fn end_flush(&mut self, place: u64) {
        let flushed = place.saturating_sub(self.before) as usize;
        self.waiting.drain(..flushed.min(self.waiting.len()));
        self.before = self.before.max(place);
    }

    /// Takes out those of some series in a range. What comes again afterwards is new.
    pub(crate) fn cut(&mut self, is_cut: impl Fn(&Labels) -> bool, start: i64, end: i64) {
        // The places stay those of what is left: only a flush, which excludes this, counts on them.
        let stays =
            |it: &(Labels, Exemplar)| !((start..=end).contains(&it.1.time.0) && is_cut(&it.0));
        self.waiting.retain(stays);
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(time: i64) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs([("trace_id", time.to_string())]),
            value: 1.0,
            time: Millis(time),
        }
    }

    fn times(exemplars: &Exemplars) -> Vec<i64> {
        exemplars.iter().map(|(_, it)| it.time.0).collect()
    }

    #[test]
    fn what_comes_while_a_flush_runs_waits_for_the_next() {
        let mut exemplars = Exemplars::default();
        let series = Labels::from_pairs([("__name__", "m")]);
        (0..3).for_each(|time| exemplars.push(series.clone(), exemplar(time)));
        let (due, place) = exemplars.begin_flush(1, 9);
        let due: Vec<i64> = due[&series].keys().map(|(time, _)| time.0).collect();
        assert_eq!(due, [1, 2]);
        exemplars.push(series.clone(), exemplar(3));
        exemplars.end_flush(place);
        assert_eq!(times(&exemplars), [3]);
        exemplars.end_flush(place);
        assert_eq!(times(&exemplars), [3]);
    }

    #[test]
    fn too_many_drop_the_first_also_while_a_flush_runs() {
        let mut exemplars = Exemplars::default();
        let series = Labels::from_pairs([("__name__", "m")]);
        let all = EXEMPLARS_MAX as i64;
        (0..all).for_each(|time| exemplars.push(series.clone(), exemplar(time)));
        let (_, place) = exemplars.begin_flush(0, i64::MAX);
        (all..all + 5).for_each(|time| exemplars.push(series.clone(), exemplar(time)));
        assert_eq!(exemplars.dropped(), 5);
        exemplars.end_flush(place);
        assert_eq!(times(&exemplars), (all..all + 5).collect::<Vec<_>>());
    }
}
