//! Integers in as few bytes as they need: LEB128, and zigzag for signed ones.
//!
//! In: integers, appended to a buffer. Out: the same, taken from the front of a slice.
//! Bound: at most ten bytes each; longer runs are refused.

use crate::CodecError;

/// Appends an unsigned integer, seven bits per byte, the lowest first.
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes an unsigned integer from the front of `bytes`.
#[inline]
pub fn take_uvarint(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    if let Some((&byte, rest)) = bytes.split_first()
        && byte < 0x80
    {
        *bytes = rest;
        return Ok(u64::from(byte));
    }
    take_long(bytes)
}

fn take_long(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().enumerate() {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && byte > 1 {
            return Err(CodecError::Overlong);
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Ok(value);
        }
    }
    Err(CodecError::Truncated)
}

/// Takes an unsigned integer that must fit into a `usize` no greater than `most`.
#[inline]
pub fn take_len(bytes: &mut &[u8], most: usize) -> Result<usize, CodecError> {
    let value = take_uvarint(bytes)?;
    usize::try_from(value)
        .ok()
        .filter(|len| *len <= most)
        .ok_or(CodecError::OutOfRange)
}

/// Appends a signed integer, zigzag first.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, zigzag(value));
}

/// Takes a signed integer from the front of `bytes`.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Result<i64, CodecError> {
    take_uvarint(bytes).map(unzigzag)
}

/// Maps small magnitudes to small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes `len` bytes from the front of `bytes`.
#[inline]
pub fn take_bytes<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], CodecError> {
    let (run, rest) = bytes.split_at_checked(len).ok_or(CodecError::Truncated)?;
    *bytes = rest;
    Ok(run)
}

/// Takes one byte from the front of `bytes`.
#[inline]
pub fn take_byte(bytes: &mut &[u8]) -> Result<u8, CodecError> {
    let (&byte, rest) = bytes.split_first().ok_or(CodecError::Truncated)?;
    *bytes = rest;
    Ok(byte)
}

/// Appends a length and then the bytes.
pub fn put_run(out: &mut Vec<u8>, run: &[u8]) {
    put_uvarint(out, run.len() as u64);
    out.extend_from_slice(run);
}

/// Takes what [`put_run`] wrote.
pub fn take_run<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let len = take_uvarint(bytes)?;
    let len = usize::try_from(len).map_err(|_| CodecError::Truncated)?;
    take_bytes(bytes, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn more_than_64_bits_are_refused() {
        let mut long: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert_eq!(take_uvarint(&mut long), Err(CodecError::Overlong));
        let mut cut: &[u8] = &[0x80, 0x80];
        assert_eq!(take_uvarint(&mut cut), Err(CodecError::Truncated));
    }

    proptest! {
        #[test]
        fn integers_come_back(unsigned: u64, signed: i64) {
            let mut out = Vec::new();
            put_uvarint(&mut out, unsigned);
            put_varint(&mut out, signed);
            let mut bytes = out.as_slice();
            prop_assert_eq!(take_uvarint(&mut bytes), Ok(unsigned));
            prop_assert_eq!(take_varint(&mut bytes), Ok(signed));
            prop_assert!(bytes.is_empty());
        }
    }
}
