//! Files that were damaged, or were never ours.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_journal::{Config, Journal, Position};

/// A journal opens whatever its segment holds, and keeps what is appended then.
pub fn journal(bytes: &[u8]) {
    let dir = Path::new("journal");
    let disk = Arc::new(SimDisk::new());
    let segment = dir.join("0000000000000001.wal");
    disk.create_dir(dir).expect("the disk is sound");
    disk.write_atomic(&segment, bytes)
        .expect("the disk is sound");
    let config = Config {
        segment_bytes: 1 << 20,
        pending_bytes_max: 1 << 16,
    };
    let Ok((journal, _)) = Journal::open(disk, dir, config) else {
        return;
    };
    let at = journal
        .append(1, &[b"appended"])
        .expect("a small record fits");
    journal.sync().expect("the disk is sound");
    let mut last = None;
    let replayed = journal.replay(Position::default(), |record| {
        last = Some((record.position, record.payload.to_vec()));
        ControlFlow::Continue(())
    });
    replayed.expect("the disk is sound");
    assert_eq!(last, Some((at, b"appended".to_vec())));
}
