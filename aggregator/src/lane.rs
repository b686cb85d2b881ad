//! One kind of data on its way into a store: admitted, journaled, applied, acknowledged.
//!
//! In: records from many threads. Out: records that are durable, each applied once.
//! A checkpoint is taken while nobody is between journal and store, so what it covers is in both.
//! Until the journal's tail is replayed, records are appended only, and applied in their turn.
//! Bound: the journal's; it is trimmed at every checkpoint. See [`BEHIND_BYTES_MAX`].

mod progress;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use weft_disk::Disk;
use weft_journal::{AppendError, Config, Journal, OpenError, Position, SyncError, TrimError};
use weft_model::Millis;
use weft_proto::delivery::{Dedup, Inbox};

pub(crate) use progress::Progress;

/// The bound of [`Lane::behind_bytes_max`].
pub(crate) const BEHIND_BYTES_MAX: u64 = 256 << 20;

/// A journal with what was admitted to it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) journal: Journal,
    inbox: Mutex<Inbox<Position>>,
    /// Held by those whose store must see records in the order of the journal.
    order: Mutex<()>,
    /// Held for reading between journal and store, for writing while a checkpoint is taken.
    applying: RwLock<()>,
    pub(crate) replay: Progress,
    /// Bytes of new records that may wait for the replay; beyond it, senders have to.
    pub(crate) behind_bytes_max: u64,
    /// Where the journal begins to be of use: what is before it is in the store, durably.
    kept_from: Mutex<Position>,
}

/// The journal position and the dedup state that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) position: Position,
    pub(crate) admitted: Vec<u8>,
}

impl Lane {
    /// Opens the journal in `dir`, or makes one, and goes on from a checkpoint: its records from
    /// there on are to be replayed.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        (from, admitted): (Position, Dedup),
        now: Millis,
    ) -> Result<Lane, OpenError> {
        let (journal, report) = Journal::open(disk, dir, Config::default())?;
        let from = from.min(report.end);
        Ok(Lane {
            replay: Progress::new(from, report.end, now),
            journal,
            inbox: Mutex::new(Inbox::new(admitted)),
            order: Mutex::new(()),
            applying: RwLock::new(()),
            behind_bytes_max: BEHIND_BYTES_MAX,
            kept_from: Mutex::new(from),
        })
    }

    /// Returns what was received, to look at or to add to.
    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox<Position>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the caller as between journal and store until the guard is dropped.
    pub(crate) fn applying(&self) -> RwLockReadGuard<'_, ()> {
        self.applying.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody else between journal and store until the guard is dropped.
    pub(crate) fn in_order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a record.
    pub(crate) fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Position, AppendError> {
        self.journal.append(kind, parts)
    }

    /// Makes all appended records durable; only then are they acknowledged.
    pub(crate) fn sync(&self, now: Millis) -> Result<(), SyncError> {
        let durable = self.journal.sync()?;
        self.inbox().durable_to(durable, now);
        Ok(())
    }

    /// Lets nobody between journal and store until the guard is dropped.
    pub(crate) fn nobody_applying(&self) -> RwLockWriteGuard<'_, ()> {
        self.applying
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether new records wait for the replay in such a number that no more are taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.replay.is_running() && self.behind_bytes() > self.behind_bytes_max
    }

    /// Returns the bytes of those records that were appended since the start and wait.
    fn behind_bytes(&self) -> u64 {
        self.journal.bytes_from(self.replay.known_to())
    }

    /// Returns the bytes of all records that wait for the replay.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        if self.replay.is_running() {
            self.journal.bytes_from(self.replay.applied_to())
        } else {
            0
        }
    }

    /// Notes that the replay has applied so many records up to a position.
    pub(crate) fn replayed(&self, applied_to: Position, records: u64, now: Millis) {
        self.replay.note(applied_to, records, now);
    }

    /// Ends the replay; the caller has let nobody between journal and store, and applied all.
    pub(crate) fn end_replay(&self, _nobody: &RwLockWriteGuard<'_, ()>) {
        self.replay.end();
    }

    /// Returns the bytes that a replay would have to read now.
    pub(crate) fn kept_bytes(&self) -> u64 {
        let from = *self.kept_from();
        self.journal.bytes_from(from)
    }

    /// Returns a position before which every record is durable and applied, with what `more`
    /// returns at that moment.
    pub(crate) fn checkpoint<T>(
        &self,
        now: Millis,
        more: impl FnOnce() -> T,
    ) -> Result<(Checkpoint, T), SyncError> {
        let _nobody = self.nobody_applying();
        self.sync(now)?;
        // While the replay goes on this names batches that it has not come to: they are taken.
        let admitted = self.inbox().durable().encode();
        let position = if self.replay.is_running() {
            self.replay.applied_to()
        } else {
            self.journal.end()
        };
        Ok((Checkpoint { position, admitted }, more()))
    }

    /// Removes the journal's segments before a position.
    pub(crate) fn trim(&self, before: Position) -> Result<(), TrimError> {
        *self.kept_from() = before;
        self.journal.trim(before)
    }

    fn kept_from(&self) -> MutexGuard<'_, Position> {
        self.kept_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoint {
    const VERSION: u8 = 1;

    /// Returns the bytes to keep: version, position, admitted, checksum.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![Checkpoint::VERSION];
        bytes.extend_from_slice(&self.position.to_bytes());
        bytes.extend_from_slice(&self.admitted);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what [`Checkpoint::to_bytes`] returned; nothing when it is damaged or from a later
    /// version.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Checkpoint> {
        let (rest, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (version, rest) = rest.split_first()?;
        let (position, admitted) = rest.split_first_chunk::<16>()?;
        (*version == Checkpoint::VERSION).then(|| Checkpoint {
            position: Position::from_bytes(*position),
            admitted: admitted.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_back_or_refused() {
        let checkpoint = Checkpoint {
            position: Position::new(3, 77),
            admitted: vec![1, 2, 3],
        };
        let bytes = checkpoint.to_bytes();
        let read = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(
            (read.position, read.admitted),
            (checkpoint.position, checkpoint.admitted)
        );
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Checkpoint::from_bytes(&damaged).is_none(), "byte {at}");
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_none(), "{at} bytes");
        }
    }
}
