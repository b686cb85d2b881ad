//! What is kept in records: journals that were damaged, and spools of records that nobody wrote.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::SimDisk;
use weft_journal::{Config, Journal, Position};
use weft_model::{Millis, SessionId, StreamKind};
use weft_spool::{MemoryLedger, NewBatch, Spool};

use crate::{take, take_byte, take_short};

const DIR: &str = "journal";

fn open_journal(disk: &SimDisk, dir: &Path) -> Journal {
    let config = Config {
        segment_bytes: 4096,
        pending_bytes_max: 1 << 16,
    };
    let opened = Journal::open(Arc::new(disk.clone()), dir, config);
    opened
        .expect("damage does not keep a journal from opening")
        .0
}

/// A journal gives what was appended, in order, and never anything else; without damage, all of
/// it. The input says what is appended, when it is opened anew, and which bits flip.
pub fn journal_records(bytes: &[u8]) {
    let (mut rest, dir, disk) = (bytes, Path::new(DIR), SimDisk::new());
    let mut journal = open_journal(&disk, dir);
    let mut appended: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut is_damaged = false;
    while !rest.is_empty() {
        match take_byte(&mut rest) % 8 {
            0 => {
                journal.sync().expect("the disk is sound");
                drop(journal);
                journal = open_journal(&disk, dir);
            }
            1 => {
                journal.sync().expect("the disk is sound");
                is_damaged |= flip(&disk, &mut rest);
            }
            kind => {
                let number = appended.len() as u32;
                let len = usize::from(take_byte(&mut rest));
                let content = take(&mut rest, len);
                let payload = [number.to_le_bytes().as_slice(), content].concat();
                journal
                    .append(kind, &[&payload])
                    .expect("a small record fits");
                appended.push((kind, payload));
            }
        }
    }
    journal.sync().expect("the disk is sound");
    drop(journal);
    let journal = open_journal(&disk, dir);
    let mut left = appended.iter();
    let mut records = 0;
    let replayed = journal.replay(Position::default(), |record| {
        let found = left
            .any(|(kind, payload)| (record.kind, record.payload) == (*kind, payload.as_slice()));
        assert!(found, "record {records} was appended, behind those before");
        records += 1;
        ControlFlow::Continue(())
    });
    replayed.expect("the disk is sound");
    assert!(is_damaged || records == appended.len());
}

/// Flips a bit of a segment.
fn flip(disk: &SimDisk, rest: &mut &[u8]) -> bool {
    let files: Vec<(PathBuf, u64)> = disk.files();
    let (file, byte) = (usize::from(take_byte(rest)), u64::from(take_short(rest)));
    let Some((path, bytes)) = files.get(file % files.len().max(1)) else {
        return false;
    };
    disk.flip_bit(path, byte % (*bytes).max(1), take_byte(rest) % 8)
}

/// A spool opens whatever its records hold; what is appended then comes out again. The input is
/// records: a kind, a length, a payload.
pub fn spool(bytes: &[u8]) {
    let (mut rest, dir, disk) = (bytes, Path::new("spool"), SimDisk::new());
    let stream = StreamKind::Metrics;
    let journal = open_journal(&disk, &dir.join(stream.as_str()));
    while !rest.is_empty() {
        let kind = take_byte(&mut rest) % 4;
        let len = usize::from(take_byte(&mut rest));
        let payload = take(&mut rest, len);
        journal
            .append(kind, &[payload])
            .expect("a small record fits");
    }
    journal.sync().expect("the disk is sound");
    drop(journal);
    let ledger = Box::new(MemoryLedger::new());
    let config = weft_spool::Config::default();
    let opened = Spool::open_on(Arc::new(disk), dir, config, ledger);
    let (spool, _) = opened.expect("records of no shape do not keep a spool from opening");
    let session = SessionId(7);
    let batch = NewBatch {
        session,
        stream,
        items: 1,
        first: Millis(1),
        last: Millis(2),
        meta: b"meta",
        payload: b"appended",
    };
    let seq = spool.next_seq(session, stream);
    if spool.append_next(&batch, Millis(3)).is_err() {
        return;
    }
    spool.sync(stream).expect("the disk is sound");
    let mut found = false;
    loop {
        let entries = spool.read(stream, 1 << 20).expect("the disk is sound");
        if entries.is_empty() {
            break;
        }
        found |= entries
            .iter()
            .any(|it| it.session == session && it.seq == seq);
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        spool.ack(stream, &ids).expect("the disk is sound");
    }
    assert!(found, "what was appended comes out");
}
