//! The labels of a series or an exemplar, as they were sent.
//!
//! In: field 1 of a message: label messages in version 1, references to symbols in version 2.
//! Out: pairs of bytes, unchecked.

use super::{Symbols, Version};
use crate::fault::Problem;
use crate::wire::{Cursor, Value};

/// A name and a value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pairs of name and value, in the order they were sent.
#[derive(Clone)]
pub struct LabelPairs<'r, 'a> {
    version: Version,
    rest: Cursor<'a>,
    /// The references that are left of the packed field that is being read.
    packed: Cursor<'a>,
    symbols: &'r Symbols<'a>,
}

impl<'r, 'a> LabelPairs<'r, 'a> {
    pub(super) fn new(
        version: Version,
        message: Cursor<'a>,
        symbols: &'r Symbols<'a>,
    ) -> LabelPairs<'r, 'a> {
        LabelPairs {
            version,
            rest: message,
            packed: Cursor::new(&[]),
            symbols,
        }
    }

    fn next_label(&mut self) -> Option<Result<Pair<'a>, Problem>> {
        while let Ok(Some((number, value))) = self.rest.field() {
            if let (1, Value::Bytes(label)) = (number, value) {
                return Some(read_label(label).ok_or(Problem::LabelMalformed));
            }
        }
        None
    }

    fn next_referred(&mut self) -> Option<Result<Pair<'a>, Problem>> {
        let name = self.next_reference()?;
        let value = self
            .next_reference()
            .unwrap_or(Err(Problem::LabelMalformed));
        let symbol = |reference: Result<u64, Problem>| {
            self.symbols.get(reference?).ok_or(Problem::UnknownSymbol)
        };
        Some(symbol(name).and_then(|name| Ok((name, symbol(value)?))))
    }

    fn next_reference(&mut self) -> Option<Result<u64, Problem>> {
        loop {
            if !self.packed.is_empty() {
                return Some(self.packed.varint().map_err(|_| {
                    self.packed = Cursor::new(&[]);
                    Problem::LabelMalformed
                }));
            }
            match self.rest.field() {
                Ok(Some((1, Value::Bytes(packed)))) => self.packed = packed,
                Ok(Some((1, Value::Varint(reference)))) => return Some(Ok(reference)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl<'a> Iterator for LabelPairs<'_, 'a> {
    type Item = Result<Pair<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.version {
            Version::One => self.next_label(),
            Version::Two => self.next_referred(),
        }
    }
}

fn read_label(mut label: Cursor<'_>) -> Option<Pair<'_>> {
    let (mut name, mut text) = (&[][..], &[][..]);
    while let Some((number, value)) = label.field().ok()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => name = bytes.rest(),
            (2, Value::Bytes(bytes)) => text = bytes.rest(),
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some((name, text))
}

/// Appends a label as a field of version 1's series.
pub(super) fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let field_len = |text: &[u8]| 1 + varint_len(text.len()) + text.len();
    out.push(0x0a);
    put_varint(out, field_len(name) + field_len(value));
    for (tag, text) in [(0x0a, name), (0x12, value)] {
        out.push(tag);
        put_varint(out, text.len());
        out.extend_from_slice(text);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}
