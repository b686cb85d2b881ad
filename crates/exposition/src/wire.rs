//! A walk over protobuf bytes, without schema, copies or recursion.
//!
//! In: a message. Out: its fields in order, or where it is broken. Groups are refused, as they
//! are the only way to nest without a length.

pub(crate) mod writer;

use thiserror::Error;

pub(crate) use writer::{Writer, put_varint};

/// The bytes are not what the format allows.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("read message at byte {offset}: {flaw}")]
pub struct Malformed {
    /// How many bytes of the request precede the flaw.
    pub offset: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    /// It ends inside of a field.
    #[error("the message ends inside of a field")]
    Truncated,
    /// A varint has more than ten bytes.
    #[error("a number has more than ten bytes")]
    Varint,
    /// A field has the number zero, or one past 2^29.
    #[error("a field number is out of range")]
    FieldNumber,
    /// A field begins a group or has a wire type that does not exist.
    #[error("a field has an unknown wire type")]
    WireType,
    /// A known field has another type than the format says.
    #[error("a field has the wrong type")]
    FieldType,
    /// A table or list is longer than is admitted.
    #[error("a list has more items than are admitted")]
    TooMany,
    /// The request has more than 2^32 bytes.
    #[error("the request is longer than is admitted")]
    TooLong,
}

/// The content of a field.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(Cursor<'a>),
    Fixed32,
}

/// What is left of a message, and where in the request it lies.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// The offset in the request at which `rest` ends.
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Cursor<'a> {
        Cursor {
            rest: message,
            end: message.len(),
        }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn flawed(&self, flaw: Flaw) -> Malformed {
        Malformed {
            offset: self.end - self.rest.len(),
            flaw,
        }
    }

    /// Reads the next field, or nothing at the end of the message.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or(u32::MAX);
        if number == 0 || number >= 1 << 29 {
            return Err(self.flawed(Flaw::FieldNumber));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => Value::Bytes(self.message()?),
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            _ => return Err(self.flawed(Flaw::WireType)),
        };
        Ok(Some((number, value)))
    }

    /// Returns what follows the first `len` bytes.
    #[inline]
    pub(crate) fn after(&self, len: usize) -> Cursor<'a> {
        Cursor {
            rest: self.rest.get(len..).unwrap_or_default(),
            end: self.end,
        }
    }

    /// Skips as many fields as begin with the byte `tag` and hold bytes; returns what they span.
    #[inline]
    pub(crate) fn run_of(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let before = self.rest;
        while let [first, len, ..] = *self.rest
            && first == tag
        {
            let short = usize::from(len) + 2;
            if len < 0x80 && short <= self.rest.len() {
                self.rest = &self.rest[short..];
                continue;
            }
            self.rest = &self.rest[1..];
            self.message()?;
        }
        Ok(&before[..before.len() - self.rest.len()])
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        match *self.rest {
            [low, ..] if low < 0x80 => {
                self.rest = &self.rest[1..];
                Ok(u64::from(low))
            }
            _ => self.long_varint(),
        }
    }

    /// Reads a number of several bytes: those of up to eight at once, without a loop.
    #[inline]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let Some(eight) = self.rest.first_chunk::<8>() else {
            return self.odd_varint();
        };
        let word = u64::from_le_bytes(*eight);
        let last_bytes = !word & 0x8080_8080_8080_8080;
        if last_bytes == 0 {
            return self.odd_varint();
        }
        let bits = last_bytes.trailing_zeros() + 1;
        self.rest = &self.rest[bits as usize / 8..];
        let sevens = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let pairs = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        Ok(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4)
    }

    /// Reads a number near the end of the message, or one of more than eight bytes.
    fn odd_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        let cut_short = self.rest.len() < 10;
        Err(self.flawed(if cut_short {
            Flaw::Truncated
        } else {
            Flaw::Varint
        }))
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Malformed> {
        let Some((eight, rest)) = self.rest.split_first_chunk::<8>() else {
            return Err(self.flawed(Flaw::Truncated));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*eight))
    }

    /// Reads a length and what it spans.
    #[inline]
    fn message(&mut self) -> Result<Cursor<'a>, Malformed> {
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        self.take(len)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<Cursor<'a>, Malformed> {
        if len > self.rest.len() {
            return Err(self.flawed(Flaw::Truncated));
        }
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(Cursor {
            rest: taken,
            end: self.end - rest.len(),
        })
    }
}

impl<'a> Value<'a> {
    /// Returns the bytes of a field that must hold bytes.
    #[inline]
    pub(crate) fn bytes(self, at: &Cursor<'_>) -> Result<Cursor<'a>, Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(at.flawed(Flaw::FieldType)),
        }
    }

    /// Returns the number of a field that must hold a varint.
    #[inline]
    pub(crate) fn number(self, at: &Cursor<'_>) -> Result<u64, Malformed> {
        match self {
            Value::Varint(number) => Ok(number),
            _ => Err(at.flawed(Flaw::FieldType)),
        }
    }

    /// Returns the number of a field that must hold a double.
    #[inline]
    pub(crate) fn double(self, at: &Cursor<'_>) -> Result<f64, Malformed> {
        match self {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(at.flawed(Flaw::FieldType)),
        }
    }
}

/// Undoes the zigzag of `sint32` and `sint64`.
pub(crate) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
