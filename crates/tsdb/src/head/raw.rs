//! Series by the bytes in which a sender names them, so that a known series is neither parsed
//! nor sorted again.
//!
//! In: any bytes. Out: the slot they were interned to. Only 96 bits of their XXH3 are kept: two of
//! a billion keys meet by chance once in 10^11 stores. Bound: twice the series budget; a table
//! that is full is begun anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use super::index::Found;

const SHARDS: usize = 16;

#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    check: u32,
    found: Found,
}

/// The table, in parts with a lock each.
pub(crate) struct RawTable {
    shards: Vec<Mutex<HashTable<Entry>>>,
    shard_max: usize,
}

/// A key's hash.
#[derive(Clone, Copy)]
pub(crate) struct RawKey {
    hash: u64,
    check: u32,
}

impl RawKey {
    pub(crate) fn of(bytes: &[u8]) -> RawKey {
        let hash = xxh3_128(bytes);
        RawKey {
            hash: hash as u64,
            check: (hash >> 64) as u32,
        }
    }
}

impl RawTable {
    pub(crate) fn new(series_max: usize) -> RawTable {
        RawTable {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: (2 * series_max / SHARDS).max(64),
        }
    }

    fn shard(&self, key: RawKey) -> MutexGuard<'_, HashTable<Entry>> {
        // The table itself uses the other end of the hash.
        let at = (key.check as usize) % SHARDS;
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, key: RawKey) -> Option<Found> {
        let same = |entry: &Entry| entry.hash == key.hash && entry.check == key.check;
        self.shard(key)
            .find(key.hash, same)
            .map(|entry| entry.found)
    }

    /// Notes what a key stands for. The caller holds the index, so that no series goes meanwhile.
    pub(crate) fn insert(&self, key: RawKey, found: Found) {
        let mut shard = self.shard(key);
        if shard.len() >= self.shard_max {
            shard.clear();
        }
        let same = |entry: &Entry| entry.hash == key.hash && entry.check == key.check;
        let entry = shard.entry(key.hash, same, |entry| entry.hash);
        entry.insert(Entry {
            hash: key.hash,
            check: key.check,
            found,
        });
    }

    /// Forgets the keys of series that go.
    pub(crate) fn retain(&self, keep: impl Fn(u32) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|entry| keep(entry.found.slot));
        }
    }
}
