//! What is appended while a flush is going on, whether the flush succeeds or not.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use weft_disk::{Disk, Entry, File, SimDisk, Space};
use weft_model::Millis;

use super::{DIR, NOON, labels, of_metric, read, small};
use crate::Tsdb;

type Meanwhile = Box<dyn FnOnce() + Send>;

/// A disk on which something happens when the next file is made.
#[derive(Clone)]
struct Busy {
    disk: SimDisk,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

impl std::fmt::Debug for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.disk.fmt(f)
    }
}

impl Disk for Busy {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.disk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk.open(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.disk.space(path)
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
}

/// Times and values, before the flush and while it goes on: in order and late, new and written
/// over. What is written while the flush goes on counts.
const BEFORE: [(i64, f64); 5] = [(10, 1.0), (20, 2.0), (5, 3.0), (15, 4.0), (16, 4.5)];
const MEANWHILE: [(i64, f64); 5] = [(30, 5.0), (5, 6.0), (20, 7.0), (7, 8.0), (40, 9.0)];

fn check(flush_fails_after: Option<u64>) {
    let disk = SimDisk::new();
    let busy = Busy {
        disk: disk.clone(),
        meanwhile: Arc::default(),
    };
    let open = || {
        let opened = Tsdb::open(
            Arc::new(busy.clone()),
            Path::new(DIR),
            small(),
            Millis(NOON),
        );
        opened.unwrap().0
    };
    let append = |store: &Tsdb, samples: &[(i64, f64)]| {
        let series = store.intern(&labels("m", "i")).unwrap();
        for (time, value) in samples {
            store.append(series, Millis(NOON + time), *value).unwrap();
        }
    };
    let store = open();
    append(&store, &BEFORE);
    let appending = store.clone();
    *busy.meanwhile.lock().unwrap() = Some(Box::new(move || append(&appending, &MEANWHILE)));
    if let Some(operations) = flush_fails_after {
        disk.fail_after(operations, io::ErrorKind::StorageFull);
    }
    let flushed = store.flush(Millis(NOON));
    assert_eq!(flushed.is_err(), flush_fails_after.is_some(), "{flushed:?}");
    let mut expected: std::collections::BTreeMap<i64, u64> = std::collections::BTreeMap::new();
    for (time, value) in BEFORE.iter().chain(&MEANWHILE) {
        expected.insert(NOON + time, value.to_bits());
    }
    let expected: Vec<(i64, u64)> = expected.into_iter().collect();
    let found = |store: &Tsdb| read(store, &of_metric("m"), 0, i64::MAX)[0].1.clone();
    assert_eq!(found(&store), expected, "{flush_fails_after:?}");
    store.flush(Millis(NOON)).unwrap();
    assert_eq!(found(&store), expected, "flushed, {flush_fails_after:?}");
    drop(store);
    disk.crash(1);
    assert_eq!(
        found(&open()),
        expected,
        "opened again, {flush_fails_after:?}"
    );
}

#[test]
fn what_is_appended_during_a_flush_is_kept() {
    check(None);
    (0..4).for_each(|operations| check(Some(operations)));
}
