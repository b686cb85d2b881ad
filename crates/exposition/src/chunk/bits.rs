//! Bits in the order of Prometheus's chunks: from the highest bit of a byte to the lowest.

use super::ChunkError;

/// Appends bits to bytes.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// How many bits of the last byte are still free.
    free: u32,
}

impl<'a> BitWriter<'a> {
    /// Begins with the next whole byte.
    pub(super) fn new(out: &'a mut Vec<u8>) -> BitWriter<'a> {
        BitWriter { out, free: 0 }
    }

    pub(super) fn bit(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    /// Appends the lowest `count` bits of `value`, at most 64.
    pub(super) fn bits(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            left -= taken;
            let piece = (value >> left) as u8 & (0xff >> (8 - taken));
            self.free -= taken;
            if let Some(last) = self.out.last_mut() {
                *last |= piece << self.free;
            }
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bits(u64::from(byte), 8);
    }
}

/// Takes bits from bytes.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The position of the next bit.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    pub(super) fn bit(&mut self) -> Result<bool, ChunkError> {
        Ok(self.bits(1)? == 1)
    }

    /// Takes the next `count` bits, at most 64.
    pub(super) fn bits(&mut self, count: u32) -> Result<u64, ChunkError> {
        if self.at + count as usize > self.bytes.len() * 8 {
            return Err(ChunkError::Truncated);
        }
        let (mut value, mut left) = (0, count);
        while left > 0 {
            let within = (self.at % 8) as u32;
            let taken = left.min(8 - within);
            let byte = self.bytes[self.at / 8];
            let piece = byte >> (8 - within - taken) & (0xff >> (8 - taken));
            value = value << taken | u64::from(piece);
            self.at += taken as usize;
            left -= taken;
        }
        Ok(value)
    }

    pub(super) fn byte(&mut self) -> Result<u8, ChunkError> {
        Ok(self.bits(8)? as u8)
    }

    /// Returns how many bits are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// Reads a little-endian base-128 number, each byte from wherever the last one ended.
    pub(super) fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ChunkError::Truncated)
    }
}
