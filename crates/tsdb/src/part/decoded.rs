//! Frames of a part once they are decoded: what the cache keeps.
//!
//! In: the content of a frame. Out: its parts by place, without further work. A decoder checks
//! what it can cheaply and leaves no way to panic.

use weft_codec::varint::{take_len, take_run};
use weft_codec::{COUNT_MAX, int};

use super::index_writer::POSTINGS_MAX;
use crate::cache::Weigh;
use crate::error::Malformed;
use crate::identity::SeriesHash;

/// The values of one label name.
pub(crate) struct ValuesOfName(pub(crate) fst::Map<Vec<u8>>);

impl ValuesOfName {
    pub(crate) fn decode(content: Vec<u8>) -> Result<ValuesOfName, Malformed> {
        // Walking an fst with wrong bytes in it panics; its own checksum tells that there are none.
        let map = fst::Map::new(content).and_then(|map| {
            map.as_fst().verify()?;
            Ok(map)
        });
        let map = map.map_err(|_| Malformed("an fst does not decode"))?;
        Ok(ValuesOfName(map))
    }
}

impl Weigh for ValuesOfName {
    fn weight(&self) -> usize {
        self.0.as_fst().as_bytes().len() + 64
    }
}

/// The values of a group of pairs.
pub(crate) struct Values {
    ends: Vec<u32>,
    text: String,
}

impl Values {
    pub(crate) fn decode(content: Vec<u8>) -> Result<Values, Malformed> {
        let bytes = &mut content.as_slice();
        let count = take_len(bytes, COUNT_MAX)?;
        let mut values = Values {
            ends: Vec::new(),
            text: String::new(),
        };
        let mut last = 0;
        for _ in 0..count {
            let shared = take_len(bytes, values.text.len() - last)?;
            let rest = std::str::from_utf8(take_run(bytes)?);
            let rest = rest.map_err(|_| Malformed("a value is not UTF-8"))?;
            let prefix = values.text.get(last..last + shared).map(str::to_owned);
            let prefix = prefix.ok_or(Malformed("a value begins within a character"))?;
            last = values.text.len();
            values.text += &prefix;
            values.text += rest;
            let end =
                u32::try_from(values.text.len()).map_err(|_| Malformed("values are too long"));
            values.ends.push(end?);
        }
        Ok(values)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start as usize..end as usize)
    }
}

impl Weigh for Values {
    fn weight(&self) -> usize {
        self.text.len() + 4 * self.ends.len() + 64
    }
}

/// The postings of a group of pairs, each list still packed.
pub(crate) struct Postings {
    counts: Vec<i64>,
    ends: Vec<usize>,
    content: Vec<u8>,
}

impl Postings {
    pub(crate) fn decode(content: Vec<u8>) -> Result<Postings, Malformed> {
        let bytes = &mut content.as_slice();
        let pairs = take_len(bytes, COUNT_MAX)?;
        let (mut counts, mut lens) = (Vec::new(), Vec::new());
        int::decode(bytes, pairs, &mut counts)?;
        int::decode(bytes, pairs, &mut lens)?;
        let ends = ends_of(&lens, content.len() - bytes.len(), content.len())?;
        Ok(Postings {
            counts,
            ends,
            content,
        })
    }

    /// Appends the series of the pair at this place; all are below `series`.
    pub(crate) fn get(&self, at: usize, series: u32, out: &mut Vec<u32>) -> Result<(), Malformed> {
        let mut bytes = slice_of(&self.content, &self.ends, at).ok_or(OUTSIDE)?;
        let count = self.counts.get(at).copied().ok_or(OUTSIDE)?;
        let mut left = usize::try_from(count)
            .ok()
            .filter(|n| *n <= series as usize)
            .ok_or(OUTSIDE)?;
        let mut run = Vec::new();
        out.reserve(left);
        while left > 0 {
            run.clear();
            let len = left.min(POSTINGS_MAX);
            int::decode(&mut bytes, len, &mut run)?;
            let within = |number: &i64| (0..i64::from(series)).contains(number);
            if !run.iter().all(within) || !run.is_sorted() {
                return Err(OUTSIDE);
            }
            out.extend(run.iter().map(|number| *number as u32));
            left -= len;
        }
        Ok(())
    }
}

const OUTSIDE: Malformed = Malformed("postings lie outside of the series");

impl Weigh for Postings {
    fn weight(&self) -> usize {
        self.content.len() + 16 * self.counts.len() + 64
    }
}

/// The hashes of all pairs of a part.
pub(crate) struct PairHashes(pub(crate) Vec<SeriesHash>);

impl PairHashes {
    /// Returns the identity of the series with these pairs, which are the part's.
    pub(crate) fn sum(&self, pairs: &[u32]) -> SeriesHash {
        let hashes = pairs.iter().map(|pair| self.0[*pair as usize]);
        hashes.fold(0, SeriesHash::wrapping_add)
    }
}

impl Weigh for PairHashes {
    fn weight(&self) -> usize {
        16 * self.0.len() + 64
    }
}

/// A run of time columns.
pub(crate) struct Times {
    ends: Vec<usize>,
    times: Vec<i64>,
}

impl Times {
    pub(crate) fn decode(content: &[u8]) -> Result<Times, Malformed> {
        let bytes = &mut &*content;
        let mut all = Times {
            ends: Vec::new(),
            times: Vec::new(),
        };
        while !bytes.is_empty() {
            let count = take_len(bytes, super::writer::BLOCK_MAX)?;
            let from = all.times.len();
            int::decode(bytes, count, &mut all.times)?;
            if count == 0 || !all.times[from..].is_sorted_by(|a, b| a < b) {
                return Err(Malformed("times do not ascend"));
            }
            all.ends.push(all.times.len());
        }
        Ok(all)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[i64]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.times.get(start..end)
    }
}

impl Weigh for Times {
    fn weight(&self) -> usize {
        8 * (self.ends.len() + self.times.len()) + 64
    }
}

/// Turns lengths into ends; the first element is where the first run begins.
pub(super) fn ends_of(lens: &[i64], start: usize, most: usize) -> Result<Vec<usize>, Malformed> {
    let mut ends = Vec::with_capacity(lens.len() + 1);
    let mut end = start;
    ends.push(end);
    for len in lens {
        let next = usize::try_from(*len)
            .ok()
            .and_then(|len| end.checked_add(len));
        end = next
            .filter(|end| *end <= most)
            .ok_or(Malformed("a run lies outside"))?;
        ends.push(end);
    }
    Ok(ends)
}

pub(super) fn slice_of<'a>(content: &'a [u8], ends: &[usize], at: usize) -> Option<&'a [u8]> {
    content.get(*ends.get(at)?..*ends.get(at + 1)?)
}
