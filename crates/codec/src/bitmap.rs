//! Columns of bits: which series of many changed, which values are present.
//!
//! In: bits, pushed or set. Out: nothing but a tag when all are equal, else the words or the
//! distances between the rarer kind. Bound: [`COUNT_MAX`](crate::COUNT_MAX) bits.

use crate::varint::{put_uvarint, take_byte, take_bytes, take_len};
use crate::{COUNT_MAX, CodecError, int};

const ALL_ZERO: u8 = 0;
const ALL_ONE: u8 = 1;
const WORDS: u8 = 2;
const ONES: u8 = 3;
const ZEROS: u8 = 4;

/// A run of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    /// Bits past `len` are zero.
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// Returns `len` bits, all zero.
    pub fn zeros(len: usize) -> Bitmap {
        Bitmap {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// Returns `len` bits, all one.
    pub fn ones(len: usize) -> Bitmap {
        let mut bitmap = Bitmap {
            words: vec![u64::MAX; len.div_ceil(64)],
            len,
        };
        if let Some(last) = bitmap.words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last = (1 << (len % 64)) - 1;
        }
        bitmap
    }

    /// Appends a bit.
    pub fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.words[self.len / 64] |= u64::from(bit) << (self.len % 64);
        self.len += 1;
    }

    /// Returns how many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no bits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells whether the bit is one; bits outside are not.
    pub fn get(&self, at: usize) -> bool {
        self.words
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Sets a bit to one.
    ///
    /// # Panics
    ///
    /// If there is no such bit.
    pub fn set(&mut self, at: usize) {
        assert!(at < self.len, "a bitmap is not extended by setting");
        self.words[at / 64] |= 1 << (at % 64);
    }

    /// Returns how many bits are one.
    pub fn count_ones(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Returns the positions of the ones, ascending.
    pub fn iter_ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }

    /// Appends the bits; their count is the caller's to keep.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let ones = self.count_ones();
        let zeros = self.len - ones;
        match (ones, zeros) {
            (0, _) => out.push(ALL_ZERO),
            (_, 0) => out.push(ALL_ONE),
            // A distance takes about a byte.
            _ if ones.min(zeros) >= self.len / 8 => {
                out.push(WORDS);
                let bytes = self.words.iter().flat_map(|word| word.to_le_bytes());
                out.extend(bytes.take(self.len.div_ceil(8)));
            }
            _ if ones < zeros => {
                out.push(ONES);
                put_positions(self.iter_ones(), ones, out);
            }
            _ => {
                out.push(ZEROS);
                put_positions((0..self.len).filter(|at| !self.get(*at)), zeros, out);
            }
        }
    }

    /// Takes `len` bits from the front of `bytes`.
    pub fn decode(bytes: &mut &[u8], len: usize) -> Result<Bitmap, CodecError> {
        if len > COUNT_MAX {
            return Err(CodecError::TooMany(len));
        }
        match take_byte(bytes)? {
            ALL_ZERO => Ok(Bitmap::zeros(len)),
            ALL_ONE => Ok(Bitmap::ones(len)),
            WORDS => Bitmap::from_packed(take_bytes(bytes, len.div_ceil(8))?, len),
            ONES => {
                let mut bitmap = Bitmap::zeros(len);
                take_positions(bytes, len, |at| bitmap.set(at))?;
                Ok(bitmap)
            }
            ZEROS => {
                let mut bitmap = Bitmap::ones(len);
                take_positions(bytes, len, |at| bitmap.words[at / 64] &= !(1 << (at % 64)))?;
                Ok(bitmap)
            }
            tag => Err(CodecError::UnknownTag(tag)),
        }
    }

    fn from_packed(packed: &[u8], len: usize) -> Result<Bitmap, CodecError> {
        let word = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        };
        let bitmap = Bitmap {
            words: packed.chunks(8).map(word).collect(),
            len,
        };
        let beyond = bitmap
            .words
            .last()
            .is_some_and(|last| !len.is_multiple_of(64) && last >> (len % 64) != 0);
        if beyond {
            Err(CodecError::OutOfRange)
        } else {
            Ok(bitmap)
        }
    }
}

fn put_positions(positions: impl Iterator<Item = usize>, count: usize, out: &mut Vec<u8>) {
    put_uvarint(out, count as u64);
    let mut last = -1;
    let distances: Vec<i64> = positions
        .map(|at| {
            let distance = at as i64 - last;
            last = at as i64;
            distance
        })
        .collect();
    int::encode(&distances, out);
}

fn take_positions(
    bytes: &mut &[u8],
    len: usize,
    mut each: impl FnMut(usize),
) -> Result<(), CodecError> {
    let count = take_len(bytes, len)?;
    let mut distances = Vec::new();
    int::decode(bytes, count, &mut distances)?;
    let mut next = 0usize;
    for distance in distances {
        let distance = usize::try_from(distance).map_err(|_| CodecError::OutOfRange)?;
        next = next
            .checked_add(distance)
            .filter(|next| distance > 0 && *next <= len)
            .ok_or(CodecError::OutOfRange)?;
        each(next - 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bits: &[bool]) -> Bitmap {
        let mut bitmap = Bitmap::default();
        bits.iter().for_each(|bit| bitmap.push(*bit));
        bitmap
    }

    fn check(bitmap: &Bitmap, bytes_at_most: usize) {
        let mut out = Vec::new();
        bitmap.encode(&mut out);
        assert!(out.len() <= bytes_at_most, "{} bytes", out.len());
        let mut bytes = out.as_slice();
        assert_eq!(&Bitmap::decode(&mut bytes, bitmap.len()).unwrap(), bitmap);
        assert!(bytes.is_empty());
    }

    #[test]
    fn few_of_a_kind_take_few_bytes() {
        check(&Bitmap::zeros(1000), 1);
        check(&Bitmap::ones(1000), 1);
        let mut one = Bitmap::zeros(1000);
        one.set(777);
        check(&one, 6);
        check(
            &of(&(0..1000).map(|i| i % 100 != 0).collect::<Vec<_>>()),
            16,
        );
        check(
            &of(&(0..1000).map(|i| i * i % 7 < 3).collect::<Vec<_>>()),
            126,
        );
    }

    proptest! {
        #[test]
        fn every_bitmap_comes_back(bits in prop::collection::vec(any::<bool>(), 0..300)) {
            let bitmap = of(&bits);
            check(&bitmap, bits.len() / 8 + 2);
            let ones = bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(at, _)| at);
            prop_assert!(bitmap.iter_ones().eq(ones));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), len in 0usize..300) {
            if let Ok(bitmap) = Bitmap::decode(&mut bytes.as_slice(), len) {
                prop_assert!(bitmap.iter_ones().all(|at| at < len));
            }
        }
    }
}
