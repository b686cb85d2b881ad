//! A part's index, as matchers ask it.

use fst::{Automaton, IntoStreamer, Streamer, automaton::Str};

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

    fn test(
        &self,
        series: u32,
        name: &str,
        pass: &mut dyn FnMut(&str) -> bool,
    ) -> Result<bool, PartError> {
        let mut passed = None;
        self.each_label(series, &mut Recent::default(), |label, value| {
            if label == name {
                passed = Some(pass(value));
            }
        })?;
        Ok(passed.unwrap_or_else(|| pass("")))
    }
}
