//! The label pairs of a part: gathered while it is written, numbered by name and value once it is
//! complete.
//!
//! In: pairs in any order. Out: provisional ids, then the final order.
//! Bound: the pairs of the series in the part, in memory while it is written.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// Pairs by provisional id.
#[derive(Default)]
pub(crate) struct Dictionary {
    names: Vec<Box<str>>,
    pairs: Vec<(u32, Box<str>)>,
    by_text: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Pairs in their final order.
pub(crate) struct Ordered {
    /// The names, ascending, each with how many pairs it has.
    pub(crate) names: Vec<(Box<str>, u32)>,
    /// The values, by name, then value.
    pub(crate) values: Vec<Box<str>>,
    /// The final number of each provisional id in use.
    pub(crate) numbers: Vec<u32>,
}

impl Dictionary {
    /// Returns the provisional id of a pair.
    pub(crate) fn intern(&mut self, name: &str, value: &str) -> u32 {
        let name = self.intern_name(name);
        let hash = self.hasher.hash_one((name, value));
        let (pairs, hasher) = (&self.pairs, &self.hasher);
        let same = |id: &u32| {
            let (known_name, known_value) = &pairs[*id as usize];
            *known_name == name && **known_value == *value
        };
        let rehash = |id: &u32| {
            let (name, value) = &pairs[*id as usize];
            hasher.hash_one((*name, &**value))
        };
        match self.by_text.entry(hash, same, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = pairs.len() as u32;
                entry.insert(id);
                self.pairs.push((name, value.into()));
                id
            }
        }
    }

    /// There are few names, so they are looked for one by one.
    fn intern_name(&mut self, name: &str) -> u32 {
        match self.names.iter().position(|known| **known == *name) {
            Some(known) => known as u32,
            None => {
                self.names.push(name.into());
                self.names.len() as u32 - 1
            }
        }
    }

    /// Puts the pairs into their final order, but for those that nobody uses.
    pub(crate) fn order(self, used: impl Iterator<Item = u32>) -> Ordered {
        let mut in_use = vec![false; self.pairs.len()];
        used.for_each(|id| in_use[id as usize] = true);
        let mut ids: Vec<u32> = (0..self.pairs.len() as u32)
            .filter(|id| in_use[*id as usize])
            .collect();
        let key = |id: &u32| {
            let (name, value) = &self.pairs[*id as usize];
            (&self.names[*name as usize], value)
        };
        ids.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        let mut numbers = vec![0; self.pairs.len()];
        for (number, id) in ids.iter().enumerate() {
            numbers[*id as usize] = number as u32;
        }
        let mut names: Vec<(Box<str>, u32)> = Vec::new();
        let mut values = Vec::with_capacity(ids.len());
        let mut last = None;
        let mut pairs = self.pairs;
        for id in ids {
            let (name, value) = &mut pairs[id as usize];
            if last.replace(*name) != Some(*name) {
                names.push((self.names[*name as usize].clone(), 0));
            }
            names.last_mut().expect("a name was just pushed").1 += 1;
            values.push(std::mem::take(value));
        }
        Ordered {
            names,
            values,
            numbers,
        }
    }
}
