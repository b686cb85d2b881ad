//! Series by the bytes in which a sender names them, so that a known series is neither parsed
//! nor sorted again.
//!
//! In: any bytes. Out: the slot they were interned to. Only 96 bits of their XXH3 are kept: two of
//! a billion keys meet by chance once in 10^11 stores. Bound: twice the series budget; a table
//! that is full is begun anew.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use super::index::Found;
use crate::segmented::Segmented;

const SHARDS: usize = 16;

#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    check: u32,
    found: Found,
}

/// The table, in parts with a lock each.
pub(crate) struct RawTable {
    marks: RwLock<Marks>,
    shards: Vec<Mutex<HashTable<Entry>>>,
    shard_max: usize,
}

/// The key last used for each slot. Senders keep their order, and slots are given out in it: after
/// one series mostly comes the one in the next slot, and a look at its mark is cheaper than one at
/// the table.
#[derive(Default)]
pub(crate) struct Marks {
    hashes: Segmented<u64>,
    generations: Segmented<u32>,
}

impl Marks {
    /// Returns the series in a slot, if the key was last used for it.
    #[inline]
    pub(crate) fn find(&self, slot: u32, key: RawKey) -> Option<Found> {
        let at = slot as usize;
        let known = at < self.hashes.len() && key.hash != 0 && self.hashes.get(at) == key.hash;
        known.then(|| Found {
            slot,
            generation: self.generations.get(at),
        })
    }

    fn set(&mut self, found: Found, hash: u64) {
        let at = found.slot as usize;
        while self.hashes.len() <= at {
            self.hashes.push(0);
            self.generations.push(0);
        }
        self.hashes.set(at, hash);
        self.generations.set(at, found.generation);
    }
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
            marks: RwLock::default(),
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

    /// Returns the marks; they must be given back before a series is made.
    pub(crate) fn marks(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
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
        drop(shard);
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks.set(found, key.hash);
    }

    /// Forgets the keys of series that go.
    pub(crate) fn forget(&self, gone: &hashbrown::HashSet<u32>) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|entry| !gone.contains(&entry.found.slot));
        }
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        for &slot in gone {
            if (slot as usize) < marks.hashes.len() {
                marks.hashes.set(slot as usize, 0);
            }
        }
    }
}
