//! Series of parts and of the head, joined by their hashes into one numbering.
//!
//! In: for each part the numbers of its series, ascending, then the slots of the head. Out: places
//! from 0 on, and for each part which of its series has which place. Parts have their series in
//! one order, so that the next one is mostly where it was in the part before, and no table of
//! hashes is needed as long as that holds. Bound: 16 bytes a series while joining, a table of 5 to
//! 10 where parts differ; for each part 12 bytes a run of series that it has in common order.

use hashbrown::HashTable;

use crate::identity::SeriesHash;

/// How far ahead a series is looked for in the order of the parts before.
const LOOK_AHEAD: usize = 8;

/// A run of series that follow each other both in the selection and in a part.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    at: u32,
    series: u32,
    len: u32,
}

/// Which series of a part have which places.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Placement {
    /// Ascending by place.
    runs: Vec<Run>,
}

impl Placement {
    /// Returns the placement of series that take the places from 0 on.
    pub(super) fn of(series: &[u32]) -> Placement {
        let mut placement = Placement::default();
        for (at, series) in series.iter().enumerate() {
            placement.push(at as u32, *series);
        }
        placement
    }

    fn push(&mut self, at: u32, series: u32) {
        match self.runs.last_mut() {
            Some(run) if run.at + run.len == at && run.series + run.len == series => run.len += 1,
            _ => self.runs.push(Run { at, series, len: 1 }),
        }
    }

    /// Returns how many series there are.
    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len as usize).sum()
    }

    /// Returns the number of the series that has a place.
    pub(super) fn find(&self, at: u32) -> Option<u32> {
        let run = match self.runs.as_slice() {
            [only] => only,
            runs => {
                let after = runs.partition_point(|run| run.at <= at);
                &runs[after.checked_sub(1)?]
            }
        };
        let within = at.checked_sub(run.at).filter(|within| *within < run.len)?;
        Some(run.series + within)
    }
}

/// A numbering that grows.
#[derive(Default)]
pub(super) struct Join {
    hashes: Vec<SeriesHash>,
    /// Places by hash, once the order alone did not find one.
    table: Option<HashTable<u32>>,
}

impl Join {
    /// Returns how many places are taken.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Begins a list of series in the order of parts.
    pub(super) fn list(&mut self) -> List<'_> {
        List {
            is_first: self.hashes.is_empty(),
            join: self,
            next: 0,
            placement: Placement::default(),
        }
    }

    /// Returns the place of a series, which gets the next one if it has none.
    pub(super) fn place(&mut self, hash: SeriesHash) -> u32 {
        let hashes = &mut self.hashes;
        let table = self.table.get_or_insert_with(|| table_of(hashes));
        let known = table.find(hash as u64, |at| hashes[*at as usize] == hash);
        if let Some(at) = known {
            return *at;
        }
        let at = hashes.len() as u32;
        hashes.push(hash);
        table.insert_unique(hash as u64, at, |at| hashes[*at as usize] as u64);
        at
    }
}

fn table_of(hashes: &[SeriesHash]) -> HashTable<u32> {
    let mut table = HashTable::with_capacity(hashes.len());
    for (at, hash) in hashes.iter().enumerate() {
        table.insert_unique(*hash as u64, at as u32, |at| hashes[*at as usize] as u64);
    }
    table
}

/// The series of one part, being joined.
pub(super) struct List<'a> {
    join: &'a mut Join,
    is_first: bool,
    /// Where the next series is looked for.
    next: usize,
    placement: Placement,
}

impl List<'_> {
    /// Adds a series; those of one list are distinct.
    pub(super) fn add(&mut self, series: u32, hash: SeriesHash) {
        let at = if self.is_first {
            self.join.hashes.push(hash);
            self.join.hashes.len() - 1
        } else {
            let ahead = self.join.hashes.iter().skip(self.next).take(LOOK_AHEAD);
            match ahead.into_iter().position(|known| *known == hash) {
                Some(distance) => self.next + distance,
                None => self.join.place(hash) as usize,
            }
        };
        self.next = at + 1;
        self.placement.push(at as u32, series);
    }

    /// Returns the places of the list's series.
    pub(super) fn finish(mut self) -> Placement {
        let runs = &mut self.placement.runs;
        if !runs.is_sorted_by_key(|run| run.at) {
            runs.sort_unstable_by_key(|run| run.at);
        }
        runs.shrink_to_fit();
        self.placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn equal_hashes_have_one_place(
            parts in prop::collection::vec(prop::collection::btree_set(0u128..300, 0..150), 1..5),
            slots in prop::collection::btree_set(0u128..300, 0..50),
        ) {
            let mut join = Join::default();
            let mut placements = Vec::new();
            for part in &parts {
                let mut list = join.list();
                for (series, hash) in part.iter().enumerate() {
                    list.add(series as u32, *hash);
                }
                placements.push(list.finish());
            }
            let mut places: BTreeMap<u128, u32> = BTreeMap::new();
            for hash in &slots {
                places.insert(*hash, join.place(*hash));
            }
            for (part, placement) in parts.iter().zip(&placements) {
                let mut found = 0;
                for at in 0..join.len() as u32 {
                    if let Some(series) = placement.find(at) {
                        let hash = *part.iter().nth(series as usize).unwrap();
                        prop_assert_eq!(*places.entry(hash).or_insert(at), at);
                        found += 1;
                    }
                }
                prop_assert_eq!(found, part.len());
            }
            let all: BTreeSet<u128> = parts.iter().flatten().chain(&slots).copied().collect();
            prop_assert_eq!(join.len(), all.len());
        }
    }

    #[test]
    fn parts_that_agree_take_one_run_and_no_table() {
        let mut join = Join::default();
        for first in [0, 100, 7] {
            let mut list = join.list();
            (0..1000).for_each(|i| list.add(first + i, SeriesHash::from(i)));
            assert_eq!(list.finish().runs.len(), 1);
        }
        assert!(join.table.is_none());
    }
}
