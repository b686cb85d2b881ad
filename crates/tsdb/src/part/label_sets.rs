//! The label sets of a run of series, as columns: one for each place in the set.
//!
//! In: pair numbers, for each series in the order of their names. Out: the same by series. Series
//! lie in order, so that most columns are constant or grow by one now and then. Bound:
//! [`SERIES_PER_FRAME`](super::meta::SERIES_PER_FRAME) series a frame.

use weft_codec::int;
use weft_codec::varint::{put_uvarint, take_len};

use super::meta::SERIES_PER_FRAME;
use crate::cache::Weigh;
use crate::error::Malformed;

/// The most labels of a series that a frame may claim; guards against bytes that ask for more.
const PLACES_MAX: usize = 1 << 12;

/// Stands where a series has fewer labels than others of its frame.
const NONE: u32 = u32::MAX;

const OUTSIDE: Malformed = Malformed("a label set lies outside");

/// Label sets, decoded: rows of one width, filled up with [`NONE`].
pub(crate) struct LabelSets {
    width: usize,
    pairs: Vec<u32>,
}

impl LabelSets {
    /// Appends the frame's content for these series.
    pub(crate) fn encode(sets: &[&[u32]], out: &mut Vec<u8>) {
        put_uvarint(out, sets.len() as u64);
        let lens: Vec<i64> = sets.iter().map(|set| set.len() as i64).collect();
        int::encode(&lens, out);
        let width = sets.iter().map(|set| set.len()).max().unwrap_or(0);
        let mut column = Vec::with_capacity(sets.len());
        for place in 0..width {
            column.clear();
            column.extend(
                sets.iter()
                    .filter_map(|set| set.get(place))
                    .map(|pair| i64::from(*pair)),
            );
            int::encode(&column, out);
        }
    }

    /// Decodes a frame whose pairs are all below `pairs_max`.
    pub(crate) fn decode(content: &[u8], pairs_max: u32) -> Result<LabelSets, Malformed> {
        let bytes = &mut &*content;
        let series = take_len(bytes, SERIES_PER_FRAME)?;
        let mut lens = Vec::new();
        int::decode(bytes, series, &mut lens)?;
        if lens
            .iter()
            .any(|len| !(0..=PLACES_MAX as i64).contains(len))
        {
            return Err(OUTSIDE);
        }
        let width = lens.iter().copied().max().unwrap_or(0) as usize;
        let mut pairs = vec![NONE; series * width];
        let mut column = Vec::new();
        for place in 0..width {
            let has = |at: &usize| lens[*at] as usize > place;
            column.clear();
            int::decode(bytes, (0..series).filter(has).count(), &mut column)?;
            if !column
                .iter()
                .all(|pair| (0..i64::from(pairs_max)).contains(pair))
            {
                return Err(OUTSIDE);
            }
            for (at, pair) in (0..series).filter(has).zip(&column) {
                pairs[at * width + place] = *pair as u32;
            }
        }
        Ok(LabelSets { width, pairs })
    }

    /// Returns the sets of rows that are known already.
    pub(super) fn from_rows(rows: &[Vec<u32>]) -> LabelSets {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut pairs = vec![NONE; rows.len() * width];
        for (at, row) in rows.iter().enumerate() {
            pairs[at * width..at * width + row.len()].copy_from_slice(row);
        }
        LabelSets { width, pairs }
    }

    /// Returns the pairs of the series at this place.
    pub(crate) fn get(&self, at: usize) -> Option<&[u32]> {
        let row = self.pairs.get(at * self.width..(at + 1) * self.width)?;
        let len = row
            .iter()
            .position(|pair| *pair == NONE)
            .unwrap_or(self.width);
        Some(&row[..len])
    }
}

impl Weigh for LabelSets {
    fn weight(&self) -> usize {
        4 * self.pairs.len() + 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_of_any_lengths_come_back(
            sets in prop::collection::vec(prop::collection::vec(0u32..1000, 1..12), 1..60),
        ) {
            let slices: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
            let mut content = Vec::new();
            LabelSets::encode(&slices, &mut content);
            let decoded = LabelSets::decode(&content, 1000).unwrap();
            let known = LabelSets::from_rows(&sets);
            for (at, set) in slices.iter().enumerate() {
                prop_assert_eq!(decoded.get(at), Some(*set));
                prop_assert_eq!(known.get(at), Some(*set));
            }
            prop_assert_eq!(decoded.get(sets.len()), None);
        }

        #[test]
        fn hostile_bytes_are_refused_or_within_bounds(
            content in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Ok(sets) = LabelSets::decode(&content, 50) {
                let pairs = (0..SERIES_PER_FRAME).filter_map(|at| sets.get(at)).flatten();
                prop_assert!(pairs.into_iter().all(|pair| *pair < 50));
            }
        }
    }

    #[test]
    fn series_of_one_metric_take_a_byte_or_two() {
        let sets: Vec<[u32; 8]> = (0..512)
            .map(|i| {
                [
                    3,
                    4,
                    5 + i / 128,
                    20 + i % 128,
                    200,
                    201,
                    202,
                    300 + i % 128,
                ]
            })
            .collect();
        let slices: Vec<&[u32]> = sets.iter().map(|set| set.as_slice()).collect();
        let mut content = Vec::new();
        LabelSets::encode(&slices, &mut content);
        assert!(content.len() < 1024, "{}", content.len());
    }
}
