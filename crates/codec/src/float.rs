//! Columns of floats, bit by bit what they were.
//!
//! In: `f64` values, any: negative zero, infinities, NaNs with their payloads, staleness markers.
//! Out: a head byte and an integer column. What people measure is mostly decimal: such values are
//! written as integers times a power of ten common to the column, and what does not fit is listed
//! beside. A column whose values are such integers times, or twice divided by, a power of ten says
//! so in a byte of its own. True floats are written as their bits, which order as integers do.
//! Bound: [`COUNT_MAX`](crate::COUNT_MAX) values; at most 9 bytes a value and 34 of overhead.

use crate::varint::{put_uvarint, take_byte, take_bytes, take_len};
use crate::{CodecError, int};

mod decimal;

use decimal::{EXPONENT_MAX, Form, POWERS, Scale};

/// In the head byte: the exponent of ten, negated.
const EXPONENT: u8 = 0x0f;
/// In the head byte: a byte follows that says by how many bits all integers are to be shifted.
const SHIFTED: u8 = 0x10;
/// In the head byte: a list of values follows that are not decimal.
const EXCEPTIONS: u8 = 0x20;
/// In the head byte: the integers are bits of floats, not decimals.
const BITS: u8 = 0x40;
/// In the head byte: a byte follows that says how floats come from integers, if not by division.
const FORMED: u8 = 0x80;

/// From this exponent on decimals are looked at twice: products mostly round to such.
const LONG: u8 = 9;

/// Of how many values one may be an exception where they have another form than quotients.
const ONE_STRANGER_IN: usize = 16;

/// Appends a column; the count is the caller's to keep.
///
/// # Panics
///
/// If there are more than [`COUNT_MAX`](crate::COUNT_MAX) values.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    encode_with(values, out, &mut Vec::new());
}

/// Does what [`encode`] does, with a buffer that may be used again.
pub fn encode_with(values: &[f64], out: &mut Vec<u8>, scratch: &mut Vec<i64>) {
    scratch.clear();
    if values.is_empty() {
        return;
    }
    let Some((scale, exceptions)) = scaled(values, scratch) else {
        return encode_bits(values, out, scratch);
    };
    let shift = common_shift(scratch);
    let mut head = scale.exponent();
    if shift > 0 {
        head |= SHIFTED;
    }
    if !exceptions.is_empty() {
        head |= EXCEPTIONS;
    }
    if scale.form() != Form::Quotient {
        out.push(head | FORMED);
        out.push(scale.form().code());
    } else {
        out.push(head);
    }
    if shift > 0 {
        out.push(shift as u8);
        scratch.iter_mut().for_each(|value| *value >>= shift);
    }
    if !exceptions.is_empty() {
        encode_exceptions(values, &exceptions, out);
    }
    int::encode(scratch, out);
}

/// Puts the integers of a column into `scratch` if it is decimal. Returns its scale and the places of
/// values that have no integer.
fn scaled(values: &[f64], scratch: &mut Vec<i64>) -> Option<(Scale, Vec<usize>)> {
    let mut exceptions = Vec::new();
    let quotients = Scale::choose(values);
    if let Some(scale) = quotients {
        scale.apply(values, scratch, &mut exceptions);
        if exceptions.is_empty() && scale.exponent() < LONG {
            return Some((scale, exceptions));
        }
    }
    let strangers = match quotients {
        // Integers of so many digits are dearer than some exceptions.
        Some(scale) if scale.exponent() < LONG => exceptions.len(),
        _ => usize::MAX,
    };
    let strangers = strangers.min(values.len() / ONE_STRANGER_IN + 1);
    let Some(other) = Scale::choose_other(values, strangers) else {
        return quotients.map(|scale| (scale, exceptions));
    };
    scratch.clear();
    exceptions.clear();
    other.apply(values, scratch, &mut exceptions);
    Some((other, exceptions))
}

/// Takes a column of `count` values from the front of `bytes` and appends them to `out`, which is
/// left as it was when the bytes are at fault.
pub fn decode(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    decode_with(bytes, count, out, &mut Vec::new())
}

/// Does what [`decode`] does, with a buffer that may be used again.
pub fn decode_with(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<f64>,
    scratch: &mut Vec<i64>,
) -> Result<(), CodecError> {
    scratch.clear();
    if count == 0 {
        return Ok(());
    }
    let head = take_byte(bytes)?;
    let form = if head & FORMED == 0 {
        Form::Quotient
    } else {
        let code = take_byte(bytes)?;
        let form = Form::from_code(code).filter(|_| head & BITS == 0);
        form.ok_or(CodecError::UnknownTag(code))?
    };
    let shift = if head & SHIFTED == 0 {
        0
    } else {
        take_byte(bytes)? & 63
    };
    let exceptions = if head & EXCEPTIONS == 0 {
        Vec::new()
    } else {
        take_exceptions(bytes, count)?
    };
    int::decode(bytes, count, scratch)?;
    let from = out.len();
    match (head & BITS != 0, head & EXPONENT) {
        (_, exponent) if form != Form::Quotient => {
            let float = |v: &i64| form.float(*v << shift, usize::from(exponent));
            out.extend(scratch.iter().map(float));
        }
        (true, _) => out.extend(scratch.iter().map(|v| f64::from_bits((*v as u64) << shift))),
        (false, 0) => out.extend(scratch.iter().map(|v| (*v << shift) as f64)),
        (false, exponent) => {
            let power = POWERS[usize::from(exponent)];
            out.extend(scratch.iter().map(|v| (*v << shift) as f64 / power));
        }
    }
    for (at, bits) in exceptions {
        out[from + at] = f64::from_bits(bits);
    }
    Ok(())
}

/// Writes the bits as integers, without the zeros that all have at their end.
fn encode_bits(values: &[f64], out: &mut Vec<u8>, scratch: &mut Vec<i64>) {
    scratch.extend(values.iter().map(|value| value.to_bits() as i64));
    let shift = common_shift(scratch);
    out.push(BITS | if shift > 0 { SHIFTED } else { 0 });
    if shift > 0 {
        out.push(shift as u8);
        scratch
            .iter_mut()
            .for_each(|value| *value = (*value as u64 >> shift) as i64);
    }
    int::encode(scratch, out);
}

/// Returns how many low bits are zero in all integers; sizes in whole pages have ten or more.
fn common_shift(values: &[i64]) -> u32 {
    let all = values.iter().fold(0, |all, value| all | value);
    if all == 0 { 0 } else { all.trailing_zeros() }
}

fn encode_exceptions(values: &[f64], exceptions: &[usize], out: &mut Vec<u8>) {
    put_uvarint(out, exceptions.len() as u64);
    let mut last = 0;
    for &at in exceptions {
        put_uvarint(out, (at - last) as u64);
        out.extend_from_slice(&values[at].to_bits().to_le_bytes());
        last = at;
    }
}

fn take_exceptions(bytes: &mut &[u8], count: usize) -> Result<Vec<(usize, u64)>, CodecError> {
    let len = take_len(bytes, count)?;
    // Each takes nine bytes at least: what is not there is not allocated for.
    let mut exceptions = Vec::with_capacity(len.min(bytes.len() / 9));
    let mut at = 0;
    for _ in 0..len {
        at += take_len(bytes, count)?;
        if at >= count {
            return Err(CodecError::OutOfRange);
        }
        let bits = take_bytes(bytes, 8)?
            .try_into()
            .expect("eight bytes were taken");
        exceptions.push((at, u64::from_le_bytes(bits)));
    }
    Ok(exceptions)
}

const _: () = assert!(
    EXPONENT_MAX <= EXPONENT as usize,
    "the head byte holds every exponent"
);

#[cfg(test)]
mod tests;
