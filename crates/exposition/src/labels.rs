//! From pairs of bytes to a label set within [`weft_model::limits`].
//!
//! In: names and values as a sender wrote them, in any order. Out: a canonical set, or the first
//! rule that is broken. Bound: nothing of an inadmissible set is copied.

use weft_model::Labels;
use weft_model::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX};

use crate::fault::Problem;

/// Returns the set of these pairs; labels with an empty value are left out.
pub(crate) fn admit<'a>(
    pairs: impl Iterator<Item = Result<(&'a [u8], &'a [u8]), Problem>>,
) -> Result<Labels, Problem> {
    let mut admitted: Vec<(&[u8], &[u8])> = Vec::with_capacity(16);
    for pair in pairs {
        let (name, value) = pair?;
        check(name, value)?;
        if admitted.len() == LABELS_MAX {
            return Err(Problem::TooManyLabels);
        }
        admitted.push((name, value));
    }
    admitted.sort_by_key(|(name, _)| *name);
    if admitted.windows(2).any(|two| two[0].0 == two[1].0) {
        return Err(Problem::LabelTwice);
    }
    encode(&admitted)
}

/// Checks pairs without making a set of them; names may repeat.
pub(crate) fn check_all<'a>(
    pairs: impl Iterator<Item = Result<(&'a [u8], &'a [u8]), Problem>>,
) -> Result<(), Problem> {
    for (i, pair) in pairs.enumerate() {
        let (name, value) = pair?;
        check(name, value)?;
        if i == LABELS_MAX {
            return Err(Problem::TooManyLabels);
        }
    }
    Ok(())
}

fn check(name: &[u8], value: &[u8]) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::LabelNameEmpty);
    }
    if name.len() > LABEL_NAME_BYTES_MAX {
        return Err(Problem::LabelNameTooLong);
    }
    if value.len() > LABEL_VALUE_BYTES_MAX {
        return Err(Problem::LabelValueTooLong);
    }
    Ok(())
}

/// Writes the canonical encoding of [`Labels`], which checks the text once more as it is read.
fn encode(sorted: &[(&[u8], &[u8])]) -> Result<Labels, Problem> {
    let size = sorted
        .iter()
        .map(|(name, value)| name.len() + value.len() + 6)
        .sum();
    let mut bytes = Vec::with_capacity(size);
    for (name, value) in sorted.iter().filter(|(_, value)| !value.is_empty()) {
        put(&mut bytes, name);
        put(&mut bytes, value);
    }
    Labels::from_bytes(&bytes).ok_or(Problem::LabelNotUtf8)
}

fn put(bytes: &mut Vec<u8>, text: &[u8]) {
    let mut len = text.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(text);
}
