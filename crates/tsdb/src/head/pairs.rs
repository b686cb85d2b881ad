//! The label pairs of the head, each text once, each with the series that have it.
//!
//! In: names and values. Out: pair ids, dense and used again once no series has the pair.
//! Bound: the pairs of the series in the head, which the budgets bound.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::postings::Postings;

/// One `name="value"`.
pub(crate) struct Pair {
    name: u32,
    /// How many series have it, with those that went but whose labels may still be asked for.
    users: u32,
    pub(crate) value: Box<str>,
    pub(crate) postings: Postings,
}

/// One label name.
struct Name {
    text: Box<str>,
    /// The pairs in use with this name, in no order.
    pairs: Vec<u32>,
}

/// All pairs.
#[derive(Default)]
pub(crate) struct Pairs {
    pairs: Vec<Pair>,
    free: Vec<u32>,
    by_text: HashTable<u32>,
    names: Vec<Name>,
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Pairs {
    pub(crate) fn get(&self, pair: u32) -> &Pair {
        &self.pairs[pair as usize]
    }

    /// Returns the name of a pair.
    pub(crate) fn name(&self, pair: u32) -> &str {
        &self.names[self.get(pair).name as usize].text
    }

    /// Tells whether a series that can be found has the pair.
    pub(crate) fn is_live(&self, pair: u32) -> bool {
        self.get(pair).postings.len() > 0
    }

    /// Returns how many pairs are in use.
    pub(crate) fn len(&self) -> usize {
        self.by_text.len()
    }

    /// Returns one more than the greatest id.
    pub(crate) fn ids(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn find(&self, name: &str, value: &str) -> Option<u32> {
        let name = self.find_name(name)?;
        let hash = self.hasher.hash_one((name, value));
        self.by_text
            .find(hash, |pair| self.is(*pair, name, value))
            .copied()
    }

    /// Returns the pairs with this name, in no order.
    pub(crate) fn of_name(&self, name: &str) -> &[u32] {
        self.find_name(name)
            .map_or(&[], |name| &self.names[name as usize].pairs)
    }

    /// Returns all names in use with their pairs, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[u32])> {
        let in_use = self.names.iter().filter(|name| !name.pairs.is_empty());
        in_use.map(|name| (&*name.text, &*name.pairs))
    }

    /// Adds a series to a pair, which is made if it is new.
    pub(crate) fn add(&mut self, name: &str, value: &str, slot: u32) -> u32 {
        let name = self.intern_name(name);
        let hash = self.hasher.hash_one((name, value));
        let (pairs, hasher) = (&self.pairs, &self.hasher);
        let same = |pair: &u32| {
            let pair = &pairs[*pair as usize];
            pair.name == name && *pair.value == *value
        };
        let rehash = |pair: &u32| {
            let pair = &pairs[*pair as usize];
            hasher.hash_one((pair.name, &*pair.value))
        };
        let found = match self.by_text.entry(hash, same, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = self.free.pop().unwrap_or(pairs.len() as u32);
                entry.insert(id);
                let pair = Pair {
                    name,
                    users: 0,
                    value: value.into(),
                    postings: Postings::Empty,
                };
                match self.pairs.get_mut(id as usize) {
                    Some(place) => *place = pair,
                    None => self.pairs.push(pair),
                }
                self.names[name as usize].pairs.push(id);
                id
            }
        };
        let pair = &mut self.pairs[found as usize];
        pair.postings.push(slot);
        pair.users += 1;
        found
    }

    /// Takes the series for which `gone` holds out of these pairs, which keep their texts.
    pub(crate) fn retire(&mut self, pairs: &[u32], gone: impl Fn(u32) -> bool) {
        for &id in pairs {
            self.pairs[id as usize].postings.remove(&gone);
        }
    }

    /// Ends one use of each of these pairs, by a series that was retired; frees what nobody uses.
    pub(crate) fn release(&mut self, pairs: impl Iterator<Item = u32>) {
        let mut names = Vec::new();
        for id in pairs {
            let pair = &mut self.pairs[id as usize];
            pair.users -= 1;
            if pair.users > 0 {
                continue;
            }
            names.push(pair.name);
            let hash = self.hasher.hash_one((pair.name, &*pair.value));
            if let Ok(entry) = self.by_text.find_entry(hash, |known| *known == id) {
                entry.remove();
            }
            pair.value = "".into();
            self.free.push(id);
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            let pairs = &self.pairs;
            self.names[name as usize]
                .pairs
                .retain(|id| pairs[*id as usize].users > 0);
        }
    }

    /// Sorts what slots used again have put out of order, and gives back room that is not used.
    pub(crate) fn tidy(&mut self) {
        self.pairs.iter_mut().for_each(|pair| pair.postings.tidy());
    }

    fn is(&self, pair: u32, name: u32, value: &str) -> bool {
        let pair = &self.pairs[pair as usize];
        pair.name == name && *pair.value == *value
    }

    fn find_name(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.by_name
            .find(hash, |known| *self.names[*known as usize].text == *name)
            .copied()
    }

    fn intern_name(&mut self, name: &str) -> u32 {
        if let Some(known) = self.find_name(name) {
            return known;
        }
        let id = self.names.len() as u32;
        self.names.push(Name {
            text: name.into(),
            pairs: Vec::new(),
        });
        let (names, hasher) = (&self.names, &self.hasher);
        let rehash = |known: &u32| hasher.hash_one(&*names[*known as usize].text);
        self.by_name
            .insert_unique(hasher.hash_one(name), id, rehash);
        id
    }
}
