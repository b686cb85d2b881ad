//! The encoding of label sets.

use weft_model::Labels;

/// What is accepted is canonical: the same labels have no other encoding.
pub fn labels(bytes: &[u8]) {
    let Some(labels) = Labels::from_bytes(bytes) else {
        return;
    };
    assert_eq!(labels.as_bytes(), bytes);
    let again = Labels::from_pairs(labels.iter());
    assert_eq!(again.as_bytes(), bytes);
    for (name, value) in labels.iter() {
        assert_eq!(labels.get(name), value);
    }
}
