//! The ledger in a sled database.
//!
//! In: a directory. Out: a ledger that survives the process. A database that does not open, or
//! that panics over its own damage, is moved aside and begun anew: nothing in it is the only copy.
//! Bound: a cache of four megabytes, values of a few hundred bytes.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Change, Ledger, Pair};
use crate::LedgerError;

const CACHE_BYTES: u64 = 4 << 20;

/// How often, and after what wait each time, a database still locked is tried again: one that was
/// closed keeps its lock until the last of its own threads is done with it.
const LOCKED_TRIES: usize = 500;
const LOCKED_WAIT: Duration = Duration::from_millis(10);

/// How many broken databases are kept for people to look at.
const ASIDE_MAX: usize = 3;

/// A ledger in a directory of its own.
#[derive(Debug)]
pub struct SledLedger {
    database: sled::Db,
    was_rebuilt: bool,
}

impl SledLedger {
    /// Opens the database in `dir`; one that does not open is moved aside. One that is in use, and
    /// stays so for five seconds, is left where it is.
    pub fn open(dir: &Path) -> Result<SledLedger, LedgerError> {
        await_release(dir)?;
        match open(dir) {
            Ok(database) => Ok(SledLedger {
                database,
                was_rebuilt: false,
            }),
            Err(error) => {
                let aside = move_aside(dir).map_err(sled::Error::Io)?;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    aside = %aside.display(),
                    "spool ledger does not open; begin it anew from the segments"
                );
                Ok(SledLedger {
                    database: open(dir)?,
                    was_rebuilt: true,
                })
            }
        }
    }

    /// Tells whether the database was broken and begun anew.
    pub fn was_rebuilt(&self) -> bool {
        self.was_rebuilt
    }
}

/// Waits until nobody holds the lock of the database in `dir`, if there is one.
fn await_release(dir: &Path) -> Result<(), LedgerError> {
    let Ok(file) = File::open(dir.join("db")) else {
        return Ok(());
    };
    for _ in 0..LOCKED_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCKED_WAIT),
            // Where files cannot be locked at all, opening tells.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(LedgerError::InUse)
}

fn open(dir: &Path) -> Result<sled::Db, LedgerError> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    guarded(|| config.open())
}

/// Runs what may panic over damage that it finds.
fn guarded<T>(run: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, LedgerError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(LedgerError::Panic),
    }
}

/// Gives the directory another name; the oldest of too many is removed.
fn move_aside(dir: &Path) -> std::io::Result<PathBuf> {
    let aside = |at: usize| {
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(format!(".bad-{at}"));
        dir.with_file_name(name)
    };
    let free = (0..ASIDE_MAX).map(aside).find(|path| !path.exists());
    let path = free.unwrap_or_else(|| aside(0));
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::rename(dir, &path)?;
    Ok(path)
}

impl Ledger for SledLedger {
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, LedgerError> {
        guarded(|| {
            let found = self.database.scan_prefix(prefix);
            found
                .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), LedgerError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(|| self.database.apply_batch(batch))
    }

    fn flush(&self) -> Result<(), LedgerError> {
        guarded(|| self.database.flush().map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed at the end of the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("weft-ledger-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn pair(key: &str, value: &str) -> Pair {
        (key.as_bytes().to_vec(), value.as_bytes().to_vec())
    }

    #[test]
    fn what_was_flushed_is_there_after_a_restart() {
        let scratch = Scratch::new("restart");
        let dir = scratch.0.join("ledger");
        let ledger = SledLedger::open(&dir).unwrap();
        let put = |(key, value)| (key, Some(value));
        let changes = [pair("a/1", "x"), pair("a/2", "y"), pair("b/1", "z")].map(put);
        ledger.apply(changes.to_vec()).unwrap();
        ledger.apply(vec![(b"a/1".to_vec(), None)]).unwrap();
        ledger.flush().unwrap();
        drop(ledger);
        let ledger = SledLedger::open(&dir).unwrap();
        assert!(!ledger.was_rebuilt());
        assert_eq!(ledger.scan(b"a/").unwrap(), [pair("a/2", "y")]);
    }

    #[test]
    fn a_database_that_is_just_being_closed_is_waited_for() {
        let scratch = Scratch::new("closing");
        let dir = scratch.0.join("ledger");
        let changes = vec![(b"a".to_vec(), Some(b"x".to_vec()))];
        let ledger = SledLedger::open(&dir).unwrap();
        ledger.apply(changes).unwrap();
        drop(ledger);
        for _ in 0..20 {
            let ledger = SledLedger::open(&dir).unwrap();
            assert!(!ledger.was_rebuilt());
            assert_eq!(ledger.scan(b"").unwrap(), [pair("a", "x")]);
            // It is closed by another thread while it is opened again.
            let (closing, begun) = std::sync::mpsc::channel();
            let closer = std::thread::spawn(move || {
                closing.send(()).unwrap();
                drop(ledger);
            });
            begun.recv().unwrap();
            let again = SledLedger::open(&dir).unwrap();
            assert!(!again.was_rebuilt());
            closer.join().unwrap();
        }
    }

    #[test]
    fn a_broken_database_is_moved_aside() {
        let scratch = Scratch::new("broken");
        let dir = scratch.0.join("ledger");
        for _ in 0..ASIDE_MAX + 2 {
            drop(fs::remove_dir_all(&dir));
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("conf"), b"not a database").unwrap();
            let ledger = SledLedger::open(&dir).unwrap();
            assert!(ledger.was_rebuilt());
            assert_eq!(ledger.scan(b"").unwrap(), []);
        }
        assert!(fs::read_dir(&scratch.0).unwrap().count() <= ASIDE_MAX + 1);
    }
}
