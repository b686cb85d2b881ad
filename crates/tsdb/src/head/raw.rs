//! Series by the bytes in which a sender names them, so that a known series is neither parsed
//! nor sorted again.
//!
//! In: any bytes. Out: the slot they were interned to. Only 96 bits of their XXH3 are kept: two of
//! a billion keys meet by chance once in 10^11 stores. Most series have one key, which is kept by
//! its slot, and the table of those has four bytes for each; other keys are kept whole.
//! Bound: one key a slot, and as many others as series are allowed; when there are more, those
//! are begun anew.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use super::index::Found;
use crate::segmented::Segmented;

/// A key's hash, never 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawKey {
    hash: u64,
    check: u32,
}

impl RawKey {
    pub(crate) fn of(bytes: &[u8]) -> RawKey {
        let hash = xxh3_128(bytes);
        RawKey {
            hash: (hash as u64).max(1),
            check: (hash >> 64) as u32,
        }
    }
}

/// The keys, behind a lock that is taken for writing only when a series is met for the first time.
pub(crate) struct RawTable {
    keys: RwLock<Keys>,
    others_max: usize,
}

/// All known keys.
#[derive(Default)]
pub(crate) struct Keys {
    /// By slot: the hash of its first key, 0 for none, the check bits, and the generation.
    hashes: Segmented<u64>,
    checks: Segmented<u32>,
    generations: Segmented<u32>,
    /// The slots by the hash of their first key.
    by_hash: HashTable<u32>,
    /// Further keys of slots that have one.
    others: HashTable<Other>,
}

struct Other {
    key: RawKey,
    found: Found,
}

impl Keys {
    /// Returns the series in a slot, if this is its first key. Senders keep their order, and slots
    /// are given out in it: after one series mostly comes the one in the next slot, and a look
    /// there is cheaper than one at the table.
    #[inline]
    pub(crate) fn find_at(&self, slot: u32, key: RawKey) -> Option<Found> {
        let at = slot as usize;
        let known = at < self.hashes.len() && self.hashes.get(at) == key.hash;
        known.then(|| Found {
            slot,
            generation: self.generations.get(at),
        })
    }

    pub(crate) fn find(&self, key: RawKey) -> Option<Found> {
        let same = |slot: &u32| self.first(*slot) == key;
        match self.by_hash.find(key.hash, same) {
            Some(slot) => self.find_at(*slot, key),
            None => {
                let other = self.others.find(key.hash, |other| other.key == key)?;
                Some(other.found)
            }
        }
    }

    /// Returns the first key of a slot that has one.
    fn first(&self, slot: u32) -> RawKey {
        RawKey {
            hash: self.hashes.get(slot as usize),
            check: self.checks.get(slot as usize),
        }
    }

    fn insert(&mut self, key: RawKey, found: Found, others_max: usize) {
        let at = found.slot as usize;
        while self.hashes.len() <= at {
            self.hashes.push(0);
            self.checks.push(0);
            self.generations.push(0);
        }
        if self.find(key).is_some() {
            return;
        }
        if self.hashes.get(at) != 0 {
            if self.others.len() >= others_max {
                self.others.clear();
            }
            let other = Other { key, found };
            self.others
                .insert_unique(key.hash, other, |other| other.key.hash);
            return;
        }
        self.hashes.set(at, key.hash);
        self.checks.set(at, key.check);
        self.generations.set(at, found.generation);
        let hashes = &self.hashes;
        self.by_hash
            .insert_unique(key.hash, found.slot, |slot| hashes.get(*slot as usize));
    }

    fn forget(&mut self, gone: &hashbrown::HashSet<u32>) {
        for &slot in gone {
            let at = slot as usize;
            if at >= self.hashes.len() || self.hashes.get(at) == 0 {
                continue;
            }
            let entry = self
                .by_hash
                .find_entry(self.hashes.get(at), |known| *known == slot);
            if let Ok(entry) = entry {
                entry.remove();
            }
            self.hashes.set(at, 0);
        }
        self.others
            .retain(|other| !gone.contains(&other.found.slot));
    }
}

impl RawTable {
    pub(crate) fn new(series_max: usize) -> RawTable {
        RawTable {
            keys: RwLock::default(),
            others_max: series_max.max(64),
        }
    }

    /// Returns the keys; they must be given back before a series is made.
    pub(crate) fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys_mut(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a key stands for. The caller holds the index, so that no series goes meanwhile.
    pub(crate) fn insert(&self, key: RawKey, found: Found) {
        self.keys_mut().insert(key, found, self.others_max);
    }

    /// Forgets the keys of series that go.
    pub(crate) fn forget(&self, gone: &hashbrown::HashSet<u32>) {
        self.keys_mut().forget(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(slot: u32, generation: u32) -> Found {
        Found { slot, generation }
    }

    #[test]
    fn a_series_is_found_by_every_key_until_it_goes() {
        let table = RawTable::new(1000);
        let key = |slot: u32, spelling: u32| RawKey::of(format!("{slot} {spelling}").as_bytes());
        for slot in 0..300 {
            table.insert(key(slot, 0), found(slot, 0));
            table.insert(key(slot, 0), found(slot, 0));
            table.insert(key(slot, 1), found(slot, 0));
        }
        let gone = (0..300).filter(|slot| slot % 3 == 0).collect();
        table.forget(&gone);
        for slot in 0..300 {
            let expected = (slot % 3 != 0).then(|| found(slot, 0));
            let keys = table.keys();
            assert_eq!(keys.find(key(slot, 0)), expected);
            assert_eq!(keys.find(key(slot, 1)), expected);
            assert_eq!(keys.find_at(slot, key(slot, 0)), expected);
            assert_eq!(keys.find(key(slot, 2)), None);
        }
        table.insert(key(3, 1), found(3, 1));
        assert_eq!(table.keys().find(key(3, 1)), Some(found(3, 1)));
    }

    #[test]
    fn further_keys_are_begun_anew_when_there_are_too_many() {
        let table = RawTable::new(64);
        let key = |spelling: u32| RawKey::of(&spelling.to_le_bytes());
        for spelling in 0..1000 {
            table.insert(key(spelling), found(7, 0));
        }
        let keys = table.keys();
        assert_eq!(keys.find(key(0)), Some(found(7, 0)));
        let others = (1..1000).filter(|spelling| keys.find(key(*spelling)).is_some());
        assert!((1..=64).contains(&others.count()));
    }
}
