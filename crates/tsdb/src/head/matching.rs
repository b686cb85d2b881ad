//! The head's index, as matchers ask it.

use super::index::Index;
use crate::error::PartError;
use crate::matching::LabelIndex;

impl LabelIndex for Index {
    fn all(&self) -> Vec<u32> {
        Index::all(self)
    }

    fn numbers(&self) -> usize {
        self.slots()
    }

    fn values_count(&self, name: &str) -> usize {
        self.pairs.of_name(name).len()
    }

    fn postings(&self, name: &str, value: &str, out: &mut Vec<u32>) -> Result<(), PartError> {
        match self.pairs.find(name, value) {
            Some(pair) => self.postings_of(pair, out),
            None => Ok(()),
        }
    }

    fn each_value(
        &self,
        name: &str,
        prefix: &str,
        each: &mut dyn FnMut(&str, u32),
    ) -> Result<(), PartError> {
        for &id in self.pairs.of_name(name) {
            let value = &self.pairs.get(id).value;
            if value.starts_with(prefix) {
                each(value, id);
            }
        }
        Ok(())
    }

    fn postings_of(&self, pair: u32, out: &mut Vec<u32>) -> Result<(), PartError> {
        self.pairs.get(pair).postings.extend(out);
        Ok(())
    }

    fn retain(
        &self,
        series: &mut Vec<u32>,
        name: &str,
        pass: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), PartError> {
        series.retain(|slot| {
            let value = self.texts_of(*slot).find(|(label, _)| *label == name);
            pass(value.map_or("", |(_, value)| value))
        });
        Ok(())
    }
}
