//! Files that were damaged, or were never ours.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_journal::{Config, Journal, Position};
use weft_model::{Labels, Millis};
use weft_tsdb::Tsdb;

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

/// A store opens whatever a part holds: the part is served or set aside, and samples are taken.
pub fn tsdb_part(bytes: &[u8]) {
    let dir = Path::new("tsdb");
    let disk = Arc::new(SimDisk::new());
    disk.create_dir(dir).expect("the disk is sound");
    disk.write_atomic(&dir.join("0000000000000001.part"), bytes)
        .expect("the disk is sound");
    let now = Millis(2_000_000);
    let opened = Tsdb::open(disk, dir, weft_tsdb::Config::default(), now);
    let (store, report) = opened.expect("a damaged part does not keep the store from opening");
    assert_eq!(report.parts + report.set_aside.len(), 1);
    let series = store
        .intern(&Labels::from_pairs([("__name__", "appended")]))
        .expect("there is room");
    store.append(series, now, 1.5).expect("it is recent");
    read_all(&store);
    // Whether damage is found now or later is not the question here.
    let _ = store.flush(now);
    let _ = store.maintain(now);
    read_all(&store);
}

fn read_all(store: &Tsdb) {
    // A part whose index does not hold fails the query: nothing is left out in silence.
    let Ok(selection) = store.select(&[], Millis(0), Millis(i64::MAX)) else {
        return;
    };
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let _ = selection.labels(at);
        if selection.read_both(at, &mut times, &mut values).is_ok() {
            assert_eq!(times.len(), values.len());
            assert!(times.is_sorted());
        }
    }
}
