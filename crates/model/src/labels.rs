//! A label set: sorted names with non-empty values, in one shared buffer.
//!
//! In: pairs in any order, through [`LabelsBuilder`]. Out: [`Labels`], whose bytes are equal
//! exactly when the sets are equal, so that they serve as a key without being decoded.
//! Bound: a name or a value has at most `u32::MAX` bytes; what is admitted is bounded far below
//! that by [`crate::limits`].

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable label set; a clone shares the buffer.
///
/// The encoding is, for each label in bytewise order of names: length of the name as LEB128, the
/// name, length of the value as LEB128, the value. Names are distinct and values are not empty.
#[derive(Clone)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// Returns the set without labels.
    pub fn empty() -> Labels {
        Labels(Arc::from([]))
    }

    /// Returns the set of these pairs; of equal names the last one counts, empty values are left
    /// out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Returns the set that `bytes` encode, or nothing when they are not a canonical encoding.
    pub fn from_bytes(bytes: &[u8]) -> Option<Labels> {
        let mut rest = bytes;
        let mut previous: Option<&[u8]> = None;
        while !rest.is_empty() {
            let name = take(&mut rest)?;
            let value = take(&mut rest)?;
            let in_order = previous.is_none_or(|before| before < name);
            if !in_order || value.is_empty() {
                return None;
            }
            std::str::from_utf8(name).ok()?;
            std::str::from_utf8(value).ok()?;
            previous = Some(name);
        }
        Some(Labels(Arc::from(bytes)))
    }

    /// Returns the set of these pairs, or nothing unless their names ascend and no value is empty.
    /// `scratch` is a buffer that may be used again.
    pub fn from_ordered<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        scratch: &mut Vec<u8>,
    ) -> Option<Labels> {
        scratch.clear();
        let mut previous: Option<&str> = None;
        for (name, value) in pairs {
            let in_order = previous.is_none_or(|before| before < name);
            if !in_order || value.is_empty() {
                return None;
            }
            put(scratch, name);
            put(scratch, value);
            previous = Some(name);
        }
        Some(Labels(Arc::from(scratch.as_slice())))
    }

    /// Returns the canonical encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the labels in order of their names.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.0 }
    }

    /// Returns the value of `name`, or the empty string.
    pub fn get(&self, name: &str) -> &str {
        self.iter()
            .take_while(|(key, _)| *key <= name)
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// Returns the metric's name, or the empty string.
    pub fn name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Returns how many labels there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Tells whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the set of those labels for which `keep` holds.
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Labels {
        let mut bytes = Vec::with_capacity(self.0.len());
        for (name, value) in self.iter().filter(|(name, _)| keep(name)) {
            put(&mut bytes, name);
            put(&mut bytes, value);
        }
        Labels(Arc::from(bytes))
    }

    /// Returns the set without `name`.
    pub fn without(&self, name: &str) -> Labels {
        self.filtered(|key| key != name)
    }

    /// Returns the set with `name` set to `value`; an empty value removes the label.
    pub fn with(&self, name: &str, value: &str) -> Labels {
        let mut builder = LabelsBuilder::from(self);
        builder.set(name, value);
        builder.build()
    }
}

/// The labels of a set, in order of their names.
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let name = take(&mut self.rest).expect("a label set holds whole labels");
        let value = take(&mut self.rest).expect("a label set holds whole labels");
        let text = |bytes| std::str::from_utf8(bytes).expect("a label set holds UTF-8");
        Some((text(name), text(value)))
    }
}

/// Collects labels in any order.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name; values may be empty until [`LabelsBuilder::build`].
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Returns an empty builder.
    pub fn new() -> LabelsBuilder {
        LabelsBuilder::default()
    }

    /// Sets `name` to `value`; an empty value removes the label.
    pub fn set(&mut self, name: &str, value: &str) -> &mut LabelsBuilder {
        match self
            .pairs
            .binary_search_by(|(key, _)| key.as_str().cmp(name))
        {
            Ok(at) => value.clone_into(&mut self.pairs[at].1),
            Err(at) => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) -> &mut LabelsBuilder {
        self.pairs.retain(|(key, _)| key != name);
        self
    }

    /// Returns the value of `name`, or the empty string.
    pub fn get(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// Returns the set of the labels with a value.
    pub fn build(&self) -> Labels {
        let mut bytes = Vec::new();
        for (name, value) in self.pairs.iter().filter(|(_, value)| !value.is_empty()) {
            put(&mut bytes, name);
            put(&mut bytes, value);
        }
        Labels(Arc::from(bytes))
    }
}

impl From<&Labels> for LabelsBuilder {
    fn from(labels: &Labels) -> LabelsBuilder {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        LabelsBuilder {
            pairs: labels.iter().map(owned).collect(),
        }
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Pairwise by name, then value, as Prometheus sorts.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl fmt::Display for Labels {
    /// Writes `name{a="b"}`, with the values quoted as in PromQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.iter().all(|(name, _)| name == METRIC_NAME) && !self.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        let others = self.iter().filter(|(name, _)| *name != METRIC_NAME);
        for (i, (name, value)) in others.enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// Takes one length-prefixed run of bytes; only the shortest form of a length is accepted.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut len = 0usize;
    let mut shift = 0;
    loop {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let longer_than_needed = byte == 0 && shift > 0;
            if longer_than_needed || len > rest.len() {
                return None;
            }
            let (run, tail) = rest.split_at(len);
            *rest = tail;
            return Some(run);
        }
        shift += 7;
        if shift > 28 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests;
