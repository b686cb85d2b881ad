//! The store against a map: random writes of every kind, deletions, flushes, merges, retention by
//! time, selector and size, snapshots brought back, full disks, power cuts, flipped bits. What the
//! map has is what the store gives.
//!
//! `WEFT_MODEL_SEEDS` says how many seeds are tried, `WEFT_MODEL_FIRST` which is the first: a seed
//! that failed runs alone with `WEFT_MODEL_FIRST=<seed> WEFT_MODEL_SEEDS=1`.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use weft_disk::SimDisk;

mod compare;
mod damage;
mod fail;
mod keep;
mod run;
mod truth;
mod write;

use run::{Run, Step};

/// How many seeds are tried unless something else is said.
const SEEDS: u64 = 200;

/// How many steps a seed takes.
const STEPS: usize = 60;

/// A xorshift generator: equal seeds, equal runs.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number of seeds"))
}

/// Runs `each` for many seeds, on all cores; of one that fails it says how to run it again.
fn for_seeds(test: &str, each: impl Fn(u64) + Sync) {
    let first = number_from("WEFT_MODEL_FIRST", 0);
    let end = first + number_from("WEFT_MODEL_SEEDS", SEEDS);
    let next = AtomicU64::new(first);
    let run = || {
        for seed in std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)) {
            if seed >= end {
                return;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| each(seed))) {
                next.store(end, Ordering::Relaxed);
                eprintln!(
                    "seed {seed} fails; again with: WEFT_MODEL_FIRST={seed} WEFT_MODEL_SEEDS=1 \
                     cargo test -p weft-tsdb {test}"
                );
                resume_unwind(panic);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(run))));
}

#[test]
fn the_store_gives_what_a_map_gives() {
    for_seeds("the_store_gives_what_a_map_gives", |seed| {
        let mut run = Run::new(seed);
        (0..STEPS).for_each(|_| run.step());
        run.compare_all();
        run.settle();
        run.compare_all();
        run.restart();
        run.compare_all();
        run.check();
        damage::flip_bits(run);
    });
}

/// Lets each operation of a step be the last one before the power fails, or the one that fails
/// because the disk is full.
fn at_every_operation(step: Step) {
    for seed in 0..2 {
        let mut base = Run::new(seed + 1_000_000);
        (0..8).for_each(|_| base.gather());
        for operation in 0.. {
            let mut run = base.reopened();
            let before = run.disk.operations();
            run.do_while_full_after(step, operation);
            run.compare_all();
            run.restart();
            run.compare_all();
            run.check();
            let mut run = base.reopened();
            run.do_until_power_fails_after(step, operation);
            run.compare_all();
            run.check();
            if operation > run.disk.operations() - before + 8 {
                break;
            }
        }
    }
}

#[test]
fn every_operation_of_a_flush_may_fail() {
    at_every_operation(Step::Flush);
}

#[test]
fn every_operation_of_a_maintenance_may_fail() {
    at_every_operation(Step::Maintain);
}

#[test]
fn every_operation_of_a_deletion_may_fail() {
    at_every_operation(Step::Delete);
}

#[test]
fn every_operation_of_a_snapshot_may_fail() {
    at_every_operation(Step::Snapshot);
}

#[test]
fn equal_seeds_make_equal_runs() {
    let files = || {
        let mut run = Run::new(7);
        (0..30).for_each(|_| run.step());
        run.disk.files()
    };
    assert_eq!(files(), files());
    assert_ne!(files(), SimDisk::new().files());
}
