//! What a part says of its series: their pairs, texts and identities.
//!
//! In: numbers of series and pairs. Out: pairs, label sets, hashes. A reader that goes through
//! series in order looks up only those texts that differ from the series before.

use std::sync::Arc;

use weft_model::Labels;

use super::decoded::{PairHashes, Postings, Values, ValuesOfName};
use super::label_sets::LabelSets;
use super::meta::{GroupEntry, NameEntry, SERIES_PER_FRAME};
use super::reader::{Part, Recent, recent};
use super::version_one;
use crate::error::{Malformed, PartError};
use crate::identity::{SeriesHash, hash_pair, name_seed};

/// Under this offset, which no frame has, the hashes of all pairs are kept.
const PAIR_HASHES: u64 = 0;

const PAIR_OUTSIDE: Malformed = Malformed("a pair lies outside of the dictionary");
const SERIES_OUTSIDE: Malformed = Malformed("a series lies outside");

/// Where the text of a pair is found: what one place of a label set had last.
pub(super) struct Place {
    pair: u32,
    /// Which of the part's names.
    name: usize,
    first_pair: u32,
    values: Arc<Values>,
    /// The pair's hash, if it was asked for.
    hash: Option<SeriesHash>,
}

impl Place {
    /// Returns the name and the value of the pair.
    fn text<'a>(&'a self, part: &'a Part) -> Result<(&'a str, &'a str), PartError> {
        let value = self.values.get((self.pair - self.first_pair) as usize);
        let value = value.ok_or_else(|| part.fault(PAIR_OUTSIDE))?;
        Ok((&part.meta.names[self.name].name, value))
    }
}

impl Part {
    /// Returns the entries of a name: one, or several where it has very many values.
    pub(crate) fn name(&self, name: &str) -> &[NameEntry] {
        let names = &self.meta.names;
        let from = names.partition_point(|entry| entry.name.as_str() < name);
        let to = names.partition_point(|entry| entry.name.as_str() <= name);
        &names[from..to]
    }

    /// Returns the numbers of the pairs of a name.
    pub(crate) fn pairs_of_name(&self, name: &str) -> std::ops::Range<u32> {
        match self.name(name) {
            [] => 0..0,
            [first, .., last] => first.first_pair..last.first_pair + last.pairs,
            [only] => only.first_pair..only.first_pair + only.pairs,
        }
    }

    /// Returns the values of an entry, as a map to their places among them.
    pub(crate) fn values_of(&self, name: &NameEntry) -> Result<Arc<ValuesOfName>, PartError> {
        self.frame(name.values, ValuesOfName::decode)
    }

    fn group_of(&self, pair: u32) -> Result<&GroupEntry, PartError> {
        let after = self
            .meta
            .groups
            .partition_point(|group| group.first_pair <= pair);
        after
            .checked_sub(1)
            .map(|at| &self.meta.groups[at])
            .ok_or_else(|| self.fault(PAIR_OUTSIDE))
    }

    /// Appends the series that have a pair, ascending.
    pub(crate) fn postings(&self, pair: u32, out: &mut Vec<u32>) -> Result<(), PartError> {
        let group = self.group_of(pair)?;
        let postings = self.frame(group.postings, Postings::decode)?;
        let series = self.meta.series;
        let found = postings.get((pair - group.first_pair) as usize, series, out);
        found.map_err(|e| self.fault(e))
    }

    /// Finds the text of a pair.
    fn place(&self, pair: u32) -> Result<Place, PartError> {
        let names = &self.meta.names;
        let after = names.partition_point(|name| name.first_pair <= pair);
        let name = after.checked_sub(1);
        let name = name.ok_or_else(|| self.fault(PAIR_OUTSIDE))?;
        let group = self.group_of(pair)?;
        Ok(Place {
            pair,
            name,
            first_pair: group.first_pair,
            values: self.frame(group.values, Values::decode)?,
            hash: None,
        })
    }

    /// Makes `place` that of a pair, with the frame it has if the pair is in it.
    fn move_place(&self, place: &mut Place, pair: u32) -> Result<(), PartError> {
        let name = &self.meta.names[place.name];
        let within = pair >= place.first_pair
            && ((pair - place.first_pair) as usize) < place.values.len()
            && (name.first_pair..name.first_pair + name.pairs).contains(&pair);
        if within {
            place.pair = pair;
            place.hash = None;
        } else {
            *place = self.place(pair)?;
        }
        Ok(())
    }

    /// Makes the places of `used` those of a series' pairs; returns how many there are.
    fn find_places(&self, series: u32, used: &mut Recent) -> Result<usize, PartError> {
        let mut pairs = std::mem::take(&mut used.pairs);
        self.pairs_of(series, &mut pairs, used)?;
        for (at, pair) in pairs.iter().enumerate() {
            match used.places.get_mut(at) {
                Some(place) if place.pair == *pair => {}
                Some(place) => self.move_place(place, *pair)?,
                None => used.places.push(self.place(*pair)?),
            }
        }
        let count = pairs.len();
        used.pairs = pairs;
        Ok(count)
    }

    /// Returns the value of a pair.
    pub(crate) fn value_of(&self, pair: u32, used: &mut Recent) -> Result<String, PartError> {
        match used.places.first_mut() {
            Some(place) => self.move_place(place, pair)?,
            None => used.places.push(self.place(pair)?),
        }
        Ok(used.places[0].text(self)?.1.to_owned())
    }

    /// Returns which of [`Meta::names`](super::meta::Meta::names) a pair is of.
    pub(crate) fn name_of(&self, pair: u32) -> Option<usize> {
        let names = &self.meta.names;
        let after = names.partition_point(|name| name.first_pair <= pair);
        after.checked_sub(1)
    }

    /// Returns the frame of label sets that has a series.
    fn sets<'a>(&self, series: u32, used: &'a mut Recent) -> Result<&'a LabelSets, PartError> {
        let frame = self.meta.labels.get(series as usize / SERIES_PER_FRAME);
        let frame = *frame.ok_or_else(|| self.fault(SERIES_OUTSIDE))?;
        let decode = |content: Vec<u8>| {
            if self.is_version_one() {
                version_one::label_sets(&content, self.meta.pairs)
            } else {
                LabelSets::decode(&content, self.meta.pairs)
            }
        };
        recent(&mut used.sets, frame.offset, || self.frame(frame, decode))
    }

    /// Calls `each` with the pairs of each of these series, in order of their names.
    pub(crate) fn each_pairs(
        &self,
        series: impl Iterator<Item = u32>,
        mut each: impl FnMut(u32, &[u32]),
    ) -> Result<(), PartError> {
        let mut used = Recent::default();
        for series in series {
            let sets = self.sets(series, &mut used)?;
            let pairs = sets.get(series as usize % SERIES_PER_FRAME);
            each(series, pairs.ok_or_else(|| self.fault(SERIES_OUTSIDE))?);
        }
        Ok(())
    }

    /// Returns the pairs of a series, in order of their names.
    pub(crate) fn pairs_of(
        &self,
        series: u32,
        out: &mut Vec<u32>,
        used: &mut Recent,
    ) -> Result<(), PartError> {
        let pairs = self
            .sets(series, used)?
            .get(series as usize % SERIES_PER_FRAME);
        out.clear();
        out.extend_from_slice(pairs.ok_or_else(|| self.fault(SERIES_OUTSIDE))?);
        Ok(())
    }

    pub(crate) fn labels(&self, series: u32, used: &mut Recent) -> Result<Labels, PartError> {
        let count = self.find_places(series, used)?;
        let Recent { places, bytes, .. } = used;
        let mut found = 0;
        let texts = places[..count].iter().map_while(|place| {
            let text = place.text(self).ok()?;
            found += 1;
            Some(text)
        });
        Labels::from_ordered(texts, bytes)
            .filter(|_| found == count)
            .ok_or_else(|| self.fault(Malformed("a label set is not canonical")))
    }

    /// Hands out all pairs, ascending by name, then value.
    pub(crate) fn each_pair_of_all(
        &self,
        mut each: impl FnMut(u32, &str, &str),
    ) -> Result<(), PartError> {
        let Some(mut place) = (self.meta.pairs > 0).then(|| self.place(0)).transpose()? else {
            return Ok(());
        };
        let mut before = (String::new(), String::new());
        for pair in 0..self.meta.pairs {
            self.move_place(&mut place, pair)?;
            let (name, value) = place.text(self)?;
            if pair > 0 && (before.0.as_str(), before.1.as_str()) >= (name, value) {
                return Err(self.fault(Malformed("the pairs do not ascend")));
            }
            if before.0 != name {
                name.clone_into(&mut before.0);
            }
            value.clone_into(&mut before.1);
            each(pair, name, value);
        }
        Ok(())
    }

    /// Returns the identity of a series.
    pub(crate) fn hash(&self, series: u32, used: &mut Recent) -> Result<SeriesHash, PartError> {
        let count = self.find_places(series, used)?;
        let mut sum: SeriesHash = 0;
        for place in &mut used.places[..count] {
            let hash = match place.hash {
                Some(hash) => hash,
                None => {
                    let (name, value) = place.text(self)?;
                    hash_pair(name_seed(name), value)
                }
            };
            place.hash = Some(hash);
            sum = sum.wrapping_add(hash);
        }
        Ok(sum)
    }

    /// Calls `each` with the identities of these series. Of many it hashes all pairs once.
    pub(crate) fn each_hash(
        &self,
        series: &[u32],
        mut each: impl FnMut(u32, SeriesHash),
    ) -> Result<(), PartError> {
        if series.len() < self.meta.pairs as usize {
            let mut used = Recent::default();
            for series in series {
                each(*series, self.hash(*series, &mut used)?);
            }
            return Ok(());
        }
        let hashes = self.derived(PAIR_HASHES, || self.hash_pairs())?;
        self.each_pairs(series.iter().copied(), |series, pairs| {
            each(series, hashes.sum(pairs));
        })
    }

    fn hash_pairs(&self) -> Result<PairHashes, PartError> {
        let mut hashes = Vec::with_capacity(self.meta.pairs as usize);
        let mut seed = (String::new(), name_seed(""));
        self.each_pair_of_all(|_, name, value| {
            if seed.0 != name {
                seed = (name.to_owned(), name_seed(name));
            }
            hashes.push(hash_pair(seed.1, value));
        })?;
        Ok(PairHashes(hashes))
    }
}
