//! The store against a map: random writes, in and out of order, deletions, flushes, merges, power
//! cuts. What the map has is what the store gives.

use std::collections::BTreeMap;
use std::path::Path;

use weft_disk::SimDisk;
use weft_model::{Labels, MatchOp, Millis, STALE_NAN_BITS};

use super::{DIR, NOON, labels, matchers, open, read, small};
use crate::{Rejected, Tsdb, check};

type Samples = BTreeMap<Labels, BTreeMap<i64, u64>>;

/// A xorshift generator: equal seeds, equal runs.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A store, the map, and what the caller would have in its journal.
struct Run {
    random: Random,
    disk: SimDisk,
    store: Tsdb,
    model: Samples,
    journal: Vec<(Labels, i64, u64)>,
    now: i64,
}

const METRICS: u64 = 3;
const INSTANCES: u64 = 6;

impl Run {
    fn new(seed: u64) -> Run {
        let disk = SimDisk::new();
        let store = open(&disk, small(), NOON);
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Run {
            random,
            disk,
            store,
            model: Samples::new(),
            journal: Vec::new(),
            now: NOON,
        }
    }

    fn series(&mut self) -> Labels {
        let metric = format!("m{}", self.random.below(METRICS));
        labels(&metric, &format!("i{}", self.random.below(INSTANCES)))
    }

    fn value(&mut self) -> u64 {
        match self.random.below(12) {
            0 => STALE_NAN_BITS,
            1 => f64::NEG_INFINITY.to_bits(),
            2 => (-0.0f64).to_bits(),
            3 => f64::from_bits(self.random.below(u64::MAX)).to_bits(),
            4 => (self.random.below(1000) as f64 / 10.0).to_bits(),
            _ => (self.random.below(50) as f64).to_bits(),
        }
    }

    fn append(&mut self, labels: &Labels, time: i64, bits: u64) {
        loop {
            let series = self.store.intern(labels).unwrap();
            match self
                .store
                .append(series, Millis(time), f64::from_bits(bits))
            {
                Ok(()) => break,
                Err(Rejected::Stale) => {}
                Err(e) => panic!("{e}"),
            }
        }
        self.model
            .entry(labels.clone())
            .or_default()
            .insert(time, bits);
        self.journal.push((labels.clone(), time, bits));
    }

    /// Scrapes every series once, at a common time.
    fn tick(&mut self) {
        self.now += 1000 * (1 + self.random.below(30) as i64);
        for metric in 0..METRICS {
            for instance in 0..INSTANCES {
                if self.random.below(4) > 0 {
                    let bits = self.value();
                    self.append(
                        &labels(&format!("m{metric}"), &format!("i{instance}")),
                        self.now,
                        bits,
                    );
                }
            }
        }
    }

    fn late(&mut self) {
        for _ in 0..self.random.below(20) {
            let back = self.random.below(if self.random.0.is_multiple_of(3) {
                200_000_000
            } else {
                600_000
            });
            let series = self.series();
            let bits = self.value();
            self.append(&series, self.now - back as i64, bits);
        }
        // Some times are written again, with the same value or another one.
        let known = self.model.iter().nth(self.random.below(18) as usize);
        let known = known
            .and_then(|(labels, samples)| Some((labels.clone(), *samples.iter().next_back()?.0)));
        if let Some((labels, time)) = known {
            let bits = self.value();
            self.append(&labels, time, bits);
        }
    }

    fn delete(&mut self) {
        let metric = format!("m{}", self.random.below(METRICS));
        let end = self.now - self.random.below(400_000) as i64;
        let start = end - self.random.below(3_000_000) as i64;
        // What is deleted must not come back from the journal.
        self.flush();
        self.store
            .delete(
                &matchers(&[("__name__", MatchOp::Equal, &metric)]),
                Millis(start),
                Millis(end),
            )
            .unwrap();
        for (labels, samples) in &mut self.model {
            if labels.name() == metric {
                samples.retain(|time, _| !(start..=end).contains(time));
            }
        }
    }

    fn flush(&mut self) {
        self.store.flush(Millis(self.now)).unwrap();
        self.journal.clear();
    }

    fn maintain(&mut self) {
        while self.store.maintain(Millis(self.now)).unwrap().more {}
    }

    fn pause(&mut self) {
        self.now += [60_000, 900_000, 7_200_000, 40_000_000][self.random.below(4) as usize];
        // The store takes no time far ahead of the last one it was told.
        self.maintain();
    }

    fn restart(&mut self) {
        self.disk.crash(self.random.below(u64::MAX));
        self.reopen();
    }

    /// Opens the store and replays the journal, as the caller does.
    fn reopen(&mut self) {
        self.store = open(&self.disk, small(), self.now);
        for (labels, time, bits) in std::mem::take(&mut self.journal) {
            self.append(&labels, time, bits);
        }
    }

    /// Lets the power fail somewhere within a flush, a merge or a deletion.
    fn fail(&mut self) {
        self.disk.cut_power_after(self.random.below(12));
        let flushed = self.store.flush(Millis(self.now)).is_ok();
        if flushed {
            self.journal.clear();
        }
        let _ = self.store.maintain(Millis(self.now));
        self.restart();
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0..=17 => self.tick(),
            18..=23 => self.late(),
            24..=28 => self.flush(),
            29..=32 => self.maintain(),
            33 => self.delete(),
            34..=35 => self.pause(),
            36 => self.restart(),
            37 => self.fail(),
            _ => self.compare(),
        }
    }

    fn compare(&mut self) {
        let end = self.now - self.random.below(100_000) as i64 + 50_000;
        let start =
            end - [60_000, 600_000, 10_000_000, i64::from(u32::MAX)][self.random.below(4) as usize];
        let metric = format!("m{}", self.random.below(METRICS));
        self.compare_range(
            &matchers(&[("__name__", MatchOp::Equal, &metric)]),
            start,
            end,
        );
        self.compare_range(
            &matchers(&[("instance", MatchOp::Regex, "i[1-3]")]),
            start,
            end,
        );
        self.compare_range(
            &matchers(&[
                ("__name__", MatchOp::NotEqual, &metric),
                ("instance", MatchOp::NotRegex, "i0|i4"),
            ]),
            start,
            end,
        );
    }

    fn compare_range(&self, matchers: &[weft_matcher::LabelMatcher], start: i64, end: i64) {
        let fits = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.get(m.name())));
        let expected: Vec<(Labels, Vec<(i64, u64)>)> = self
            .model
            .iter()
            .filter(|(labels, _)| fits(labels))
            .map(|(labels, samples)| {
                let within = samples.range(start..=end);
                (
                    labels.clone(),
                    within.map(|(time, bits)| (*time, *bits)).collect(),
                )
            })
            .filter(|(_, samples): &(Labels, Vec<(i64, u64)>)| !samples.is_empty())
            .collect();
        assert_eq!(
            read(&self.store, matchers, start, end),
            expected,
            "{matchers:?}"
        );
        self.compare_newest(matchers, start, end);
    }

    fn compare_newest(&self, matchers: &[weft_matcher::LabelMatcher], start: i64, end: i64) {
        let selection = self
            .store
            .select(matchers, Millis(start), Millis(end))
            .unwrap();
        let middle = start + (end - start) / 2;
        for at in 0..selection.len() {
            let labels = selection.labels(at).unwrap();
            for until in [end, middle] {
                let found = selection.newest(at, Millis(until), Millis(start)).unwrap();
                let expected = self.model[&labels].range(start..=until).next_back();
                let found = found.map(|(time, value)| (time, value.to_bits()));
                assert_eq!(
                    found,
                    expected.map(|(time, bits)| (*time, *bits)),
                    "{labels}"
                );
            }
        }
    }
}

#[test]
fn the_store_gives_what_a_map_gives() {
    for seed in 0..60 {
        let mut run = Run::new(seed);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..120 {
                run.step();
            }
            run.compare_range(&[], 0, i64::MAX / 2);
            run.flush();
            run.pause();
            run.maintain();
            run.compare_range(&[], 0, i64::MAX / 2);
            run.restart();
            run.compare_range(&[], 0, i64::MAX / 2);
            let report = check(&run.disk, Path::new(DIR)).unwrap();
            assert!(report.faults.is_empty(), "{:?}", report.faults);
        }));
        if let Err(panic) = caught {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn every_operation_may_be_the_last_one_of_a_flush() {
    for operations in 0..20 {
        for seed in 0..4 {
            let mut run = Run::new(seed + 1000);
            (0..5).for_each(|_| run.tick());
            run.flush();
            (0..5).for_each(|_| run.tick());
            run.disk.cut_power_after(operations);
            if run.store.flush(Millis(run.now)).is_ok() {
                run.journal.clear();
            }
            run.restart();
            run.compare_range(&[], 0, i64::MAX / 2);
        }
    }
}
