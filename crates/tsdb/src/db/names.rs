//! Questions about labels: which names, which values, which series.
//!
//! In: matchers, a stretch of time, a limit. Out: texts, ascending. Without matchers the answer
//! comes from the dictionaries alone. Bound: the limit; a store without one is asked at most for
//! what its dictionaries hold.

use std::collections::BTreeSet;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, Millis};

use super::{Inner, Tsdb};
use crate::error::ReadError;
use crate::matching::LabelIndex;
use crate::selection::{Selection, asked_parts};

impl Tsdb {
    /// Returns the names of the labels that series have which fulfil the matchers and may have
    /// samples in the range: ascending, at most `limit`.
    pub fn label_names(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        if matchers.is_empty() {
            return Ok(self.inner.names(start.0, end.0, limit));
        }
        let mut names = BTreeSet::new();
        self.each_selected(matchers, start, end, |labels| {
            let new = |name: &&str| !names.contains(*name);
            let found: Vec<String> = labels
                .iter()
                .map(|(name, _)| name)
                .filter(new)
                .map(str::to_owned)
                .collect();
            names.extend(found);
        })?;
        Ok(names.into_iter().take(limit).collect())
    }

    /// Returns the values of a label, likewise.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        if matchers.is_empty() {
            return self.inner.values(name, start.0, end.0, limit);
        }
        let mut values = BTreeSet::new();
        self.each_selected(matchers, start, end, |labels| {
            let value = labels.get(name);
            if !value.is_empty() && !values.contains(value) {
                values.insert(value.to_owned());
            }
        })?;
        Ok(values.into_iter().take(limit).collect())
    }

    /// Returns the label sets of series, likewise.
    pub fn series(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
        limit: usize,
    ) -> Result<Vec<Labels>, ReadError> {
        let mut found = BTreeSet::new();
        self.each_selected(matchers, start, end, |labels| {
            found.insert(labels);
            if found.len() > limit {
                found.pop_last();
            }
        })?;
        Ok(found.into_iter().collect())
    }

    fn each_selected(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
        mut each: impl FnMut(Labels),
    ) -> Result<(), ReadError> {
        let selection: Selection = self.select(matchers, start, end)?;
        for at in 0..selection.len() {
            each(selection.labels(at)?);
        }
        Ok(())
    }
}

impl Inner {
    fn names(&self, start: i64, end: i64, limit: usize) -> Vec<String> {
        let view = self.views.present();
        let index = self.head.index();
        let live = |pairs: &[u32]| pairs.iter().any(|pair| index.pairs.is_live(*pair));
        let in_use = index.pairs.names().filter(|(_, pairs)| live(pairs));
        let mut names: BTreeSet<String> = in_use.map(|(name, _)| name.to_owned()).collect();
        drop(index);
        for part in asked_parts(&view, start, end) {
            let entries = &view.parts[part as usize].part.meta.names;
            names.extend(entries.iter().map(|entry| entry.name.clone()));
        }
        names.into_iter().take(limit).collect()
    }

    fn values(
        &self,
        name: &str,
        start: i64,
        end: i64,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let view = self.views.present();
        let mut values = Least::new(limit);
        let index = self.head.index();
        for pair in index.pairs.of_name(name) {
            if index.pairs.is_live(*pair) {
                values.add(&index.pairs.get(*pair).value);
            }
        }
        drop(index);
        for part in asked_parts(&view, start, end) {
            let part = &*view.parts[part as usize].part;
            LabelIndex::each_value(part, name, "", &mut |value, _| values.add(value))?;
        }
        Ok(values.texts.into_iter().collect())
    }
}

/// The least texts of many.
struct Least {
    texts: BTreeSet<String>,
    limit: usize,
}

impl Least {
    fn new(limit: usize) -> Least {
        Least {
            texts: BTreeSet::new(),
            limit,
        }
    }

    fn add(&mut self, text: &str) {
        let full = self.texts.len() >= self.limit;
        let beyond = full && self.texts.last().is_none_or(|last| last.as_str() <= text);
        if beyond || self.texts.contains(text) {
            return;
        }
        self.texts.insert(text.to_owned());
        if full {
            self.texts.pop_last();
        }
    }
}
