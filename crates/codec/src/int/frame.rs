//! A frame of reference: values packed as their distance from a base, outliers beside.
//!
//! In: values. Out: the base, the packed distances, then the outliers as positions and distances.
//! The base and the width are the ones that cost least; outliers may lie on both sides.

use crate::CodecError;
use crate::bitpack::{pack, unpack, width_of};
use crate::varint::{put_uvarint, put_varint, take_len, take_varint, zigzag};

/// What one exception costs beside its bits: its position and the rounding to bytes.
const EXCEPTION_OVERHEAD_BITS: usize = 12;

/// From how many bits a value on the base is sought that is not the minimum.
const WORTH_A_SECOND_LOOK_BITS: usize = 4;

/// Columns shorter than this are packed without exceptions.
const WORTH_EXCEPTIONS: usize = 10;

/// How to pack a column.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    base: i64,
    /// Bits of one packed distance.
    pub(super) width: u32,
    /// How many values do not fit into the width.
    pub(super) exceptions: usize,
    cost_bits: usize,
}

/// What the tag of a packed column says.
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) has_exceptions: bool,
}

impl Frame {
    /// Returns the cheapest frame, or one close to it. There must be a value.
    pub(super) fn choose(values: &[i64]) -> Frame {
        let lowest = values.iter().copied().min().unwrap_or_default();
        if values.len() < WORTH_EXCEPTIONS {
            return Frame::plain(values, lowest);
        }
        let from_lowest = Frame::with_base(values, lowest);
        if from_lowest.cost_bits <= values.len() * WORTH_A_SECOND_LOOK_BITS {
            return from_lowest;
        }
        let mut copy = values.to_vec();
        let low = copy.len() / 8;
        let (_, &mut base, _) = copy.select_nth_unstable(low);
        if base == lowest {
            return from_lowest;
        }
        let from_low = Frame::with_base(values, base);
        if from_low.cost_bits < from_lowest.cost_bits {
            from_low
        } else {
            from_lowest
        }
    }

    /// Returns the frame with this base into which all values fit.
    fn plain(values: &[i64], base: i64) -> Frame {
        let distances = values.iter().map(|value| value.wrapping_sub(base) as u64);
        let width = width_of(distances.fold(0, |all, distance| all | distance));
        Frame {
            base,
            width,
            exceptions: 0,
            cost_bits: values.len() * width as usize,
        }
    }

    /// Returns the cheapest frame with this base.
    fn with_base(values: &[i64], base: i64) -> Frame {
        let mut with_width = [0u32; 65];
        let mut exception_bits_of = [0u32; 65];
        for value in values {
            let distance = value.wrapping_sub(base);
            let bits = 64 - (distance as u64).leading_zeros() as usize;
            with_width[bits] += 1;
            exception_bits_of[bits] += 64 - zigzag(distance).leading_zeros();
        }
        let widest = with_width.iter().rposition(|n| *n > 0).unwrap_or(0);
        let packed_width = |bits: usize| if bits > 56 { 64 } else { bits };
        let mut best = Frame {
            base,
            width: packed_width(widest) as u32,
            exceptions: 0,
            cost_bits: values.len() * packed_width(widest),
        };
        let (mut exceptions, mut exception_bits) = (0, 0);
        for width in (0..widest).rev() {
            exceptions += with_width[width + 1] as usize;
            exception_bits += exception_bits_of[width + 1] as usize;
            let cost_bits = values.len() * packed_width(width)
                + exceptions * EXCEPTION_OVERHEAD_BITS
                + exception_bits;
            if cost_bits < best.cost_bits && width <= 56 {
                best = Frame {
                    base,
                    width: width as u32,
                    exceptions,
                    cost_bits,
                };
            }
        }
        best
    }

    /// Returns about how many bits [`Frame::encode`] writes.
    pub(super) fn cost(&self) -> usize {
        self.cost_bits
    }

    pub(super) fn encode(&self, values: &[i64], out: &mut Vec<u8>) {
        put_varint(out, self.base);
        let distance = |value: &i64| value.wrapping_sub(self.base) as u64;
        pack(values.iter().map(distance), self.width, out);
        if self.exceptions == 0 {
            return;
        }
        put_uvarint(out, self.exceptions as u64);
        let mut last = 0;
        for (at, value) in values.iter().enumerate() {
            if width_of(distance(value)) > self.width {
                put_uvarint(out, (at - last) as u64);
                put_varint(out, value.wrapping_sub(self.base));
                last = at;
            }
        }
    }
}

impl Layout {
    /// Takes `count` values and appends them to `out`.
    pub(super) fn decode(
        &self,
        bytes: &mut &[u8],
        count: usize,
        out: &mut Vec<i64>,
    ) -> Result<(), CodecError> {
        let base = take_varint(bytes)?;
        let from = out.len();
        unpack(bytes, count, self.width, base, out)?;
        if !self.has_exceptions {
            return Ok(());
        }
        let exceptions = take_len(bytes, count)?;
        let mut at = 0;
        for _ in 0..exceptions {
            at += take_len(bytes, count)?;
            let slot = out.get_mut(from + at).ok_or(CodecError::OutOfRange)?;
            *slot = base.wrapping_add(take_varint(bytes)?);
        }
        Ok(())
    }
}
