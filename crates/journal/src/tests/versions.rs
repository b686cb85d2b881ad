//! Journals of earlier versions open and hold what they held.
//!
//! The files were made after `docs/format/journal.md` by another program, so they say what the
//! format is, not what this code does.

use std::path::Path;
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};

use super::*;
use crate::check;

const DIR: &str = "/journal";

const FIRST: &[u8] = include_bytes!("data/version-1-0000000000000001.wal");
const SECOND: &[u8] = include_bytes!("data/version-1-0000000000000002.wal");

/// Bytes of a record that was being written when the power went.
const TORN: usize = 8;

#[test]
fn a_journal_of_version_1_opens_with_its_records() {
    let disk = SimDisk::new();
    let dir = Path::new(DIR);
    disk.create_dir(dir).unwrap();
    for (name, bytes) in [
        ("0000000000000001.wal", FIRST),
        ("0000000000000002.wal", SECOND),
    ] {
        disk.write_atomic(&dir.join(name), bytes).unwrap();
    }
    let checked = check(&disk, dir, &mut |_, _| {}).unwrap();
    assert_eq!((checked.segments, checked.records), (2, 4));
    let faults: Vec<String> = checked
        .faults
        .iter()
        .map(|it| it.kind.to_string())
        .collect();
    assert_eq!(faults, ["the last 8 bytes, from 57 on, are no record"]);
    let opened = Journal::open(Arc::new(disk.clone()), dir, Config::default());
    let (journal, report) = opened.unwrap();
    assert_eq!(report.cut_bytes, TORN as u64);
    let mut found = Vec::new();
    let replayed = journal.replay(Position::default(), |record| {
        found.push((record.position, record.kind, record.payload.to_vec()));
        ControlFlow::Continue(())
    });
    assert_eq!(replayed.unwrap().damage, Damage::default());
    let all: Vec<u8> = (0..=255).collect();
    let expected = [
        (Position::new(1, 24), 1, Vec::new()),
        (Position::new(1, 36), 2, all),
        (
            Position::new(1, 304),
            255,
            b"a record of the first version".to_vec(),
        ),
        (Position::new(2, 24), 3, b"the last whole record".to_vec()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_written_now_is_version_1() {
    let disk = SimDisk::new();
    let config = Config {
        segment_bytes: FIRST.len() as u64,
        ..Config::default()
    };
    let (journal, _) = Journal::open(Arc::new(disk.clone()), Path::new(DIR), config).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    let records: [(u8, &[u8]); 4] = [
        (1, b""),
        (2, &all),
        (255, b"a record of the first version"),
        (3, b"the last whole record"),
    ];
    for (kind, payload) in records {
        journal.append(kind, &[payload]).unwrap();
    }
    journal.sync().unwrap();
    let read = |name: &str| disk.read(&Path::new(DIR).join(name)).unwrap();
    assert_eq!(read("0000000000000001.wal"), FIRST);
    assert_eq!(read("0000000000000002.wal"), SECOND[..SECOND.len() - TORN]);
}
