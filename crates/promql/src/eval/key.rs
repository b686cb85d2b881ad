//! Groups of series by some of their labels, found without a new label set for each series.

use std::cmp::Ordering;

use hashbrown::HashTable;
use xxhash_rust::xxh64::xxh64;

use weft_model::Labels;

/// The groups that were found so far, numbered in order.
#[derive(Default)]
pub(super) struct Keys {
    /// The keys of all groups, one after the other.
    bytes: Vec<u8>,
    /// Where each group's key ends.
    ends: Vec<usize>,
    groups: HashTable<usize>,
    buffer: Vec<u8>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns about how many bytes the keys take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + 2 * size_of::<usize>() * self.ends.len()
    }

    /// Returns the group of the labels for which `keep` holds, and the labels if it is new.
    pub(super) fn group(
        &mut self,
        labels: &Labels,
        keep: impl Fn(&str) -> bool,
    ) -> (usize, Option<Labels>) {
        let mut key = std::mem::take(&mut self.buffer);
        encode(labels, &keep, &mut key);
        let known = self.len();
        let group = self.of_key(&key);
        self.buffer = key;
        (group, (group == known).then(|| labels.filtered(keep)))
    }

    /// Returns the group of the labels that `hand_out` hands out and for which `keep` holds, and
    /// whether it is new.
    pub(super) fn group_of(
        &mut self,
        hand_out: impl FnOnce(&mut dyn FnMut(&str, &str)),
        keep: impl Fn(&str) -> bool,
    ) -> (usize, bool) {
        let mut key = std::mem::take(&mut self.buffer);
        key.clear();
        hand_out(&mut |name, value| {
            if keep(name) {
                put(&mut key, name);
                put(&mut key, value);
            }
        });
        let known = self.len();
        let group = self.of_key(&key);
        self.buffer = key;
        (group, group == known)
    }

    /// Returns the group of a key, which [`encode`] made.
    pub(super) fn of_key(&mut self, key: &[u8]) -> usize {
        let Keys {
            bytes,
            ends,
            groups,
            ..
        } = self;
        let key_of = |group: usize| {
            let start = group.checked_sub(1).map_or(0, |before| ends[before]);
            &bytes[start..ends[group]]
        };
        let hash = xxh64(key, 0);
        if let Some(group) = groups.find(hash, |group| key_of(*group) == key) {
            return *group;
        }
        let group = ends.len();
        groups.insert_unique(hash, group, |group| xxh64(key_of(*group), 0));
        bytes.extend_from_slice(key);
        ends.push(bytes.len());
        group
    }
}

/// Replaces what is in `into` by the encoding of the labels for which `keep` holds: it is the same
/// exactly when the labels are.
pub(super) fn encode(labels: &Labels, keep: impl Fn(&str) -> bool, into: &mut Vec<u8>) {
    into.clear();
    append(labels, keep, into);
}

/// Appends the encoding of the labels for which `keep` holds.
pub(super) fn append(labels: &Labels, keep: impl Fn(&str) -> bool, into: &mut Vec<u8>) {
    for (name, value) in labels.iter().filter(|(name, _)| keep(name)) {
        put(into, name);
        put(into, value);
    }
}

/// Appends a text: its length as LEB128, then its bytes.
pub(super) fn put(bytes: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// Compares label sets as they compare themselves, but over their encodings.
pub(crate) fn compare(a: &Labels, b: &Labels) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (take(&mut a), take(&mut b)) {
            (Some(text), Some(other)) => match text.cmp(other) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
            (text, other) => return text.is_some().cmp(&other.is_some()),
        }
    }
}

/// Takes a text off an encoding.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut len, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_compare_like_label_sets() {
        let long = "x".repeat(300);
        let sets: Vec<Labels> = [
            vec![],
            vec![("a", "1")],
            vec![("a", "10"), ("b", "1")],
            vec![("a", "2")],
            vec![("ab", "1")],
            vec![("a", long.as_str())],
            vec![("a", "1"), ("c", "é")],
        ]
        .into_iter()
        .map(Labels::from_pairs)
        .collect();
        for a in &sets {
            for b in &sets {
                assert_eq!(compare(a, b), a.cmp(b), "{a} {b}");
            }
        }
    }

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
