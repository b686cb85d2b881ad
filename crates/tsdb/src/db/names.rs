//! Questions about labels: which names, which values, which series.
//!
//! In: matchers, a stretch of time, a limit. Out: texts, ascending. Without matchers the answer
//! comes from the dictionaries alone. Bound: the limit; a store without one is asked at most for
//! what its dictionaries hold.

use std::collections::BTreeSet;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, Millis};

use super::{Inner, Tsdb};
use crate::error::{PartError, ReadError};
use crate::head::index::Index;
use crate::matching::{LabelIndex, matching};
use crate::part::{Part, Recent};
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
        let names = self.inner.names_of(matchers, start.0, end.0)?;
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
        self.inner
            .values_of(name, matchers, (start.0, end.0), limit)
    }

    /// Returns the label sets of series, likewise.
    pub fn series(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
        limit: usize,
    ) -> Result<Vec<Labels>, ReadError> {
        let selection: Selection = self.select(matchers, start, end)?;
        let mut found = Vec::with_capacity(selection.len().min(limit));
        for at in 0..selection.len() {
            found.push(selection.labels(at)?);
            if found.len() / 2 > limit {
                found.sort_unstable();
                found.truncate(limit);
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
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

impl Inner {
    /// Returns the names of the labels of some series.
    fn names_of(
        &self,
        matchers: &[LabelMatcher],
        start: i64,
        end: i64,
    ) -> Result<BTreeSet<String>, ReadError> {
        let view = self.views.present();
        let index = self.head.index();
        let mut names = BTreeSet::new();
        let slots = matching(&*index, matchers)?;
        for pair in distinct(
            index.pairs.ids(),
            slots.iter().flat_map(|s| index.pairs_of(*s)),
        ) {
            names.insert(index.pairs.name(pair).to_owned());
        }
        drop(index);
        for number in asked_parts(&view, start, end) {
            let part = &view.parts[number as usize].part;
            let list = matching(&**part, matchers)?;
            let mut found = vec![false; part.meta.names.len()];
            part.each_pairs(list.into_iter(), |_, pairs| {
                for name in pairs.iter().filter_map(|pair| part.name_of(*pair)) {
                    found[name] = true;
                }
            })?;
            let entries = part.meta.names.iter().zip(found);
            names.extend(
                entries
                    .filter(|(_, found)| *found)
                    .map(|(name, _)| name.name.clone()),
            );
        }
        Ok(names)
    }

    /// Returns the least values of a label of some series.
    fn values_of(
        &self,
        name: &str,
        matchers: &[LabelMatcher],
        (start, end): (i64, i64),
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let view = self.views.present();
        let mut values = Least::new(limit);
        let index = self.head.index();
        add_values_of_head(&index, name, matchers, &mut values)?;
        drop(index);
        for number in asked_parts(&view, start, end) {
            let part = &view.parts[number as usize].part;
            add_values_of_part(part, name, matchers, &mut values)?;
        }
        Ok(values.texts.into_iter().collect())
    }
}

fn add_values_of_head(
    index: &Index,
    name: &str,
    matchers: &[LabelMatcher],
    values: &mut Least,
) -> Result<(), PartError> {
    let slots = matching(index, matchers)?;
    let mut known = vec![false; index.pairs.ids()];
    index
        .pairs
        .of_name(name)
        .iter()
        .for_each(|pair| known[*pair as usize] = true);
    for slot in slots {
        for pair in index.pairs_of(slot) {
            // Each pair of the name is taken once.
            if std::mem::take(&mut known[pair as usize]) {
                values.add(&index.pairs.get(pair).value);
                break;
            }
        }
    }
    Ok(())
}

fn add_values_of_part(
    part: &Part,
    name: &str,
    matchers: &[LabelMatcher],
    values: &mut Least,
) -> Result<(), PartError> {
    let pairs_of_name = part.pairs_of_name(name);
    let mut found = vec![false; pairs_of_name.len()];
    let list = matching(part, matchers)?;
    part.each_pairs(list.into_iter(), |_, pairs| {
        let mut within = pairs.iter().filter(|pair| pairs_of_name.contains(pair));
        if let Some(pair) = within.next() {
            found[(pair - pairs_of_name.start) as usize] = true;
        }
    })?;
    let mut used = Recent::default();
    for (pair, _) in pairs_of_name.zip(found).filter(|(_, found)| *found) {
        values.add(&part.value_of(pair, &mut used)?);
    }
    Ok(())
}

/// Returns the distinct numbers below `most` among some.
fn distinct(most: usize, numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut known = vec![false; most];
    let new = |number: &u32| !std::mem::replace(&mut known[*number as usize], true);
    numbers.filter(new).collect()
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
