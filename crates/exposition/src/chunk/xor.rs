//! Chunks of floats: times as differences of differences, values as differences of bits.

use super::bits::{BitReader, BitWriter};
use super::varbit::{extended, fits};
use super::xor_value::XorValue;
use super::{ChunkError, split_count};
use crate::wire::put_varint;
use crate::wire::writer::zigzag;

/// Bits of the three middle classes of time differences.
const WIDTHS: [u32; 3] = [14, 17, 20];

/// Returns a chunk of these samples, which are not more than 65,535.
pub(super) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut out = (times.len() as u16).to_be_bytes().to_vec();
    let (Some(&first_time), Some(&first_value)) = (times.first(), values.first()) else {
        return out;
    };
    put_varint(&mut out, zigzag(first_time));
    out.extend_from_slice(&first_value.to_bits().to_be_bytes());
    let (mut time, mut step) = (first_time, 0);
    if let Some(&second) = times.get(1) {
        step = second.wrapping_sub(time);
        time = second;
        put_varint(&mut out, step as u64);
    }
    let mut value = XorValue::new(first_value);
    let mut bits = BitWriter::new(&mut out);
    for (i, &next) in values.iter().enumerate().skip(1) {
        if i > 1 {
            let next_step = times[i].wrapping_sub(time);
            put_time(&mut bits, next_step.wrapping_sub(step));
            (time, step) = (times[i], next_step);
        }
        value.put(&mut bits, next);
    }
    out
}

fn put_time(out: &mut BitWriter<'_>, change: i64) {
    if change == 0 {
        return out.bit(false);
    }
    match WIDTHS.iter().position(|width| fits(change, *width)) {
        Some(class) => {
            out.bits((1 << (class + 2)) - 2, class as u32 + 2);
            out.bits(change as u64, WIDTHS[class]);
        }
        None => {
            out.bits(0b1111, 4);
            out.bits(change as u64, 64);
        }
    }
}

/// Returns the samples of a chunk.
pub(super) fn decode(data: &[u8]) -> Result<Vec<(i64, f64)>, ChunkError> {
    let (count, rest) = split_count(data)?;
    let mut samples = Vec::new();
    if count == 0 {
        return Ok(samples);
    }
    let mut bits = BitReader::new(rest);
    let mut time = crate::wire::zigzag(bits.varint()?);
    let first = f64::from_bits(bits.bits(64)?);
    samples.push((time, first));
    let (mut step, mut value) = (0i64, XorValue::new(first));
    for i in 1..count {
        step = match i {
            1 => bits.varint()? as i64,
            _ => step.wrapping_add(read_time(&mut bits)?),
        };
        time = time.wrapping_add(step);
        samples.push((time, value.read(&mut bits)?));
    }
    Ok(samples)
}

fn read_time(bits: &mut BitReader<'_>) -> Result<i64, ChunkError> {
    let mut ones = 0;
    while ones < 4 && bits.bit()? {
        ones += 1;
    }
    match ones {
        0 => Ok(0),
        4 => Ok(bits.bits(64)? as i64),
        class => {
            let width = WIDTHS[class - 1];
            Ok(extended(bits.bits(width)?, width))
        }
    }
}
