//! What is left after faults: full disks, flipped bits, deletions, old age.

use std::path::{Path, PathBuf};

use weft_disk::{Disk, Fault, SimDisk};
use weft_model::{Labels, MatchOp, Millis};

use super::{DIR, NOON, labels, matchers, of_metric, open, read, small};
use crate::{Config, OpenError, Rejected, RestoreError, Tsdb, WriteError, check, restore};

/// Fills a store with some series and flushes twice.
fn filled(disk: &SimDisk, config: Config) -> Tsdb {
    let store = open(disk, config, NOON);
    for round in 0..2 {
        for series in 0..300 {
            let series = store.intern(&labels("m", &format!("i{series}"))).unwrap();
            for tick in 0..20 {
                let time = NOON + (round * 20 + tick) * 1000;
                store
                    .append(series, Millis(time), (tick * tick) as f64)
                    .unwrap();
            }
        }
        store.flush(Millis(NOON)).unwrap();
    }
    store
}

fn all(store: &Tsdb) -> Vec<(Labels, Vec<(i64, u64)>)> {
    read(store, &[], 0, i64::MAX)
}

fn files(disk: &SimDisk, ending: &str) -> Vec<(PathBuf, u64)> {
    let mut files = disk.files();
    files.retain(|(path, _)| path.to_string_lossy().ends_with(ending));
    files
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let series = store.intern(&labels("late", "i")).unwrap();
    store.append(series, Millis(NOON), 1.0).unwrap();
    let used: u64 = disk.files().iter().map(|(_, bytes)| bytes).sum();
    disk.set_fault(Some(Fault::Full { bytes: used + 100 }));
    for _ in 0..3 {
        let refused = store.flush(Millis(NOON));
        assert!(
            matches!(refused, Err(WriteError::Full { .. })),
            "{refused:?}"
        );
        let report = store.maintain(Millis(NOON + 86_400_000)).unwrap();
        assert_eq!((report.merges, report.merges_without_space), (0, 1));
    }
    assert_eq!(files(&disk, ".tmp"), [], "what was begun is removed");
    assert_eq!(read(&store, &of_metric("late"), 0, i64::MAX).len(), 1);
    disk.set_fault(None);
    store.flush(Millis(NOON)).unwrap();
    drop(store);
    disk.crash(7);
    let store = open(&disk, small(), NOON);
    assert_eq!(all(&store).len(), 301);
}

#[test]
fn a_failing_sync_keeps_the_samples_in_the_head() {
    let disk = SimDisk::new();
    let store = open(&disk, small(), NOON);
    let series = store.intern(&labels("m", "i")).unwrap();
    store.append(series, Millis(NOON), 1.0).unwrap();
    store.append(series, Millis(NOON - 5), 2.0).unwrap();
    disk.set_fault(Some(Fault::Sync));
    assert!(store.flush(Millis(NOON)).is_err());
    assert_eq!(store.status().samples_unflushed, 2);
    disk.set_fault(None);
    let report = store.flush(Millis(NOON)).unwrap();
    assert_eq!((report.series, report.samples), (1, 2));
    assert_eq!(store.status().samples_unflushed, 0);
}

#[test]
fn a_full_head_refuses_samples_until_it_is_flushed() {
    let disk = SimDisk::new();
    let config = Config {
        head_bytes_max: 16 * 256 * 1024,
        ..small()
    };
    let store = open(&disk, config, NOON);
    let series = store.intern(&labels("m", "i")).unwrap();
    disk.set_fault(Some(Fault::Sync));
    let mut taken = 0;
    while store
        .append(series, Millis(NOON + taken), (taken as f64).sqrt())
        .is_ok()
    {
        taken += 1;
        assert!(taken < 1_000_000, "the head is bounded");
    }
    let refused = store.append(series, Millis(NOON + taken), 0.0);
    assert_eq!(refused, Err(Rejected::HeadFull));
    disk.set_fault(None);
    store.flush(Millis(NOON + taken)).unwrap();
    store.maintain(Millis(NOON + taken + 100)).unwrap();
    store.append(series, Millis(NOON + taken), 0.0).unwrap();
    assert_eq!(all(&store)[0].1.len() as i64, taken + 1);
}

#[test]
fn every_flipped_bit_of_a_part_is_found() {
    let disk = SimDisk::new();
    drop(filled(&disk, small()));
    let (path, bytes) = files(&disk, ".part")[0].clone();
    for byte in (0..bytes).step_by(7) {
        assert!(disk.flip_bit(&path, byte, (byte % 8) as u8));
        let report = check(&disk, Path::new(DIR)).unwrap();
        assert!(!report.faults.is_empty(), "byte {byte} of {bytes}");
        disk.flip_bit(&path, byte, (byte % 8) as u8);
    }
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert_eq!(
        (report.parts, report.series, report.samples),
        (2, 600, 12_000)
    );
    assert!(report.faults.is_empty());
}

#[test]
fn a_part_that_does_not_hold_is_set_aside_and_the_rest_served() {
    let disk = SimDisk::new();
    drop(filled(&disk, small()));
    let (path, bytes) = files(&disk, ".part")[0].clone();
    for byte in (0..bytes).step_by(31) {
        let copy = disk.read(&path).unwrap();
        disk.flip_bit(&path, byte, 3);
        let opened = Tsdb::open(
            std::sync::Arc::new(disk.clone()),
            Path::new(DIR),
            small(),
            Millis(NOON),
        );
        let (store, report) = opened.unwrap();
        // Either opening finds it, or the first reader does; then maintenance takes it away.
        let selection = store.select(&[], Millis(0), Millis(i64::MAX));
        let read_error = selection.and_then(|selection| {
            let read = |at| selection.read(at, &mut Vec::new(), &mut Vec::new());
            (0..selection.len()).try_for_each(|at| read(at).and(selection.labels(at).map(|_| ())))
        });
        let report_later = store.maintain(Millis(NOON)).unwrap();
        let found = report.set_aside.len() + report_later.set_aside.len();
        if read_error.is_err() || found > 0 {
            assert_eq!(found, 1, "byte {byte}");
            assert_eq!(all(&store).len(), 300);
            let aside = path.with_extension("corrupt");
            assert!(disk.exists(&aside) && !disk.exists(&path));
            disk.remove(&aside).unwrap();
        }
        drop(store);
        disk.create(&path).unwrap().write_at(0, &copy).unwrap();
    }
}

#[test]
fn a_part_of_an_unknown_version_stops_the_opening() {
    let disk = SimDisk::new();
    drop(filled(&disk, small()));
    let (path, bytes) = files(&disk, ".part")[0].clone();
    let mut content = disk.read(&path).unwrap();
    let footer = bytes as usize - 28;
    content[8] = 77;
    content[footer + 12] = 77;
    let crc = crc32c::crc32c(&content[footer..footer + 16]);
    content[footer + 16..footer + 20].copy_from_slice(&crc.to_le_bytes());
    disk.create(&path).unwrap().write_at(0, &content).unwrap();
    let opened = Tsdb::open(
        std::sync::Arc::new(disk.clone()),
        Path::new(DIR),
        small(),
        Millis(NOON),
    );
    assert!(matches!(
        opened,
        Err(OpenError::Version { version: 77, .. })
    ));
    assert!(disk.exists(&path), "it is left as it is");
}

#[test]
fn a_corrupt_source_does_not_stop_merging() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let (path, _) = files(&disk, ".part")[0].clone();
    disk.flip_bit(&path, 40, 0);
    let mut set_aside = 0;
    for _ in 0..4 {
        set_aside += store
            .maintain(Millis(NOON + 86_400_000))
            .unwrap()
            .set_aside
            .len();
    }
    assert_eq!(set_aside, 1);
    assert_eq!(store.status().parts_set_aside, 1);
    assert_eq!(all(&store).len(), 300);
}

#[test]
fn parts_older_than_the_retention_go() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let later = NOON + small().retention_millis + 60_000;
    let report = store.maintain(Millis(later)).unwrap();
    assert_eq!(report.parts_expired, 2);
    assert_eq!(all(&store), []);
    assert_eq!(files(&disk, ".part"), []);
}

#[test]
fn the_oldest_day_goes_when_all_is_too_large() {
    let disk = SimDisk::new();
    let config = Config {
        retention_bytes: Some(4_000),
        ..small()
    };
    let store = open(&disk, config, NOON);
    let series = store.intern(&labels("m", "i")).unwrap();
    for day in 0..6 {
        for tick in 0..2_000 {
            let time = NOON - (6 - day) * 86_400_000 + tick * 1000;
            let value = (time as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            store.append(series, Millis(time), value as f64).unwrap();
        }
    }
    store.flush(Millis(NOON)).unwrap();
    let report = store.maintain(Millis(NOON)).unwrap();
    assert!(report.parts_over_size > 0);
    let status = store.status();
    assert!(status.parts_bytes <= 4_000);
    let (first, last) = status.parts_range.unwrap();
    assert!(last > NOON - 86_400_000 && first > NOON - 6 * 86_400_000);
}

#[test]
fn what_is_deleted_stays_deleted() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let which = matchers(&[("instance", MatchOp::Regex, "i1.*")]);
    store
        .delete(&which, Millis(NOON + 5000), Millis(NOON + 30_000))
        .unwrap();
    let left = |store: &Tsdb| {
        let found = read(store, &which, 0, i64::MAX);
        assert_eq!(found.len(), 111);
        let outside = |time: &i64| !(NOON + 5000..=NOON + 30_000).contains(time);
        assert!(
            found
                .iter()
                .flat_map(|(_, samples)| samples)
                .all(|(time, _)| outside(time))
        );
        assert!(found.iter().all(|(_, samples)| samples.len() == 14));
        assert_eq!(all(store).len(), 300);
    };
    left(&store);
    drop(store);
    disk.crash(3);
    let store = open(&disk, small(), NOON);
    left(&store);
    assert_eq!(store.status().deletions_pending, 1);
    while store.maintain(Millis(NOON)).unwrap().merges > 0 {}
    assert_eq!(store.status().deletions_pending, 0, "carried out");
    left(&store);
    let series = store.intern(&labels("m", "i1")).unwrap();
    store.append(series, Millis(NOON + 6000), 1.0).unwrap();
    assert_eq!(
        read(&store, &which, NOON + 5000, NOON + 30_000).len(),
        1,
        "what comes later counts"
    );
}

#[test]
fn a_deletion_is_carried_out_though_the_one_before_it_failed() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let (which, end) = (of_metric("m"), Millis(NOON + 200_000));
    disk.set_fault(Some(Fault::Sync));
    store.delete(&which, Millis(0), end).unwrap_err();
    disk.set_fault(None);
    // What is merged now is without all deletions so far, and the file knows of none.
    let later = NOON + 100_000;
    let series = store.intern(&labels("m", "i1")).unwrap();
    store.append(series, Millis(later), 1.0).unwrap();
    store.flush(Millis(later)).unwrap();
    let mut merges = 0;
    loop {
        let report = store.maintain(Millis(later + 93_600_000)).unwrap();
        merges += report.merges;
        if !report.more {
            break;
        }
    }
    assert!(merges > 0);
    drop(store);
    let store = open(&disk, small(), later);
    assert!(!read(&store, &which, 0, i64::MAX).is_empty());
    store.delete(&which, Millis(0), end).unwrap();
    assert!(read(&store, &which, 0, i64::MAX).is_empty());
}

#[test]
fn more_deletions_than_may_wait_are_refused() {
    let disk = SimDisk::new();
    let store = filled(
        &disk,
        Config {
            deletions_max: 2,
            ..small()
        },
    );
    for _ in 0..2 {
        store
            .delete(&of_metric("m"), Millis(NOON), Millis(NOON))
            .unwrap();
    }
    let refused = store.delete(&of_metric("m"), Millis(NOON), Millis(NOON));
    assert!(matches!(refused, Err(WriteError::TooManyDeletions(2))));
    while store.maintain(Millis(NOON)).unwrap().merges > 0 {}
    store
        .delete(&of_metric("m"), Millis(NOON), Millis(NOON))
        .unwrap();
}

#[test]
fn a_snapshot_opens_as_a_store() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let before = all(&store);
    let copy = Path::new("/copy");
    assert_eq!(store.snapshot(copy).unwrap(), 2);
    while store.maintain(Millis(NOON + 86_400_000)).unwrap().more {}
    disk.crash(11);
    let opened = Tsdb::open(std::sync::Arc::new(disk), copy, small(), Millis(NOON)).unwrap();
    assert_eq!(all(&opened.0), before);
}

#[test]
fn a_restored_snapshot_has_what_the_store_had() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    let which = matchers(&[("instance", MatchOp::Equal, "i7")]);
    store.delete(&which, Millis(0), Millis(NOON)).unwrap();
    let before = all(&store);
    store.snapshot(Path::new("/copy")).unwrap();
    let taken = store.snapshot(Path::new("/copy"));
    assert!(taken.is_err(), "a snapshot is not written over");
    let restored =
        |disk: &SimDisk, to: &str| restore(disk, Path::new("/copy"), Path::new(to), &mut |_, _| {});
    for operations in 0..20 {
        disk.fail_after(operations, std::io::ErrorKind::StorageFull);
        let result = restored(&disk, "/new");
        disk.fail_no_more();
        let is_there = disk.exists(Path::new("/new"));
        assert!(result.is_err() || is_there, "{operations}");
        if is_there {
            break;
        }
    }
    disk.crash(5);
    let again = restored(&disk, "/new");
    assert!(matches!(again, Err(RestoreError::NotEmpty(_))), "{again:?}");
    let opened = Tsdb::open(
        std::sync::Arc::new(disk.clone()),
        Path::new("/new"),
        small(),
        Millis(NOON),
    );
    assert_eq!(all(&opened.unwrap().0), before);
    disk.flip_bit(Path::new("/copy/0000000000000001.part"), 40, 1);
    let damaged = restored(&disk, "/newer");
    assert!(matches!(
        damaged,
        Err(RestoreError::Damaged { faults: 1, .. })
    ));
    assert!(!disk.exists(Path::new("/newer")));
    let nothing = restore(&disk, Path::new("/none"), Path::new("/n"), &mut |_, _| {});
    assert!(matches!(nothing, Err(RestoreError::NoSnapshot(_))));
}

#[test]
fn damage_in_the_small_files_is_found() {
    let disk = SimDisk::new();
    let store = filled(&disk, small());
    store.delete(&of_metric("m"), Millis(0), Millis(1)).unwrap();
    let which = matchers(&[("instance", MatchOp::Equal, "i7")]);
    store.delete(&which, Millis(0), Millis(NOON)).unwrap();
    drop(store);
    let path = Path::new(DIR).join("deletions");
    assert!(disk.flip_bit(&path, 3, 3));
    let faults = check(&disk, Path::new(DIR)).unwrap().faults;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].error.path(), path);
}

#[test]
fn a_merge_and_its_sources_are_never_both_served() {
    let base = SimDisk::new();
    drop(filled(&base, small()));
    let mut interrupted = 0;
    for operations in 0..30 {
        for seed in 0..3 {
            let disk = base.copy();
            let store = open(&disk, small(), NOON);
            disk.cut_power_after(operations);
            let merged = store.maintain(Millis(NOON + 86_400_000));
            drop(store);
            disk.crash(seed);
            let store = open(&disk, small(), NOON);
            assert_eq!(store.status().parts_samples, 12_000, "{operations} {seed}");
            assert!(check(&disk, Path::new(DIR)).unwrap().leftovers.is_empty());
            interrupted += usize::from(merged.is_err());
        }
    }
    assert!(interrupted > 10);
}
