//! Numbers of one bit width, packed without gaps, the lowest bit first.
//!
//! In: `u64` values below `2^width`. Out: `ceil(count * width / 8)` bytes. Eight values fill
//! exactly `width` bytes, so that a group of eight is unpacked with constant shifts: one
//! monomorphic loop per width. Bound: widths 0 to 56, and 64.

use crate::CodecError;

/// The widest packing that is not whole words.
pub const WIDTH_MAX: u32 = 56;

/// Returns the width in which `value` is packed: its bits, or 64 for more than [`WIDTH_MAX`].
#[inline]
pub fn width_of(value: u64) -> u32 {
    match 64 - value.leading_zeros() {
        bits if bits > WIDTH_MAX => 64,
        bits => bits,
    }
}

/// Returns how many bytes `count` values of `width` bits take.
#[inline]
pub fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the low `width` bits of every value.
pub fn pack(values: impl ExactSizeIterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 64 {
        values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        return;
    }
    if width == 0 {
        return;
    }
    out.reserve(packed_len(values.len(), width) + 8);
    let mask = (1u64 << width) - 1;
    let (mut word, mut used) = (0u64, 0u32);
    for value in values {
        let value = value & mask;
        word |= value << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            word = value >> (width - used);
        }
    }
    let tail = word.to_le_bytes();
    out.extend_from_slice(&tail[..used.div_ceil(8) as usize]);
}

/// Takes `count` values of `width` bits from the front of `bytes` and appends `value + base`,
/// wrapping, to `out`.
pub fn unpack(
    bytes: &mut &[u8],
    count: usize,
    width: u32,
    base: i64,
    out: &mut Vec<i64>,
) -> Result<(), CodecError> {
    if width > WIDTH_MAX && width != 64 {
        return Err(CodecError::OutOfRange);
    }
    let packed = crate::varint::take_bytes(bytes, packed_len(count, width))?;
    let from = out.len();
    out.resize(from + count, base);
    unpack_width(packed, width, base, &mut out[from..]);
    Ok(())
}

macro_rules! by_width {
    ($packed:ident, $width:ident, $base:ident, $out:ident, [$($w:literal)*]) => {
        match $width {
            $($w => unpack_const::<$w>($packed, $base, $out),)*
            64 => unpack_words($packed, $base, $out),
            _ => {}
        }
    };
}

fn unpack_width(packed: &[u8], width: u32, base: i64, out: &mut [i64]) {
    by_width!(packed, width, base, out, [
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
        29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56
    ]);
}

fn unpack_words(packed: &[u8], base: i64, out: &mut [i64]) {
    for (word, out) in packed.as_chunks::<8>().0.iter().zip(out) {
        *out = base.wrapping_add(i64::from_le_bytes(*word));
    }
}

fn unpack_const<const W: usize>(packed: &[u8], base: i64, out: &mut [i64]) {
    let (groups, tail) = out.as_chunks_mut::<8>();
    let mut at = 0;
    for group in groups {
        match packed.get(at..at + W + 8) {
            Some(window) => unpack_group::<W>(window, base, group),
            None => unpack_group::<W>(&padded::<W>(&packed[at..]), base, group),
        }
        at += W;
    }
    if !tail.is_empty() {
        let mut group = [0; 8];
        unpack_group::<W>(&padded::<W>(&packed[at..]), base, &mut group);
        tail.copy_from_slice(&group[..tail.len()]);
    }
}

#[inline(always)]
fn unpack_group<const W: usize>(window: &[u8], base: i64, group: &mut [i64; 8]) {
    let window = &window[..W + 8];
    let mask = (1u64 << W) - 1;
    for (i, out) in group.iter_mut().enumerate() {
        let bit = i * W;
        let bytes = &window[bit / 8..bit / 8 + 8];
        let word = u64::from_le_bytes(bytes.try_into().expect("a window of eight bytes"));
        *out = base.wrapping_add(((word >> (bit % 8)) & mask) as i64);
    }
}

/// Returns the group that begins here with bytes to spare behind it.
fn padded<const W: usize>(packed: &[u8]) -> [u8; 64] {
    let mut window = [0; 64];
    let len = packed.len().min(W);
    window[..len].copy_from_slice(&packed[..len]);
    window
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: u32, count: usize) {
        let value = |i: usize| {
            let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if width == 64 {
                mixed
            } else {
                mixed & ((1 << width) - 1)
            }
        };
        let mut packed = Vec::new();
        pack((0..count).map(value), width, &mut packed);
        assert_eq!(packed.len(), packed_len(count, width), "{width} {count}");
        packed.push(0xff);
        let mut bytes = packed.as_slice();
        let mut out = vec![7];
        unpack(&mut bytes, count, width, 3, &mut out).unwrap();
        let expected = (0..count).map(|i| (value(i) as i64).wrapping_add(3));
        assert!(out[1..].iter().copied().eq(expected), "{width} {count}");
        assert_eq!(bytes, [0xff]);
        let mut short = &packed[..packed_len(count, width).saturating_sub(1)];
        if width > 0 && count > 0 {
            let cut = unpack(&mut short, count, width, 0, &mut out);
            assert_eq!(cut, Err(CodecError::Truncated));
        }
    }

    #[test]
    fn every_width_comes_back_at_every_alignment() {
        for width in (0..=WIDTH_MAX).chain([64]) {
            for count in [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 200] {
                check(width, count);
            }
        }
    }
}
