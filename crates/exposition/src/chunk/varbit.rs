//! Integers of 1 to 72 bits, in nine classes; small ones are short.

use super::ChunkError;
use super::bits::{BitReader, BitWriter};

/// Bits of the numbers of each class, after as many ones as the class has predecessors. Zero is a
/// class of its own; all classes but the last end their prefix with a zero bit.
const WIDTHS: [u32; 8] = [3, 6, 9, 12, 18, 25, 56, 64];

/// Writes a number that may be below zero. The class of `w` bits holds `-(2^(w-1) - 1)` to
/// `2^(w-1)`.
pub(super) fn put_int(out: &mut BitWriter<'_>, value: i64) {
    put(out, value as u64, |width| fits(value, width));
}

/// Writes a number that is not below zero.
pub(super) fn put_uint(out: &mut BitWriter<'_>, value: u64) {
    put(out, value, |width| value < 1 << width);
}

/// Tells whether a number is in the asymmetric range of so many bits, fewer than 64.
pub(super) fn fits(value: i64, width: u32) -> bool {
    let half = 1i64 << (width - 1);
    -half < value && value <= half
}

fn put(out: &mut BitWriter<'_>, value: u64, fits: impl Fn(u32) -> bool) {
    if value == 0 {
        return out.bit(false);
    }
    let shorter = &WIDTHS[..WIDTHS.len() - 1];
    match shorter.iter().position(|width| fits(*width)) {
        Some(class) => {
            // `class + 1` ones and a zero.
            out.bits((1 << (class + 2)) - 2, class as u32 + 2);
            out.bits(value, WIDTHS[class]);
        }
        None => {
            out.byte(0xff);
            out.bits(value, 64);
        }
    }
}

/// Reads a number that may be below zero.
pub(super) fn int(bits: &mut BitReader<'_>) -> Result<i64, ChunkError> {
    let (value, width) = read(bits)?;
    Ok(extended(value, width))
}

/// Gives a number of so many bits its sign.
pub(super) fn extended(value: u64, width: u32) -> i64 {
    if width == 64 || value <= 1 << (width - 1) {
        value as i64
    } else {
        value as i64 - (1 << width)
    }
}

/// Reads a number that is not below zero.
pub(super) fn uint(bits: &mut BitReader<'_>) -> Result<u64, ChunkError> {
    Ok(read(bits)?.0)
}

fn read(bits: &mut BitReader<'_>) -> Result<(u64, u32), ChunkError> {
    let mut ones = 0;
    while ones < WIDTHS.len() && bits.bit()? {
        ones += 1;
    }
    match ones.checked_sub(1) {
        None => Ok((0, 64)),
        Some(class) => {
            let width = WIDTHS[class];
            Ok((bits.bits(width)?, width))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_at_the_edges_of_their_classes() {
        let mut numbers = vec![0, i64::MIN, i64::MAX];
        for width in 1..64u32 {
            let half = 1i64 << (width - 1);
            numbers.extend([half - 1, half, half + 1, -half - 1, -half, 1 - half]);
        }
        for number in numbers {
            let mut bytes = Vec::new();
            let mut out = BitWriter::new(&mut bytes);
            put_int(&mut out, number);
            put_uint(&mut out, number as u64);
            let mut bits = BitReader::new(&bytes);
            assert_eq!(int(&mut bits), Ok(number));
            assert_eq!(uint(&mut bits), Ok(number as u64));
        }
    }

    #[test]
    fn small_numbers_are_short() {
        for (number, len) in [
            (0, 1),
            (4, 5),
            (-3, 5),
            (5, 9),
            (32, 9),
            (33, 13),
            (256, 13),
        ] {
            let mut bytes = Vec::new();
            let mut out = BitWriter::new(&mut bytes);
            put_int(&mut out, number);
            let mut bits = BitReader::new(&bytes);
            int(&mut bits).unwrap();
            assert_eq!(bytes.len() * 8 - bits.left(), len, "{number}");
        }
    }
}
