//! Which series the head knows, by their labels and by each label.
//!
//! In: label sets. Out: slots, the numbers by which the shards keep samples; a slot is used again
//! when its series has gone and no selection can still ask for it.
//! Bound: the budgets; about 130 bytes a series with eight labels.

use hashbrown::HashTable;
use weft_model::{Labels, METRIC_NAME};

use super::pairs::Pairs;
use crate::config::Budgets;
use crate::error::Rejected;
use crate::identity::SeriesHash;
use crate::segmented::Segmented;

/// What label sets take mostly.
const LABELS_BYTES: usize = 256;

/// A series that was found or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The series of the head.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) pairs: Pairs,
    /// Where the pair ids of a slot begin in `arena`, and how many there are.
    spans: Segmented<(u32, u32)>,
    arena: Segmented<u32>,
    /// Places in `arena` that are free, by their length.
    free_spans: Vec<Vec<u32>>,
    hashes: Segmented<SeriesHash>,
    /// Raised when a slot's series goes, so that old references are told apart.
    generations: Segmented<u32>,
    by_hash: HashTable<u32>,
    free_slots: Vec<u32>,
    /// Slots made since the last [`Index::take_fresh`].
    fresh: Vec<u32>,
}

impl Index {
    /// Returns how many series there are.
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Returns one more than the greatest slot ever used.
    pub(crate) fn slots(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn find(&self, hash: SeriesHash) -> Option<Found> {
        let same = |slot: &u32| self.hashes.get(*slot as usize) == hash;
        let slot = *self.by_hash.find(hash as u64, same)?;
        Some(Found {
            slot,
            generation: self.generations.get(slot as usize),
        })
    }

    /// Adds a series that is not there, unless it would go over a budget.
    pub(crate) fn add(
        &mut self,
        labels: &Labels,
        hash: SeriesHash,
        budgets: &Budgets,
    ) -> Result<Found, Rejected> {
        self.admit(labels, budgets)?;
        let slot = self.free_slots.pop().unwrap_or(self.spans.len() as u32);
        let ids: Vec<u32> = labels
            .iter()
            .map(|(name, value)| self.pairs.add(name, value, slot))
            .collect();
        let span = self.store(&ids);
        if slot as usize == self.spans.len() {
            self.spans.push(span);
            self.hashes.push(hash);
            self.generations.push(0);
        } else {
            self.spans.set(slot as usize, span);
            self.hashes.set(slot as usize, hash);
        }
        let hashes = &self.hashes;
        self.by_hash
            .insert_unique(hash as u64, slot, |slot| hashes.get(*slot as usize) as u64);
        self.fresh.push(slot);
        Ok(Found {
            slot,
            generation: self.generations.get(slot as usize),
        })
    }

    fn admit(&self, labels: &Labels, budgets: &Budgets) -> Result<(), Rejected> {
        let used = |name: &str| {
            let pair = self.pairs.find(name, labels.get(name));
            pair.map_or(0, |pair| self.pairs.get(pair).postings.len())
        };
        if self.len() >= budgets.series_max {
            return Err(Rejected::StoreBudget);
        }
        if used(METRIC_NAME) >= budgets.series_per_metric_max {
            return Err(Rejected::MetricBudget);
        }
        if used(&budgets.target_label) >= budgets.series_per_target_max {
            return Err(Rejected::TargetBudget);
        }
        Ok(())
    }

    fn store(&mut self, ids: &[u32]) -> (u32, u32) {
        let reused = self.free_spans.get_mut(ids.len()).and_then(Vec::pop);
        let start = reused.unwrap_or(self.arena.len() as u32);
        for (i, id) in ids.iter().enumerate() {
            match reused {
                Some(_) => self.arena.set(start as usize + i, *id),
                None => self.arena.push(*id),
            }
        }
        (start, ids.len() as u32)
    }

    /// Returns the pair ids of a series, in order of their names.
    pub(crate) fn pairs_of(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let (start, len) = self.spans.get(slot as usize);
        (start..start + len).map(|at| self.arena.get(at as usize))
    }

    /// Returns the labels of a series, in order of their names.
    pub(crate) fn texts_of(&self, slot: u32) -> impl Iterator<Item = (&str, &str)> {
        self.pairs_of(slot)
            .map(|pair| (self.pairs.name(pair), &*self.pairs.get(pair).value))
    }

    pub(crate) fn labels(&self, slot: u32) -> Labels {
        let mut bytes = Vec::with_capacity(LABELS_BYTES);
        Labels::from_ordered(self.texts_of(slot), &mut bytes)
            .expect("pairs are kept in the order of their labels")
    }

    pub(crate) fn hash_of(&self, slot: u32) -> SeriesHash {
        self.hashes.get(slot as usize)
    }

    pub(crate) fn generation(&self, slot: u32) -> u32 {
        self.generations.get(slot as usize)
    }

    /// Returns all series, ascending.
    pub(crate) fn all(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.by_hash.iter().copied().collect();
        slots.sort_unstable();
        slots
    }

    /// Returns the slots made since the last call.
    pub(crate) fn take_fresh(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.fresh)
    }

    /// Makes series unfindable. Their slots and labels stay until [`Index::free`].
    pub(crate) fn retire(&mut self, slots: &[u32], gone: &hashbrown::HashSet<u32>) {
        let mut pairs = Vec::new();
        for &slot in slots {
            pairs.extend(self.pairs_of(slot));
            let hash = self.hashes.get(slot as usize);
            if let Ok(entry) = self.by_hash.find_entry(hash as u64, |known| *known == slot) {
                entry.remove();
            }
            let generation = self.generations.get(slot as usize).wrapping_add(1);
            self.generations.set(slot as usize, generation);
        }
        pairs.sort_unstable();
        pairs.dedup();
        self.fresh.retain(|slot| !gone.contains(slot));
        self.pairs.retire(&pairs, |slot| gone.contains(&slot));
    }

    /// Gives retired slots out again, the least first.
    pub(crate) fn free(&mut self, slots: &[u32]) {
        let mut released = Vec::new();
        for &slot in slots {
            released.extend(self.pairs_of(slot));
            let (start, len) = self.spans.get(slot as usize);
            let len = len as usize;
            if self.free_spans.len() <= len {
                self.free_spans.resize_with(len + 1, Vec::new);
            }
            self.free_spans[len].push(start);
            self.spans.set(slot as usize, (0, 0));
        }
        self.pairs.release(released.into_iter());
        self.free_slots.extend_from_slice(slots);
        self.free_slots.sort_unstable_by(|a, b| b.cmp(a));
    }
}
