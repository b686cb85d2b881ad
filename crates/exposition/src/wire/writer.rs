//! Writes protobuf messages.
//!
//! In: fields in any order. Out: their bytes; a field with its type's zero is left out, as
//! protobuf 3 does. Bound: what the caller writes; a nested message is written in place.

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Writes an integer, unless it is zero.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.tag(field, 0);
            put_varint(&mut self.bytes, value);
        }
    }

    /// Writes a signed integer in zigzag form, unless it is zero.
    pub(crate) fn zigzag(&mut self, field: u32, value: i64) {
        self.number(field, zigzag(value));
    }

    /// Writes a double, unless all its bits are zero.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        if value.to_bits() != 0 {
            self.double_always(field, value);
        }
    }

    /// Writes a double of which zero says more than absence.
    pub(crate) fn double_always(&mut self, field: u32, value: f64) {
        self.tag(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes bytes or text, unless it is empty.
    pub(crate) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes_always(field, bytes);
        }
    }

    /// Writes bytes or text that counts as an item of a list even when it is empty.
    pub(crate) fn bytes_always(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, 2);
        put_varint(&mut self.bytes, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes a nested message.
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Writer)) {
        self.tag(field, 2);
        self.prefixed(write);
    }

    /// Writes a packed list of integers, unless it is empty.
    pub(crate) fn packed_numbers(&mut self, field: u32, values: impl IntoIterator<Item = u64>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.tag(field, 2);
            self.prefixed(|list| values.for_each(|value| put_varint(&mut list.bytes, value)));
        }
    }

    /// Writes a packed list of doubles, unless it is empty.
    pub(crate) fn packed_doubles(&mut self, field: u32, values: &[f64]) {
        if !values.is_empty() {
            self.tag(field, 2);
            put_varint(&mut self.bytes, values.len() as u64 * 8);
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            self.bytes.extend(bytes);
        }
    }

    /// Writes content behind its length, which is known only afterwards.
    fn prefixed(&mut self, write: impl FnOnce(&mut Writer)) {
        let start = self.bytes.len();
        write(self);
        let end = self.bytes.len();
        put_varint(&mut self.bytes, (end - start) as u64);
        self.bytes[start..].rotate_left(end - start);
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        put_varint(&mut self.bytes, u64::from(field) << 3 | wire_type);
    }
}

/// Appends a number of one to ten bytes.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps small numbers of either sign to small numbers.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Cursor, Value};

    #[test]
    fn nested_messages_read_back() {
        for len in [0, 1, 126, 127, 128, 20_000] {
            let mut writer = Writer::default();
            writer.message(1, |outer| {
                outer.message(2, |inner| inner.bytes(3, &vec![7; len]));
                outer.number(4, 5);
            });
            let mut message = Cursor::new(writer.as_slice());
            let Ok(Some((1, Value::Bytes(mut outer)))) = message.field() else {
                panic!("the outer message is not read");
            };
            let Ok(Some((2, Value::Bytes(inner)))) = outer.field() else {
                panic!("the inner message is not read");
            };
            assert!(inner.rest().len() >= len);
            assert!(matches!(outer.field(), Ok(Some((4, Value::Varint(5))))));
            assert!(outer.is_empty() && message.is_empty());
        }
    }

    #[test]
    fn what_is_zero_is_left_out() {
        let mut writer = Writer::default();
        writer.number(1, 0);
        writer.double(2, 0.0);
        writer.bytes(3, b"");
        writer.packed_doubles(4, &[]);
        writer.packed_numbers(5, []);
        assert!(writer.into_bytes().is_empty());
    }
}
