use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use weft_disk::{Disk, Fault, SimDisk};

use super::*;

mod versions;

const DIR: &str = "/data/journal";

const SMALL: Config = Config {
    segment_bytes: 2000,
    pending_bytes_max: 1 << 20,
};

fn open(disk: &SimDisk) -> (Journal, OpenReport) {
    Journal::open(Arc::new(disk.clone()), Path::new(DIR), SMALL).unwrap()
}

fn segment_path(number: u64) -> PathBuf {
    segment::path(Path::new(DIR), number)
}

/// All records from `from`, as kind and payload, and what was skipped.
fn records(journal: &Journal, from: Position) -> (Vec<(u8, Vec<u8>)>, Damage) {
    let mut records = Vec::new();
    let report = journal.replay(from, |record| {
        records.push((record.kind, record.payload.to_vec()));
        ControlFlow::Continue(())
    });
    (records, report.unwrap().damage)
}

/// The numbers of records that [`append`] wrote.
fn numbers(journal: &Journal) -> Vec<u32> {
    let (records, _) = records(journal, Position::default());
    records
        .iter()
        .map(|(_, payload)| number_of(payload))
        .collect()
}

fn number_of(payload: &[u8]) -> u32 {
    u32::from_le_bytes(*payload.first_chunk().unwrap())
}

/// Appends a record that holds its number and `filling` more bytes.
fn append(journal: &Journal, number: u32, filling: usize) -> Position {
    let filling = vec![number as u8; filling];
    journal
        .append(1, &[&number.to_le_bytes(), &filling])
        .unwrap()
}

#[test]
fn records_come_back_in_order_over_many_segments() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..100 {
        append(&journal, number, 100);
    }
    journal.sync().unwrap();
    assert!(journal.segments().len() > 3);
    let all: Vec<u32> = (0..100).collect();
    assert_eq!(numbers(&journal), all);
    drop(journal);
    let (journal, report) = open(&disk);
    assert_eq!(numbers(&journal), all);
    assert_eq!((report.cut_bytes, report.end), (0, journal.durable()));
    let on_disk: u64 = disk.files().iter().map(|(_, bytes)| bytes).sum();
    assert_eq!((journal.bytes(), report.bytes), (on_disk, on_disk));
}

#[test]
fn only_what_is_durable_is_replayed() {
    let (journal, _) = open(&SimDisk::new());
    append(&journal, 1, 0);
    assert_eq!(numbers(&journal), []);
    journal.sync().unwrap();
    append(&journal, 2, 0);
    assert_eq!(numbers(&journal), [1]);
}

#[test]
fn a_replay_goes_on_where_it_stopped() {
    let (journal, _) = open(&SimDisk::new());
    for number in 0..50 {
        append(&journal, number, 150);
    }
    journal.sync().unwrap();
    let (mut seen, mut from) = (Vec::new(), Position::default());
    loop {
        let mut left = 3;
        let report = journal.replay(from, |record| {
            seen.push(number_of(record.payload));
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let report = report.unwrap();
        if report.records == 0 {
            break;
        }
        from = report.end;
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_record_must_fit_into_a_segment() {
    let (journal, _) = open(&SimDisk::new());
    let most = journal.record_bytes_max() as usize;
    assert!(journal.append(0, &[&vec![1; most]]).is_ok());
    let refused = journal.append(0, &[&vec![1; most], b"!"]);
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })));
    journal.sync().unwrap();
    let (found, _) = records(&journal, Position::default());
    assert_eq!(found, [(0, vec![1; most])]);
}

#[test]
fn a_full_disk_loses_nothing_and_the_next_sync_goes_on() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, 0, 100);
    let safe = journal.sync().unwrap();
    disk.set_fault(Some(Fault::Full { bytes: 1500 }));
    for number in 1..60 {
        append(&journal, number, 100);
    }
    assert!(matches!(journal.sync(), Err(SyncError::NoSpace { .. })));
    assert_eq!(journal.durable(), safe);
    assert_eq!(numbers(&journal), [0]);
    append(&journal, 60, 100);
    disk.set_fault(None);
    journal.sync().unwrap();
    assert_eq!(numbers(&journal), (0..61).collect::<Vec<_>>());
    drop(journal);
    assert_eq!(numbers(&open(&disk).0), (0..61).collect::<Vec<_>>());
}

#[test]
fn a_sync_that_failed_is_not_believed_the_second_time() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, 0, 10);
    disk.set_fault(Some(Fault::Sync));
    assert!(matches!(journal.sync(), Err(SyncError::Io { .. })));
    disk.set_fault(None);
    let before = disk.operations();
    journal.sync().unwrap();
    assert!(
        disk.operations() - before >= 3,
        "the record is written anew"
    );
    disk.crash(7);
    assert_eq!(numbers(&open(&disk).0), [0]);
}

#[test]
fn memory_for_waiting_records_is_bounded() {
    let disk = SimDisk::new();
    let config = Config {
        pending_bytes_max: 1000,
        ..SMALL
    };
    let (journal, _) = Journal::open(Arc::new(disk.clone()), Path::new(DIR), config).unwrap();
    for number in 0..20 {
        append(&journal, number, 100);
    }
    assert!(journal.durable() > Position::new(1, 24));
    disk.set_fault(Some(Fault::Sync));
    let mut tries = (0..20).map(|_| journal.append(1, &[&[0; 100]]));
    let refused = tries.find(Result::is_err).unwrap();
    assert!(matches!(refused, Err(AppendError::Sync(_))));
}

#[test]
fn trimming_removes_whole_segments_before_a_position() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    let positions: Vec<_> = (0..60)
        .map(|number| append(&journal, number, 100))
        .collect();
    journal.sync().unwrap();
    journal.trim(positions[40]).unwrap();
    let left = numbers(&journal);
    assert!(left[0] > 0 && left[0] <= 40 && left.ends_with(&[59]));
    assert_eq!(journal.start().segment, positions[40].segment);
    let (found, damage) = records(&journal, positions[40]);
    assert_eq!((found.len(), damage), (20, Damage::default()));
    journal.trim(Position::new(u64::MAX, 0)).unwrap();
    assert_eq!(journal.segments().len(), 1);
    drop(journal);
    disk.crash(3);
    let (journal, _) = open(&disk);
    assert_eq!(journal.segments().len(), 1);
    append(&journal, 60, 0);
    journal.sync().unwrap();
    assert!(numbers(&journal).ends_with(&[60]));
}

#[test]
fn a_segment_that_is_gone_is_reported() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    let positions: Vec<_> = (0..60)
        .map(|number| append(&journal, number, 100))
        .collect();
    journal.sync().unwrap();
    disk.remove(&segment_path(2)).unwrap();
    drop(journal);
    let (journal, _) = open(&disk);
    let (_, damage) = records(&journal, positions[0]);
    assert_eq!(damage.segments_missing, 1);
}

#[test]
fn a_later_version_is_refused() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, 0, 0);
    journal.sync().unwrap();
    let mut header = segment::header(1);
    header[8] = 9;
    let checksum = crc32c::crc32c(&header[..20]).to_le_bytes();
    header[20..].copy_from_slice(&checksum);
    disk.open(&segment_path(1))
        .unwrap()
        .write_at(0, &header)
        .unwrap();
    let refused = Journal::open(Arc::new(disk.clone()), Path::new(DIR), SMALL);
    assert!(matches!(
        refused,
        Err(OpenError::Version { version: 9, .. })
    ));
}

#[test]
fn threads_that_sync_together_share_an_fdatasync() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, 0, 0);
    journal.sync().unwrap();
    let before = disk.operations();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..50 {
                    let at = append(journal, thread * 50 + number, 4);
                    assert!(journal.sync().unwrap() > at);
                }
            });
        }
    });
    let mut found = numbers(&journal);
    assert_eq!(found.remove(0), 0);
    for thread in 0..8 {
        let own = found.iter().copied().filter(|number| number / 50 == thread);
        assert_eq!(
            own.collect::<Vec<_>>(),
            (thread * 50..thread * 50 + 50).collect::<Vec<_>>()
        );
    }
    assert!(disk.operations() - before <= 2 * 400 + 4 * journal.segments().len() as u64);
}

/// Appends and syncs until the power fails, four times over, and claims after each that all that
/// was synced or found before is there, in order.
fn check_power_cuts(seed: u64, operations: u64) {
    let disk = SimDisk::new();
    let mut safe: Vec<u32> = Vec::new();
    let mut next = 0;
    for round in 0..4 {
        let (journal, _) = open(&disk);
        let found = numbers(&journal);
        assert!(found.is_sorted(), "seed {seed}, round {round}: {found:?}");
        let lost = safe.iter().find(|number| !found.contains(number));
        assert_eq!(lost, None, "seed {seed}, round {round}: {found:?}");
        safe = found;
        disk.cut_power_after(operations);
        let mut appended = Vec::new();
        for _ in 0..60 {
            append(&journal, next, (next as usize * 130) % 900);
            appended.push(next);
            next += 1;
            if next.is_multiple_of(3) {
                match journal.sync() {
                    Ok(_) => safe.append(&mut appended),
                    Err(_) => break,
                }
            }
        }
        disk.crash(seed + round);
    }
}

#[test]
fn what_was_synced_survives_a_power_cut_at_every_write() {
    for operations in 0..70 {
        for seed in 0..12 {
            check_power_cuts(seed * 100 + 1, operations);
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_middle_costs_only_the_records_it_hits(
        byte in 24u64..2000, bit in 0u8..8, sizes in proptest::collection::vec(0usize..300, 20),
    ) {
        let disk = SimDisk::new();
        let (journal, _) = open(&disk);
        for (number, size) in sizes.iter().enumerate() {
            append(&journal, number as u32, *size);
        }
        journal.sync().unwrap();
        drop(journal);
        let hit = disk.flip_bit(&segment_path(1), byte, bit);
        let (journal, report) = open(&disk);
        let found = numbers(&journal);
        let (_, damage) = records(&journal, Position::default());
        prop_assert_eq!(found.len(), sizes.len() - usize::from(hit));
        prop_assert!(found.is_sorted());
        prop_assert_eq!(damage.runs + u64::from(report.cut_bytes > 0), u64::from(hit));
    }

    #[test]
    fn any_bytes_open_as_a_journal(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let disk = SimDisk::new();
        disk.create_dir(Path::new(DIR)).unwrap();
        disk.create(&segment_path(1)).unwrap().write_at(0, &bytes).unwrap();
        let (journal, _) = open(&disk);
        append(&journal, 5, 10);
        journal.sync().unwrap();
        prop_assert_eq!(numbers(&journal), [5]);
        drop(journal);
        prop_assert_eq!(numbers(&open(&disk).0), [5]);
    }
}

#[test]
fn records_of_other_kinds_are_passed_over_even_where_they_are_damaged() {
    let disk = SimDisk::new();
    let (journal, _) = open(&disk);
    let mut places = Vec::new();
    for number in 0..60u32 {
        let payload = [number.to_le_bytes().as_slice(), &[7; 90]].concat();
        places.push(journal.append(1 + (number % 3) as u8, &[&payload]).unwrap());
    }
    journal.sync().unwrap();
    // One record of another kind, in the middle of a segment.
    let damaged = places[10];
    assert!(disk.flip_bit(&segment_path(damaged.segment), damaged.offset + 40, 0));
    let mut seen = Vec::new();
    let report = journal.replay_only(1, Position::default(), |record| {
        seen.push(number_of(record.payload));
        ControlFlow::Continue(())
    });
    let expected: Vec<u32> = (0..60).step_by(3).collect();
    assert_eq!(seen, expected);
    assert_eq!(report.unwrap().damage, Damage::default());
    assert_eq!(journal.bytes_from(journal.end()), 0);
    assert_eq!(journal.bytes_from(Position::default()), journal.bytes());
}
