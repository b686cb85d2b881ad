//! A run of bits, the lowest first.
//!
//! In: numbers with their widths. Out: the same numbers, given the same widths.
//! Bound: reading past the end is an error.

use weft_codec::CodecError;

/// Appends numbers of 0 to 64 bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    open: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the low `width` bits of `value`; the others must be 0.
    #[inline]
    pub(super) fn put(&mut self, value: u64, width: u32) {
        debug_assert!(width == 64 || value >> width == 0, "wider than said");
        if width == 0 {
            return;
        }
        self.open |= value << self.filled;
        let room = 64 - self.filled;
        if width < room {
            self.filled += width;
            return;
        }
        self.bytes.extend_from_slice(&self.open.to_le_bytes());
        self.filled = width - room;
        self.open = if room == 64 { 0 } else { value >> room };
    }

    /// Returns the bytes, the last one filled up with zeros.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = self.filled.div_ceil(8) as usize;
        self.bytes
            .extend_from_slice(&self.open.to_le_bytes()[..rest]);
        self.bytes
    }
}

/// Takes numbers back.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Returns a reader at the first bit.
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// Takes the next `width` bits, at most 64.
    #[inline]
    pub(super) fn take(&mut self, width: u32) -> Result<u64, CodecError> {
        if width == 0 {
            return Ok(0);
        }
        let end = self.at + width as usize;
        if end > self.bytes.len() * 8 {
            return Err(CodecError::Truncated);
        }
        let (byte, bit) = (self.at / 8, self.at % 8);
        self.at = end;
        let low = self.word(byte) >> bit;
        let value = if bit + width as usize > 64 {
            low | u64::from(self.bytes[byte + 8]) << (64 - bit)
        } else {
            low
        };
        Ok(value & (u64::MAX >> (64 - width)))
    }

    /// Tells whether only filling is left.
    pub(super) fn is_done(&self) -> bool {
        self.bytes.len() == self.at.div_ceil(8)
    }

    #[inline]
    fn word(&self, byte: usize) -> u64 {
        match self.bytes[byte..].first_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => {
                let mut word = [0; 8];
                let tail = &self.bytes[byte..];
                word[..tail.len()].copy_from_slice(tail);
                u64::from_le_bytes(word)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_back(numbers in proptest::collection::vec((any::<u64>(), 0u32..=64), 0..60)) {
            let narrow = |(value, width): (u64, u32)| match width {
                0 => (0, 0),
                width => (value & (u64::MAX >> (64 - width)), width),
            };
            let numbers: Vec<_> = numbers.into_iter().map(narrow).collect();
            let mut writer = BitWriter::default();
            for (value, width) in &numbers {
                writer.put(*value, *width);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (value, width) in &numbers {
                prop_assert_eq!(reader.take(*width), Ok(*value));
            }
            prop_assert!(reader.is_done());
            prop_assert_eq!(reader.take(8), Err(CodecError::Truncated));
        }
    }
}
