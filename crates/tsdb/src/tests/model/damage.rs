//! Bits that flip in files at rest: nothing wrong is given, and what the other files have is.

use std::path::PathBuf;
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_model::Millis;

use super::compare::{difference, read_all};
use super::run::Run;
use crate::{Config, Tsdb, check};

/// Flips a bit of one part, then looks at all that is left.
pub(super) fn flip_bits(mut run: Run) {
    let parts = parts_of(&run);
    if parts.is_empty() {
        return;
    }
    let (path, bytes) = &parts[run.random(parts.len() as u64) as usize];
    let with_it = run.found(&[], 0, i64::MAX);
    let without = run.disk.copy();
    without.remove(path).expect("a sound disk");
    let (store, _) = open(&without, &run);
    let without_it = read_all(&store, &[], 0, i64::MAX).expect("a sound disk");
    let (byte, bit) = (run.random(*bytes), run.random(8) as u8);
    assert!(run.disk.flip_bit(path, byte, bit));
    let place = format!("bit {bit} of byte {byte} of {}", path.display());
    let report = check(&run.disk, &run.dir).expect("a sound disk");
    assert_eq!(report.faults.len(), 1, "{place} is found by a check");

    let (store, report) = open(&run.disk, &run);
    let mut aside = report.set_aside.len();
    let first = read_all(&store, &[], 0, i64::MAX);
    aside += maintain(&store, &run);
    let second = read_all(&store, &[], 0, i64::MAX).expect("what is bad is set aside");
    let (second, without_it) = (run.certain(second), run.certain(without_it));
    match aside {
        0 => {
            let found = first.expect("what is not noticed does no harm");
            assert!(
                found == with_it,
                "{place}: {}",
                difference(&found, &with_it)
            );
        }
        1 => {
            let diff = difference(&second, &without_it);
            assert!(second == without_it, "{place}: {diff}");
        }
        _ => panic!("{place}: {aside} files were set aside"),
    }
    let known = |(labels, samples): (&_, &super::truth::Samples)| {
        let written =
            |((time, _), value): (&(i64, _), &_)| run.truth.was_written(labels, *time, value);
        samples.iter().all(written)
    };
    assert!(second.iter().all(known), "{place}: a value is invented");
}

fn parts_of(run: &Run) -> Vec<(PathBuf, u64)> {
    let mut files = run.disk.files();
    files.retain(|(path, _)| {
        path.parent() == Some(&run.dir) && path.extension().is_some_and(|e| e == "part")
    });
    files
}

fn open(disk: &SimDisk, run: &Run) -> (Tsdb, crate::OpenReport) {
    let now = Millis(run.told);
    // What is given up for space depends on what is damaged.
    let config = Config {
        retention_bytes: None,
        ..run.config.clone()
    };
    Tsdb::open(Arc::new(disk.clone()), &run.dir, config, now).expect("it opens")
}

fn maintain(store: &Tsdb, run: &Run) -> usize {
    let mut aside = 0;
    loop {
        let report = store.maintain(Millis(run.told)).expect("a sound disk");
        aside += report.set_aside.len();
        if !report.more {
            return aside;
        }
    }
}
