//! Groups of series by some of their labels, found without a new label set for each series.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use weft_model::Labels;

/// The groups that were found so far, numbered in order.
#[derive(Default)]
pub(super) struct Keys {
    groups: HashMap<Labels, usize>,
    buffer: Vec<u8>,
}

/// The encoding of a label set, which hashes and compares like the set.
struct Encoded<'a>(&'a [u8]);

impl Hash for Encoded<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Labels> for Encoded<'_> {
    fn equivalent(&self, key: &Labels) -> bool {
        self.0 == key.as_bytes()
    }
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns the group of the labels for which `keep` holds, and the labels if it is new.
    pub(super) fn group(
        &mut self,
        labels: &Labels,
        keep: impl Fn(&str) -> bool,
    ) -> (usize, Option<Labels>) {
        encode(labels, &keep, &mut self.buffer);
        if let Some(group) = self.groups.get(&Encoded(&self.buffer)) {
            return (*group, None);
        }
        let kept = labels.filtered(keep);
        let group = self.groups.len();
        self.groups.insert(kept.clone(), group);
        (group, Some(kept))
    }
}

/// Replaces what is in `into` by the encoding of the labels for which `keep` holds.
pub(super) fn encode(labels: &Labels, keep: impl Fn(&str) -> bool, into: &mut Vec<u8>) {
    into.clear();
    for (name, value) in labels.iter().filter(|(name, _)| keep(name)) {
        put(into, name);
        put(into, value);
    }
}

/// Appends a text as label sets encode it: its length as LEB128, then its bytes.
fn put(bytes: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_share_a_group_when_the_kept_labels_agree() {
        let mut keys = Keys::default();
        let mut check = |pairs: &[(&str, &str)], expected: usize| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            assert_eq!(keys.group(&labels, |name| name != "b").0, expected);
        };
        let long = "x".repeat(300);
        check(&[("a", "1"), ("b", "1")], 0);
        check(&[("a", "1"), ("b", "2")], 0);
        check(&[("a", &long)], 1);
        check(&[("a", &long), ("b", "3")], 1);
        check(&[("b", "1")], 2);
        check(&[], 2);
    }
}
