//! What makes a series the same one in the head and in every part: its label pairs.
//!
//! In: names and values. Out: a number of 128 bits, the sum of one hash for each pair, so that a
//! part computes it from its dictionary and keeps none. Two series of a store of a thousand
//! million have the same one with a probability of 2⁻⁶⁹.

use weft_model::Labels;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// The identity of a series.
pub(crate) type SeriesHash = u128;

/// Returns what a label's name adds to the hashes of its pairs.
pub(crate) fn name_seed(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// Returns the hash of a pair, given [`name_seed`] of its name.
pub(crate) fn hash_pair(seed: u64, value: &str) -> SeriesHash {
    xxh3_128_with_seed(value.as_bytes(), seed)
}

/// Returns the identity of the series with these labels.
pub(crate) fn hash_labels(labels: &Labels) -> SeriesHash {
    labels
        .iter()
        .map(|(name, value)| hash_pair(name_seed(name), value))
        .fold(0, SeriesHash::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ_in_name_or_value_or_number() {
        let sets: [&[(&str, &str)]; 6] = [
            &[("a", "1"), ("b", "2")],
            &[("a", "2"), ("b", "1")],
            &[("a", "1")],
            &[("b", "2")],
            &[("a", "b")],
            &[("b", "a")],
        ];
        let hash =
            |pairs: &&[(&str, &str)]| hash_labels(&Labels::from_pairs(pairs.iter().copied()));
        let mut hashes: Vec<SeriesHash> = sets.iter().map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), sets.len());
    }
}
