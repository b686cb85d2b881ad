//! A float as its difference from the one before: equal ones take one bit.

use super::ChunkError;
use super::bits::{BitReader, BitWriter};

/// The most leading zeros that five bits can tell.
const LEADING_MAX: u32 = 31;

/// The float before, and which of its bits differed from its own predecessor.
#[derive(Clone, Copy, Debug)]
pub(super) struct XorValue {
    bits: u64,
    /// The zeros before and behind those bits; none before the first difference.
    window: Option<(u32, u32)>,
}

impl XorValue {
    /// Begins with a float that was written in full.
    pub(super) fn new(first: f64) -> XorValue {
        XorValue {
            bits: first.to_bits(),
            window: None,
        }
    }

    /// Writes the next float.
    pub(super) fn put(&mut self, out: &mut BitWriter<'_>, value: f64) {
        let difference = self.bits ^ value.to_bits();
        self.bits = value.to_bits();
        if difference == 0 {
            return out.bit(false);
        }
        let leading = difference.leading_zeros().min(LEADING_MAX);
        let trailing = difference.trailing_zeros();
        match self.window {
            Some((before, behind)) if leading >= before && trailing >= behind => {
                out.bits(0b10, 2);
                out.bits(difference >> behind, 64 - before - behind);
            }
            _ => {
                let len = 64 - leading - trailing;
                out.bits(0b11, 2);
                out.bits(u64::from(leading), 5);
                // 64 does not fit into six bits and is written as zero, which does not occur.
                out.bits(u64::from(len) & 63, 6);
                out.bits(difference >> trailing, len);
                self.window = Some((leading, trailing));
            }
        }
    }

    /// Reads the next float.
    pub(super) fn read(&mut self, bits: &mut BitReader<'_>) -> Result<f64, ChunkError> {
        if bits.bit()? {
            let (leading, trailing) = match (bits.bit()?, self.window) {
                (false, Some(window)) => window,
                (false, None) => (0, 0),
                (true, _) => read_window(bits)?,
            };
            self.window = Some((leading, trailing));
            let difference = bits.bits(64 - leading - trailing)?;
            self.bits ^= difference << trailing;
        }
        Ok(f64::from_bits(self.bits))
    }
}

fn read_window(bits: &mut BitReader<'_>) -> Result<(u32, u32), ChunkError> {
    let leading = bits.bits(5)? as u32;
    let len = match bits.bits(6)? as u32 {
        0 => 64,
        len => len,
    };
    let trailing = 64u32.checked_sub(leading + len).ok_or(ChunkError::Layout)?;
    Ok((leading, trailing))
}
