//! Columns of integers: per column the cheapest of five layouts.
//!
//! In: `i64` values, any. Out: a tag byte and what the layout needs. The layouts are: one value;
//! a progression; sparse changes; and, bit-packed from a common base with exceptions for
//! outliers, the values themselves or their differences. Differences wrap, so nothing overflows.
//! Bound: [`COUNT_MAX`] values; at most 9 bytes a value and 24 of overhead.

use crate::varint::{put_uvarint, put_varint, take_byte, take_len, take_varint};
use crate::{COUNT_MAX, CodecError};

mod frame;

use frame::Frame;

const CONSTANT: u8 = 0;
const PROGRESSION: u8 = 1;
const SPARSE: u8 = 2;
/// Tags from here on are frames, see [`frame_tag`].
const FRAME: u8 = 3;

/// What a layout with its own sub-columns costs before its first change, in bits.
const SPARSE_OVERHEAD_BITS: usize = 80;

/// Appends a column; the count is the caller's to keep.
///
/// # Panics
///
/// If there are more than [`COUNT_MAX`] values.
pub fn encode(values: &[i64], out: &mut Vec<u8>) {
    assert!(
        values.len() <= COUNT_MAX,
        "a column has at most COUNT_MAX values"
    );
    let Some((&first, rest)) = values.split_first() else {
        return;
    };
    if rest.iter().all(|value| *value == first) {
        out.push(CONSTANT);
        return put_varint(out, first);
    }
    let deltas: Vec<i64> = values.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
    if deltas.iter().all(|delta| *delta == deltas[0]) {
        out.push(PROGRESSION);
        put_varint(out, first);
        return put_varint(out, deltas[0]);
    }
    let of_deltas = Frame::choose(&deltas);
    let of_values = Frame::choose(values);
    let sparse_bits = sparse_cost(&deltas);
    if sparse_bits < of_values.cost().min(of_deltas.cost()) {
        return encode_sparse(first, &deltas, out);
    }
    if of_values.cost() <= of_deltas.cost() {
        out.push(frame_tag(&of_values, Subject::Values));
        of_values.encode(values, out);
    } else {
        out.push(frame_tag(&of_deltas, Subject::Deltas));
        put_varint(out, first);
        of_deltas.encode(&deltas, out);
    }
}

/// Takes a column of `count` values from the front of `bytes` and appends them to `out`, which is
/// left as it was when the bytes are at fault.
pub fn decode(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    if count > COUNT_MAX {
        return Err(CodecError::TooMany(count));
    }
    let from = out.len();
    let result = if count == 0 {
        Ok(())
    } else {
        decode_some(bytes, count, out, Depth::Outer)
    };
    if result.is_err() {
        out.truncate(from);
    }
    result
}

/// Whether a column is part of a sparse one, which cannot itself be sparse.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Outer,
    Inner,
}

fn decode_some(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<i64>,
    depth: Depth,
) -> Result<(), CodecError> {
    let from = out.len();
    match take_byte(bytes)? {
        CONSTANT => out.resize(from + count, take_varint(bytes)?),
        PROGRESSION => {
            let first = take_varint(bytes)?;
            let step = take_varint(bytes)?;
            let nth = |i: usize| first.wrapping_add(step.wrapping_mul(i as i64));
            out.extend((0..count).map(nth));
        }
        SPARSE if depth == Depth::Outer => decode_sparse(bytes, count, out)?,
        tag => {
            let (frame, subject) = read_frame_tag(tag)?;
            match subject {
                Subject::Values => frame.decode(bytes, count, out)?,
                Subject::Deltas => {
                    out.push(take_varint(bytes)?);
                    frame.decode(bytes, count - 1, out)?;
                    accumulate(&mut out[from..]);
                }
            }
        }
    }
    Ok(())
}

/// Turns a first value and differences into values.
fn accumulate(column: &mut [i64]) {
    let mut sum = 0i64;
    for value in column {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

/// What a frame packs.
#[derive(Clone, Copy, PartialEq)]
enum Subject {
    Values,
    Deltas,
}

/// Width, subject and the presence of exceptions in one byte; 57 stands for 64 bits.
fn frame_tag(frame: &Frame, subject: Subject) -> u8 {
    let width = frame.width.min(57) as u8;
    FRAME + width * 4 + u8::from(subject == Subject::Deltas) * 2 + u8::from(frame.exceptions > 0)
}

fn read_frame_tag(tag: u8) -> Result<(frame::Layout, Subject), CodecError> {
    let code = tag.checked_sub(FRAME).ok_or(CodecError::UnknownTag(tag))?;
    let width = match code / 4 {
        57 => 64,
        width if width < 57 => u32::from(width),
        _ => return Err(CodecError::UnknownTag(tag)),
    };
    let subject = if code & 2 == 0 {
        Subject::Values
    } else {
        Subject::Deltas
    };
    Ok((
        frame::Layout {
            width,
            has_exceptions: code & 1 == 1,
        },
        subject,
    ))
}

fn sparse_cost(deltas: &[i64]) -> usize {
    let mut changes = 0;
    let mut all = 0u64;
    for delta in deltas {
        changes += usize::from(*delta != 0);
        all |= crate::varint::zigzag(*delta);
    }
    let gap_bits = ((deltas.len() / changes.max(1)) * 2).max(1).ilog2() as usize + 1;
    let delta_bits = 64 - all.leading_zeros() as usize;
    SPARSE_OVERHEAD_BITS + changes * (gap_bits + delta_bits)
}

/// Writes how many changes there are, the first value, then two columns: the distance of each
/// change to the one before, and its difference.
fn encode_sparse(first: i64, deltas: &[i64], out: &mut Vec<u8>) {
    let (mut gaps, mut changes) = (Vec::new(), Vec::new());
    let mut last = -1i64;
    for (at, delta) in deltas.iter().enumerate().filter(|(_, delta)| **delta != 0) {
        gaps.push(at as i64 - last);
        changes.push(*delta);
        last = at as i64;
    }
    out.push(SPARSE);
    put_uvarint(out, changes.len() as u64);
    put_varint(out, first);
    encode_inner(&gaps, out);
    encode_inner(&changes, out);
}

/// Writes a column without looking for sparseness.
fn encode_inner(values: &[i64], out: &mut Vec<u8>) {
    if values.iter().all(|value| *value == values[0]) {
        out.push(CONSTANT);
        return put_varint(out, values[0]);
    }
    let frame = Frame::choose(values);
    out.push(frame_tag(&frame, Subject::Values));
    frame.encode(values, out);
}

fn decode_sparse(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    let changes = take_len(bytes, count - 1)?;
    let mut value = take_varint(bytes)?;
    if changes == 0 {
        return Err(CodecError::OutOfRange);
    }
    let mut columns = Vec::with_capacity(2 * changes);
    decode_some(bytes, changes, &mut columns, Depth::Inner)?;
    decode_some(bytes, changes, &mut columns, Depth::Inner)?;
    let (gaps, deltas) = columns.split_at(changes);
    let end = out.len() + count;
    for (gap, delta) in gaps.iter().zip(deltas) {
        let gap = usize::try_from(*gap).map_err(|_| CodecError::OutOfRange)?;
        // The run ends before the change, so that there is room for the changed value.
        let run_end = out
            .len()
            .checked_add(gap)
            .filter(|run_end| gap > 0 && *run_end < end);
        out.resize(run_end.ok_or(CodecError::OutOfRange)?, value);
        value = value.wrapping_add(*delta);
    }
    out.resize(end, value);
    Ok(())
}

#[cfg(test)]
mod tests;
