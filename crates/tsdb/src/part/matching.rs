//! A part's index, as matchers ask it.

use fst::{Automaton, IntoStreamer, Streamer, automaton::Str};
use hashbrown::HashMap;

use super::reader::{Part, Recent};
use crate::error::{Malformed, PartError};
use crate::matching::LabelIndex;

impl LabelIndex for Part {
    fn all(&self) -> Vec<u32> {
        (0..self.meta.series).collect()
    }

    fn numbers(&self) -> usize {
        self.meta.series as usize
    }

    fn values_count(&self, name: &str) -> usize {
        self.name(name)
            .iter()
            .map(|entry| entry.pairs as usize)
            .sum()
    }

    fn postings(&self, name: &str, value: &str, out: &mut Vec<u32>) -> Result<(), PartError> {
        for entry in self.name(name) {
            if let Some(place) = self.values_of(entry)?.0.get(value) {
                return self.postings_of(entry.first_pair.saturating_add(place as u32), out);
            }
        }
        Ok(())
    }

    fn each_value(
        &self,
        name: &str,
        prefix: &str,
        each: &mut dyn FnMut(&str, u32),
    ) -> Result<(), PartError> {
        for entry in self.name(name) {
            let values = self.values_of(entry)?;
            let mut stream = values
                .0
                .search(Str::new(prefix).starts_with())
                .into_stream();
            while let Some((value, place)) = stream.next() {
                let value = std::str::from_utf8(value);
                let value = value.map_err(|_| self.fault(Malformed("a value is not UTF-8")))?;
                each(value, entry.first_pair.saturating_add(place as u32));
            }
        }
        Ok(())
    }

    fn postings_of(&self, pair: u32, out: &mut Vec<u32>) -> Result<(), PartError> {
        Part::postings(self, pair, out)
    }

    fn retain(
        &self,
        series: &mut Vec<u32>,
        name: &str,
        pass: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), PartError> {
        let pairs_of_name = self.pairs_of_name(name);
        let without = pass("");
        // Neighbours mostly have the value that one before them had.
        let mut known: HashMap<u32, bool> = HashMap::new();
        let mut used = Recent::default();
        let mut kept = Vec::with_capacity(series.len());
        let mut pairs = Vec::new();
        for &number in series.iter() {
            self.pairs_of(number, &mut pairs, &mut used)?;
            let pair = pairs.iter().find(|pair| pairs_of_name.contains(pair));
            let passes = match pair {
                None => without,
                Some(pair) => match known.get(pair) {
                    Some(passes) => *passes,
                    None => {
                        let passes = pass(&self.value_of(*pair, &mut used)?);
                        known.insert(*pair, passes);
                        passes
                    }
                },
            };
            if passes {
                kept.push(number);
            }
        }
        *series = kept;
        Ok(())
    }
}
