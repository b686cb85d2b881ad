//! How one value differs from its reference, in one byte and a few bits.
//!
//! In: a value and a reference. Out: a code (same, grown or shrunk by a number of so many bits,
//! stale, absent, or in another domain), the bits below the leading one, and in another domain the
//! code therein. The codes are a column of their own, because they compress; the bits do not.

use weft_codec::varint::take_byte;
use weft_model::sample::{STALE_NAN_BITS, stale_nan};

use super::PayloadError;
use super::bits::{BitReader, BitWriter};
use super::reference::{Domain, Reference};

/// The value is the reference.
const SAME: u8 = 0;
/// `GROWN + w`: greater by a number of `w` bits, 1 to 64.
const GROWN: u8 = 0;
/// `SHRUNK + w`: less by a number of `w` bits.
const SHRUNK: u8 = 64;
/// `MOVED + d`: in the domain `d` from now on; a code up to `SHRUNK + 64` follows in the extras.
const MOVED: u8 = 129;
/// The staleness marker.
const STALE: u8 = MOVED + Domain::COUNT;
/// The series has no value here.
const ABSENT: u8 = STALE + 1;

/// The columns of codes.
#[derive(Debug, Default)]
pub(super) struct CodeWriter {
    pub(super) codes: Vec<u8>,
    pub(super) extras: Vec<u8>,
    pub(super) bits: BitWriter,
}

impl CodeWriter {
    /// Appends that there is no value.
    #[inline]
    pub(super) fn absent(&mut self) {
        self.codes.push(ABSENT);
    }

    /// Appends a value and makes it the reference, unless it is the staleness marker.
    #[inline]
    pub(super) fn value(&mut self, value: f64, reference: &mut Reference) {
        if value.to_bits() == STALE_NAN_BITS {
            self.codes.push(STALE);
            return;
        }
        if let Some(integer) = reference.domain.integer(value) {
            let code = self.difference(reference.integer, integer);
            self.codes.push(code);
            reference.integer = integer;
        } else {
            self.moved(value, reference);
        }
    }

    fn moved(&mut self, value: f64, reference: &mut Reference) {
        let next = Reference::to(value);
        let before = reference.within(next.domain);
        let code = self.difference(before.integer, next.integer);
        self.codes.push(MOVED + next.domain.number());
        self.extras.push(code);
        *reference = next;
    }

    #[inline]
    fn difference(&mut self, before: i64, now: i64) -> u8 {
        let difference = now.wrapping_sub(before);
        if difference == 0 {
            return SAME;
        }
        let size = difference.unsigned_abs();
        let width = 64 - size.leading_zeros();
        self.bits.put(size ^ (1 << (width - 1)), width - 1);
        let side = if difference > 0 { GROWN } else { SHRUNK };
        side + width as u8
    }
}

/// Takes values back from the columns.
#[derive(Debug)]
pub(super) struct CodeReader<'a> {
    pub(super) extras: &'a [u8],
    pub(super) bits: BitReader<'a>,
}

impl CodeReader<'_> {
    /// Returns the value that `code` tells, or nothing if the series has none here.
    #[inline]
    pub(super) fn value(
        &mut self,
        code: u8,
        reference: &mut Reference,
    ) -> Result<Option<f64>, PayloadError> {
        match code {
            SAME => {}
            ABSENT => return Ok(None),
            STALE => return Ok(Some(stale_nan())),
            1..MOVED => reference.integer = self.apply(code, reference.integer)?,
            MOVED..STALE => {
                let domain = Domain::from_number(code - MOVED);
                let domain = domain.ok_or(PayloadError::Malformed("unknown domain"))?;
                let code = take_byte(&mut self.extras)?;
                if code >= MOVED {
                    return Err(PayloadError::Malformed("a code within a code"));
                }
                *reference = reference.within(domain);
                reference.integer = self.apply(code, reference.integer)?;
            }
            _ => return Err(PayloadError::Malformed("unknown code")),
        }
        Ok(Some(reference.value()))
    }

    /// Tells whether all was read.
    pub(super) fn is_done(&self) -> bool {
        self.extras.is_empty() && self.bits.is_done()
    }

    #[inline]
    fn apply(&mut self, code: u8, before: i64) -> Result<i64, PayloadError> {
        if code == SAME {
            return Ok(before);
        }
        let width = if code > SHRUNK {
            code - SHRUNK
        } else {
            code - GROWN
        };
        let below = u32::from(width) - 1;
        let size = (self.bits.take(below)? | 1 << below).cast_signed();
        Ok(if code > SHRUNK {
            before.wrapping_sub(size)
        } else {
            before.wrapping_add(size)
        })
    }
}
