//! One run: a store, the truth about it, and what the caller would have in its journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::SimDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, MetricMetadata, Millis};

use super::super::{DIR, NOON, labels, matchers};
use super::Random;
use super::keep::{self, Keeping};
use super::truth::{Truth, Value};
use crate::{Config, MaintainReport, RestoreError, Tsdb, WriteError, check, restore};

pub(super) const METRICS: u64 = 3;
pub(super) const INSTANCES: u64 = 4;
pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// What was told to the store since the last flush.
#[derive(Clone, Default)]
pub(super) struct Journal {
    pub(super) samples: Vec<(Labels, i64, Value)>,
    pub(super) described: Vec<(String, MetricMetadata)>,
}

/// A store under test.
pub(super) struct Run {
    random: Random,
    pub(super) disk: SimDisk,
    pub(super) dir: PathBuf,
    pub(super) store: Tsdb,
    pub(super) truth: Truth,
    pub(super) config: Config,
    pub(super) keeping: Keeping,
    pub(super) journal: Journal,
    /// The time of the next scrape.
    pub(super) now: i64,
    /// The latest time that the store was told.
    pub(super) told: i64,
    /// Whether nothing past the time of its series is given now.
    pub(super) swept: bool,
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

impl Run {
    pub(super) fn new(seed: u64) -> Run {
        let disk = SimDisk::new();
        let dir = PathBuf::from(DIR);
        let config = keep::config(seed);
        Run {
            random: Random::new(seed),
            store: open(&disk, &dir, &config, NOON),
            disk,
            dir,
            truth: Truth::default(),
            keeping: Keeping::of(&config),
            config,
            journal: Journal::default(),
            now: NOON,
            told: NOON,
            swept: false,
            snapshots: 0,
        }
    }

    /// Returns the same run again, on a disk of its own and with the store just opened.
    pub(super) fn reopened(&self) -> Run {
        let disk = self.disk.copy();
        let mut run = Run {
            random: Random(self.random.0),
            store: open(&disk, &self.dir, &self.config, self.now),
            disk,
            dir: self.dir.clone(),
            truth: self.truth.clone(),
            config: self.config.clone(),
            keeping: self.keeping.clone(),
            journal: self.journal.clone(),
            now: self.now,
            told: self.now,
            swept: false,
            snapshots: self.snapshots,
        };
        run.replay();
        run
    }

    pub(super) fn step(&mut self) {
        match self.random.below(47) {
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
            40..=41 => self.backfill(),
            42 => self.describe(),
            _ => self.compare(),
        }
    }

    /// Does something that leaves files.
    pub(super) fn gather(&mut self) {
        match self.random.below(7) {
            0 => self.late(),
            1 => self.histograms(),
            2 => self.flush(),
            3 => self.delete(),
            4 => self.backfill(),
            _ => self.tick(),
        }
    }

    pub(super) fn random(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// Returns any number.
    pub(super) fn drawn(&mut self) -> u64 {
        self.random.next()
    }

    pub(super) fn series(&mut self) -> Labels {
        let metric = format!("m{}", self.random.below(METRICS));
        labels(&metric, &format!("i{}", self.random.below(INSTANCES)))
    }

    pub(super) fn metric(&mut self) -> Vec<LabelMatcher> {
        let metric = format!("m{}", self.random.below(METRICS + 1));
        matchers(&[("__name__", MatchOp::Equal, &metric)])
    }

    fn tell(&mut self) -> Millis {
        self.swept &= self.now <= self.told;
        self.told = self.told.max(self.now);
        Millis(self.now)
    }

    /// Returns whether it succeeded.
    pub(super) fn try_flush(&mut self) -> bool {
        let now = self.tell();
        self.swept = false;
        let flushed = self.shedding(|run| run.store.flush(now).is_ok());
        if flushed {
            self.journal = Journal::default();
        }
        flushed
    }

    pub(super) fn flush(&mut self) {
        assert!(self.try_flush(), "a sound disk takes a flush");
    }

    pub(super) fn try_maintain(&mut self) -> Result<MaintainReport, WriteError> {
        let now = self.tell();
        self.shedding(|run| run.store.maintain(now))
    }

    pub(super) fn maintain(&mut self) {
        while self.try_maintain().expect("a sound disk").more {}
        // The last merge may have left what the next call would have looked at.
        self.try_maintain().expect("a sound disk");
        self.swept = true;
        self.check_size();
    }

    fn pause(&mut self) {
        self.now +=
            [60_000, 15 * 60_000, 2 * HOUR, 11 * HOUR, 30 * HOUR][self.random.below(5) as usize];
        self.maintain();
        self.compare();
    }

    /// Lets time pass until all is merged.
    pub(super) fn settle(&mut self) {
        self.flush();
        self.now += 26 * HOUR;
        self.maintain();
        self.maintain();
    }

    /// Deletes, after a flush: what is deleted must not come back from the journal.
    pub(super) fn try_delete(&mut self) {
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
        self.dir = if self.random.below(2) == 0 {
            self.restore(&copy)
        } else {
            copy
        };
        self.reopen();
        self.check();
        self.compare_all();
    }

    /// Brings a snapshot back in another directory, which is returned.
    fn restore(&mut self, copy: &Path) -> PathBuf {
        let fresh = Path::new("/").join(format!("fresh{}", self.snapshots));
        match restore(&self.disk, copy, &fresh, &mut |_, _| {}) {
            Ok(report) => assert_eq!(report.parts, self.store.parts().len()),
            Err(RestoreError::NoSnapshot(_)) => {
                assert!(
                    self.store.parts().is_empty(),
                    "there is nothing to bring back"
                );
                return copy.to_owned();
            }
            Err(e) => panic!("a sound snapshot is brought back: {e:?}"),
        }
        fresh
    }

    pub(super) fn try_snapshot(&mut self) -> Option<PathBuf> {
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
        self.swept = false;
        self.store = open(&self.disk, &self.dir, &self.config, self.told);
        self.replay();
        if self.truth.has_doubts() {
            let found = self.found(&[], i64::MIN, i64::MAX);
            self.truth.resolve(&found);
        }
    }

    /// Appends what the journal has, as the caller does.
    fn replay(&mut self) {
        let Journal { samples, described } = std::mem::take(&mut self.journal);
        for (labels, time, value) in samples {
            if time >= self.told - self.keeping.longest() {
                self.append(&labels, time, &value);
            }
        }
        for (metric, metadata) in described {
            self.set_metadata(metric, metadata);
        }
    }

    /// Verifies the files themselves.
    pub(super) fn check(&self) {
        let report = check(&self.disk, &self.dir).expect("a sound disk");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}

fn open(disk: &SimDisk, dir: &Path, config: &Config, now: i64) -> Tsdb {
    let (store, report) =
        Tsdb::open(Arc::new(disk.clone()), dir, config.clone(), Millis(now)).expect("it opens");
    assert!(report.set_aside.is_empty(), "{report:?}");
    store
}
