//! What must hold of the store through crashes, full disks and replays.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod budgets;
mod crashes;
mod lost_tail;
mod senders;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use weft_disk::SimDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Matcher, Millis};
use weft_runtime::{Shutdown, Stopper, shutdown};
use weft_stdx::Clock;

use super::Store;
use super::replay::{LinesReplay, SamplesReplay};
use crate::config::Config;

/// The time in all tests.
const NOW: Millis = Millis(1_800_000_000_000);

/// What a store has: the value of each series at each time.
type Content = BTreeMap<(String, i64), u64>;

/// A simulated disk and what is needed to open stores on it.
struct Machine {
    disk: SimDisk,
    config: Config,
    clock: Clock,
    /// Log lines are not simulated: the log store has files of its own.
    _dir: tempfile::TempDir,
    stop: Shutdown,
    _stopper: Stopper,
}

impl Machine {
    fn new() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        let (stopper, stop) = shutdown::channel();
        Machine {
            disk: SimDisk::new(),
            config: Config::new(dir.path().to_owned()),
            clock: Clock::manual(NOW.0 * 1_000_000),
            _dir: dir,
            stop,
            _stopper: stopper,
        }
    }

    /// Opens the store, without replaying its journals.
    fn open(&self) -> Store {
        let (disk, clock) = (Arc::new(self.disk.clone()), self.clock.clone());
        Store::open(disk, &self.config, "host", clock).unwrap()
    }

    /// Opens the store and replays its journals.
    fn open_and_replay(&self) -> Store {
        let store = self.open();
        store.replay(2, &self.stop);
        assert!(!store.replaying() && store.replay_warning().is_none());
        store
    }

    /// Cuts the power and opens the store again.
    fn crash(&self, store: Store, seed: u64) -> Store {
        drop(store);
        self.disk.crash(seed);
        self.open()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.config.data.join("journal/samples")
    }
}

/// Returns all that the store answers.
fn content(store: &Store) -> Content {
    let all = LabelMatcher::compile_all(&[Matcher::equal("job", "test")]).unwrap();
    let (start, end) = (Millis(0), NOW.plus(86_400_000));
    let selection = store.tsdb.select(&all, start, end).unwrap();
    let mut content = Content::new();
    for series in 0..selection.len() {
        let name = selection.labels(series).unwrap().get("__name__").to_owned();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let histograms = selection.read_both(series, &mut times, &mut values);
        assert!(histograms.unwrap().is_empty());
        for (time, value) in times.iter().zip(&values) {
            let before = content.insert((name.clone(), *time), value.to_bits());
            assert_eq!(before, None, "{name} has two samples at {time}");
        }
    }
    content
}

/// Replays what is left, one run at a time, and goes live.
fn finish(store: &Store, stop: &Shutdown) {
    store.recall_dictionaries();
    let samples = SamplesReplay::new(store);
    while samples.step(stop) {}
    assert_eq!(samples.finish(), super::replay::Round::Live);
    assert!(!store.replaying());
    let lines = LinesReplay(store);
    while lines.step(stop).is_continue() {}
    assert_eq!(lines.finish(), super::replay::Round::Live);
}

fn file_names(disk: &SimDisk, dir: &Path) -> Vec<String> {
    let below = |(path, _): &(std::path::PathBuf, u64)| path.parent() == Some(dir);
    let name = |(path, _): (std::path::PathBuf, u64)| path.file_name()?.to_str().map(str::to_owned);
    disk.files()
        .into_iter()
        .filter(below)
        .filter_map(name)
        .collect()
}
