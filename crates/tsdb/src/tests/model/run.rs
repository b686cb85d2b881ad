//! One run: a store, the truth about it, and what the caller would have in its journal.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::{Fault, SimDisk};
use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, Millis, STALE_NAN_BITS};

use super::super::{DIR, NOON, labels, matchers, small};
use super::Random;
use super::truth::{Kind, Truth, Value, histogram};
use crate::{Config, Rejected, Tsdb, check};

pub(super) const METRICS: u64 = 3;
const INSTANCES: u64 = 4;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A store under test.
pub(super) struct Run {
    random: Random,
    pub(super) disk: SimDisk,
    pub(super) dir: PathBuf,
    pub(super) store: Tsdb,
    pub(super) truth: Truth,
    journal: Vec<(Labels, i64, Value)>,
    /// The time of the next scrape.
    now: i64,
    /// The latest time that the store was told.
    pub(super) told: i64,
    snapshots: u64,
}

/// What may happen to a disk that is about to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Flush,
    Maintain,
    Delete,
    Snapshot,
}

pub(super) fn config() -> Config {
    Config {
        retention_millis: 3 * DAY,
        ..small()
    }
}

impl Run {
    pub(super) fn new(seed: u64) -> Run {
        let disk = SimDisk::new();
        let dir = PathBuf::from(DIR);
        Run {
            random: Random::new(seed),
            store: open(&disk, &dir, NOON),
            disk,
            dir,
            truth: Truth::default(),
            journal: Vec::new(),
            now: NOON,
            told: NOON,
            snapshots: 0,
        }
    }

    /// Returns the same run again, on a disk of its own and with the store just opened.
    pub(super) fn reopened(&self) -> Run {
        let disk = self.disk.copy();
        let mut run = Run {
            random: Random(self.random.0),
            store: open(&disk, &self.dir, self.now),
            disk,
            dir: self.dir.clone(),
            truth: self.truth.clone(),
            journal: self.journal.clone(),
            now: self.now,
            told: self.now,
            snapshots: self.snapshots,
        };
        run.replay();
        run
    }

    pub(super) fn step(&mut self) {
        match self.random.below(44) {
            0..=15 => self.tick(),
            16..=20 => self.late(),
            21 => self.histograms(),
            22 => self.burst(),
            23..=27 => self.flush(),
            28..=30 => self.maintain(),
            31 => self.delete(),
            32..=33 => self.pause(),
            34 => self.restart(),
            35 => self.fail(),
            36..=37 => self.fail_once(),
            38 => self.fill_up(),
            39 => self.snapshot(),
            _ => self.compare(),
        }
    }

    /// Does something that leaves files.
    pub(super) fn gather(&mut self) {
        match self.random.below(6) {
            0 => self.late(),
            1 => self.histograms(),
            2 => self.flush(),
            3 => self.delete(),
            _ => self.tick(),
        }
    }

    pub(super) fn random(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn series(&mut self) -> Labels {
        let metric = format!("m{}", self.random.below(METRICS));
        labels(&metric, &format!("i{}", self.random.below(INSTANCES)))
    }

    pub(super) fn metric(&mut self) -> Vec<LabelMatcher> {
        let metric = format!("m{}", self.random.below(METRICS + 1));
        matchers(&[("__name__", MatchOp::Equal, &metric)])
    }

    fn value(&mut self) -> Value {
        let bits = match self.random.below(14) {
            0 => STALE_NAN_BITS,
            1 => f64::NEG_INFINITY.to_bits(),
            2 => (-0.0f64).to_bits(),
            3 => self.random.next() << 11 | self.random.below(1 << 11),
            4 => 0x7ff8_0000_0000_0000 | self.random.below(1 << 51),
            5 => self.random.below(1 << 20),
            6..=7 => (self.random.below(1000) as f64 / 10.0).to_bits(),
            _ => (self.random.below(50) as f64).to_bits(),
        };
        Value::Float(bits)
    }

    /// Appends a sample to store, truth and journal, if it is taken.
    fn append(&mut self, labels: &Labels, time: i64, value: &Value) {
        self.truth.name(labels);
        let taken = self.store_append(labels, time, value);
        let earliest = self.told - config().retention_millis;
        let latest = self.told + config().future_max_millis;
        let expected = match time {
            _ if time < earliest => Err(Rejected::TooOld),
            _ if time > latest => Err(Rejected::TooNew),
            _ => Ok(()),
        };
        assert_eq!(taken, expected, "{labels} {time}");
        if taken.is_ok() {
            self.truth.insert(labels, time, value);
            self.journal.push((labels.clone(), time, value.clone()));
        }
    }

    fn store_append(&self, labels: &Labels, time: i64, value: &Value) -> Result<(), Rejected> {
        for _ in 0..2 {
            let series = self.store.intern(labels)?;
            let taken = match value {
                Value::Float(bits) => {
                    let value = f64::from_bits(*bits);
                    self.store.append(series, Millis(time), value)
                }
                Value::Histogram(number) => {
                    let value = histogram(*number);
                    self.store.append_histogram(series, Millis(time), value)
                }
                Value::Strange(_) => unreachable!("no strange value is written"),
            };
            if taken != Err(Rejected::Stale) {
                return taken;
            }
        }
        Err(Rejected::Stale)
    }

    /// Scrapes every series once, at a common time.
    fn tick(&mut self) {
        self.now += 1000 * (1 + self.random.below(30) as i64);
        for metric in 0..METRICS {
            for instance in 0..INSTANCES {
                if self.random.below(5) > 0 {
                    let value = self.value();
                    let labels = labels(&format!("m{metric}"), &format!("i{instance}"));
                    self.append(&labels, self.now, &value);
                }
            }
        }
    }

    /// Writes to the past, some times again, with the same value or another one.
    fn late(&mut self) {
        let reach = [600_000, 8 * HOUR, 4 * DAY][self.random.below(3) as usize];
        for _ in 0..self.random.below(20) {
            let back = self.random.below(reach as u64) as i64;
            let series = self.series();
            let value = self.value();
            self.append(&series, self.now - back, &value);
        }
        for _ in 0..3 {
            let number = self.random.next();
            if let Some((labels, time, kind)) = self.truth.nth(number) {
                let value = match kind {
                    Kind::Float => self.value(),
                    Kind::Histogram => Value::Histogram(self.random.below(800)),
                };
                self.append(&labels, time, &value);
            }
        }
    }

    fn histograms(&mut self) {
        let labels = labels(&format!("m{METRICS}"), "i0");
        let first = self.random.below(400);
        for number in 0..1 + self.random.below(40) {
            self.now += 1000;
            self.append(&labels, self.now, &Value::Histogram(first + number));
            if self.random.below(8) == 0 {
                self.append(&labels, self.now, &Value::Float(number));
            }
        }
        self.append(&labels, self.now - 10_500, &Value::Histogram(first));
    }

    /// Fills pages: many samples of one series that do not compress.
    fn burst(&mut self) {
        let labels = self.series();
        if self.random.below(3) > 0 {
            return self.tick();
        }
        for _ in 0..500 + self.random.below(2500) {
            self.now += 1000;
            let bits = 0x3ff0_0000_0000_0000 | self.random.next() >> 2;
            self.append(&labels, self.now, &Value::Float(bits));
        }
    }

    fn tell(&mut self) -> Millis {
        self.told = self.told.max(self.now);
        Millis(self.now)
    }

    /// Returns whether it succeeded.
    fn try_flush(&mut self) -> bool {
        let now = self.tell();
        let flushed = self.store.flush(now).is_ok();
        if flushed {
            self.journal.clear();
        }
        flushed
    }

    fn flush(&mut self) {
        assert!(self.try_flush(), "a sound disk takes a flush");
    }

    fn maintain(&mut self) {
        let now = self.tell();
        while self.store.maintain(now).expect("a sound disk").more {}
    }

    fn pause(&mut self) {
        self.now +=
            [60_000, 15 * 60_000, 2 * HOUR, 11 * HOUR, 30 * HOUR][self.random.below(5) as usize];
        self.maintain();
    }

    /// Lets time pass until all is merged.
    pub(super) fn settle(&mut self) {
        self.flush();
        self.now += 26 * HOUR;
        self.maintain();
        self.maintain();
    }

    /// Deletes, after a flush: what is deleted must not come back from the journal.
    fn try_delete(&mut self) {
        let end = self.now - self.random.below(400_000) as i64;
        let reach = [3_000_000, 2 * DAY][self.random.below(2) as usize];
        let start = end - self.random.below(reach as u64) as i64;
        let which = match self.random.below(3) {
            0 => matchers(&[("instance", MatchOp::Regex, "i[12]")]),
            _ => self.metric(),
        };
        if !self.try_flush() {
            return;
        }
        match self.store.delete(&which, Millis(start), Millis(end)) {
            Ok(_) => self.truth.delete(&which, start, end),
            Err(_) => self.truth.doubt(&which, start, end),
        }
    }

    fn delete(&mut self) {
        self.try_delete();
    }

    /// Copies the store, and opens the copy; sometimes the run goes on in it.
    fn snapshot(&mut self) {
        let Some(copy) = self.try_snapshot() else {
            panic!("a sound disk takes a snapshot");
        };
        if self.random.below(2) == 0 {
            self.disk.crash(self.random.0);
        }
        self.dir = copy;
        self.reopen();
        self.compare_all();
    }

    fn try_snapshot(&mut self) -> Option<PathBuf> {
        self.snapshots += 1;
        let copy = Path::new("/").join(format!("copy{}", self.snapshots));
        let done = self.try_flush() && self.store.snapshot(&copy).is_ok();
        done.then_some(copy)
    }

    pub(super) fn restart(&mut self) {
        self.disk.crash(self.random.0);
        self.reopen();
    }

    fn reopen(&mut self) {
        self.told = self.told.max(self.now);
        self.store = open(&self.disk, &self.dir, self.told);
        self.replay();
        if self.truth.has_doubts() {
            let found = self.found(&[], i64::MIN, i64::MAX);
            self.truth.resolve(&found);
        }
    }

    /// Appends what the journal has, as the caller does.
    fn replay(&mut self) {
        for (labels, time, value) in std::mem::take(&mut self.journal) {
            if time >= self.told - config().retention_millis {
                self.append(&labels, time, &value);
            }
        }
    }

    fn attempt(&mut self, step: Step) {
        match step {
            Step::Flush => drop(self.try_flush()),
            Step::Maintain => {
                let now = self.tell();
                for _ in 0..4 {
                    if !self.store.maintain(now).is_ok_and(|report| report.more) {
                        break;
                    }
                }
            }
            Step::Delete => self.try_delete(),
            Step::Snapshot => drop(self.try_snapshot()),
        }
    }

    fn any_step(&mut self) -> Step {
        let steps = [
            Step::Flush,
            Step::Flush,
            Step::Maintain,
            Step::Maintain,
            Step::Delete,
            Step::Snapshot,
        ];
        steps[self.random.below(6) as usize]
    }

    /// Lets the power fail somewhere within a step.
    fn fail(&mut self) {
        let step = self.any_step();
        let operations = self.random.below(24);
        self.do_until_power_fails_after(step, operations);
        self.compare();
    }

    pub(super) fn do_until_power_fails_after(&mut self, step: Step, operations: u64) {
        if step == Step::Maintain {
            self.now += 20 * HOUR;
        }
        self.disk.cut_power_after(operations);
        self.attempt(step);
        self.restart();
    }

    /// Lets one operation of a step fail, and goes on without a restart.
    fn fail_once(&mut self) {
        let step = self.any_step();
        let operations = self.random.below(24);
        self.do_while_full_after(step, operations);
        self.compare();
    }

    pub(super) fn do_while_full_after(&mut self, step: Step, operations: u64) {
        if step == Step::Maintain {
            self.now += 20 * HOUR;
        }
        let kinds = [ErrorKind::StorageFull, ErrorKind::Other];
        let kind = kinds[self.random.below(2) as usize];
        self.disk.fail_after(operations, kind);
        self.attempt(step);
        self.disk.fail_no_more();
    }

    /// Goes on while there is little space, then while there is enough again.
    fn fill_up(&mut self) {
        let used: u64 = self.disk.files().iter().map(|(_, bytes)| bytes).sum();
        let bytes = used + self.random.below(4_000);
        self.disk.set_fault(Some(Fault::Full { bytes }));
        for _ in 0..3 {
            self.tick();
            let step = self.any_step();
            self.attempt(step);
            self.compare();
        }
        if self.random.below(2) == 0 {
            self.restart();
            self.compare();
        }
        self.disk.set_fault(None);
        self.flush();
        self.maintain();
        self.compare();
    }

    /// Verifies the files themselves.
    pub(super) fn check(&self) {
        let report = check(&self.disk, &self.dir).expect("a sound disk");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}

fn open(disk: &SimDisk, dir: &Path, now: i64) -> Tsdb {
    let (store, report) =
        Tsdb::open(Arc::new(disk.clone()), dir, config(), Millis(now)).expect("it opens");
    assert!(report.set_aside.is_empty(), "{report:?}");
    store
}
