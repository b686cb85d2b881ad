//! The same questions to the store and to the truth.

use std::collections::{BTreeMap, BTreeSet};

use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, Millis};

use super::super::matchers;
use super::run::{METRICS, Run};
use super::truth::{Kind, Samples, Value, fits, number_of};
use crate::Tsdb;

/// Returns all that a store gives, series without samples left out.
pub(super) fn read_all(
    store: &Tsdb,
    matchers: &[LabelMatcher],
    start: i64,
    end: i64,
) -> Result<BTreeMap<Labels, Samples>, crate::ReadError> {
    let selection = store.select(matchers, Millis(start), Millis(end))?;
    let mut found = BTreeMap::new();
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let histograms = selection.read_both(at, &mut times, &mut values)?;
        assert_eq!(times.len(), values.len());
        assert!(times.is_sorted_by(|a, b| a < b), "times ascend");
        let floats = times.iter().zip(&values);
        let mut samples: Samples = floats
            .map(|(time, value)| ((*time, Kind::Float), Value::Float(value.to_bits())))
            .collect();
        for (time, histogram) in &histograms {
            samples.insert((*time, Kind::Histogram), number_of(histogram));
        }
        let labels = selection.labels(at)?;
        if !samples.is_empty() {
            assert!(found.insert(labels, samples).is_none(), "a series is twice");
        }
    }
    Ok(found)
}

impl Run {
    pub(super) fn found(
        &self,
        matchers: &[LabelMatcher],
        start: i64,
        end: i64,
    ) -> BTreeMap<Labels, Samples> {
        read_all(&self.store, matchers, start, end).expect("a sound disk")
    }

    /// Compares all samples.
    pub(super) fn compare_all(&mut self) {
        self.compare_range(&[], 0, i64::MAX / 2);
    }

    /// Compares what some questions find.
    pub(super) fn compare(&mut self) {
        let back = self.random(100_000) as i64;
        let end = self.told - back + 50_000;
        let reach = [60_000, 600_000, 10_000_000, i64::from(u32::MAX)][self.random(4) as usize];
        let metric = format!("m{}", self.random(METRICS + 1));
        let questions: [&[(&str, MatchOp, &str)]; 4] = [
            &[("__name__", MatchOp::Equal, &metric)],
            &[("instance", MatchOp::Regex, "i[1-3]")],
            &[
                ("__name__", MatchOp::NotEqual, &metric),
                ("instance", MatchOp::NotRegex, "i0|i2"),
            ],
            &[("absent", MatchOp::Equal, "")],
        ];
        let question = questions[self.random(4) as usize];
        self.compare_range(&matchers(question), end - reach, end);
    }

    fn compare_range(&mut self, matchers: &[LabelMatcher], start: i64, end: i64) {
        let expected = self.certain(self.truth.select(matchers, start, end));
        let found = self.found(matchers, start, end);
        self.check_more(&found);
        let found = self.certain(found);
        if found != expected {
            panic!("{}", difference(&found, &expected));
        }
        self.compare_newest(matchers, start, end);
        self.compare_names(matchers, &expected, start, end);
        let metadata = self.store.metadata(None, usize::MAX);
        assert!(
            metadata
                .iter()
                .map(|(metric, known)| (metric, known))
                .eq(&self.truth.metadata)
        );
    }

    /// Returns from when on samples of a series are kept.
    pub(super) fn kept_from(&self, labels: &Labels) -> i64 {
        self.told - self.keeping.of_series(labels)
    }

    /// Returns of samples those that must be given: within the time of their series, and not given
    /// up for space.
    pub(super) fn certain(
        &self,
        mut series: BTreeMap<Labels, Samples>,
    ) -> BTreeMap<Labels, Samples> {
        for (labels, samples) in &mut series {
            let from = self.kept_from(labels);
            samples.retain(|at, _| at.0 >= from && self.truth.is_certain(labels, at));
        }
        series.retain(|_, samples| !samples.is_empty());
        series
    }

    /// What need not be given was written once, and is not given past its time after a
    /// maintenance.
    fn check_more(&self, found: &BTreeMap<Labels, Samples>) {
        let longest = self.told - self.keeping.longest();
        for (labels, samples) in found {
            let from = if self.swept {
                self.kept_from(labels)
            } else {
                longest
            };
            for ((time, kind), value) in samples {
                assert!(
                    *time >= from,
                    "{labels} at {time}: {kind:?} is past its time"
                );
                assert!(
                    self.truth.was_written(labels, *time, value),
                    "{labels} at {time}"
                );
            }
        }
    }

    fn compare_newest(&mut self, matchers: &[LabelMatcher], start: i64, end: i64) {
        let selection = self
            .store
            .select(matchers, Millis(start), Millis(end))
            .expect("a sound disk");
        let middle = end.min(self.told) - self.random(4_000_000) as i64;
        for at in 0..selection.len() {
            let labels = selection.labels(at).expect("a sound disk");
            let from = start.max(self.kept_from(&labels));
            if !self.truth.all_certain(&labels, from, end) {
                continue;
            }
            for until in [end, middle] {
                let found = selection.newest(at, Millis(until), Millis(start));
                let found = found.expect("a sound disk");
                let found = found.float().map(|(time, value)| (time, value.to_bits()));
                let found = found.filter(|(time, _)| *time >= from);
                let expected = self.truth.newest(&labels, from, until);
                assert_eq!(found, expected, "the newest of {labels} until {until}");
            }
        }
    }

    /// Names, values and series are those that have samples, and perhaps some that had or whose
    /// samples lie near.
    fn compare_names(
        &mut self,
        matchers: &[LabelMatcher],
        expected: &BTreeMap<Labels, Samples>,
        start: i64,
        end: i64,
    ) {
        let (start, end) = (Millis(start), Millis(end));
        let ever: BTreeSet<Labels> = self.truth.series_ever().cloned().collect();
        let within = |found: BTreeSet<String>, of: &dyn Fn(&Labels) -> BTreeSet<String>| {
            let must: BTreeSet<String> = expected.keys().flat_map(of).collect();
            let may: BTreeSet<String> = ever.iter().flat_map(of).collect();
            assert!(found.is_superset(&must), "{must:?} are in {found:?}");
            assert!(found.is_subset(&may), "{found:?} are in {may:?}");
        };
        let store = &self.store;
        let names = store.label_names(matchers, start, end, usize::MAX);
        within(
            names.expect("a sound disk").into_iter().collect(),
            &|labels| labels.iter().map(|(name, _)| name.to_owned()).collect(),
        );
        let values = store.label_values("instance", matchers, start, end, usize::MAX);
        let values = values.expect("a sound disk");
        let two = store.label_values("instance", matchers, start, end, 2);
        assert_eq!(two.expect("a sound disk"), values[..values.len().min(2)]);
        within(values.into_iter().collect(), &|labels| {
            BTreeSet::from([labels.get("instance").to_owned()])
        });
        let series = store.series(matchers, start, end, usize::MAX);
        let series = series.expect("a sound disk");
        assert!(series.is_sorted_by(|a, b| a < b), "each series once");
        assert!(expected.keys().all(|labels| series.contains(labels)));
        let known = |labels: &Labels| ever.contains(labels) && fits(labels, matchers);
        assert!(series.iter().all(known));
    }
}

/// Says where the first difference is.
pub(super) fn difference(
    found: &BTreeMap<Labels, Samples>,
    expected: &BTreeMap<Labels, Samples>,
) -> String {
    let all: BTreeSet<&Labels> = found.keys().chain(expected.keys()).collect();
    let none = Samples::new();
    for labels in all {
        let has = found.get(labels).unwrap_or(&none);
        let should = expected.get(labels).unwrap_or(&none);
        let times: BTreeSet<_> = has.keys().chain(should.keys()).collect();
        for at in times {
            if has.get(at) != should.get(at) {
                let (has, should) = (has.get(at), should.get(at));
                return format!("{labels} at {at:?}: found {has:?}, expected {should:?}");
            }
        }
    }
    "no difference".to_owned()
}
