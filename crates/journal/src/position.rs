//! Where a record is.

use std::fmt;

/// A place in a journal: before a record, or at the end. Positions compare in the order of
/// appending and are never given twice to records that were durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The number of the segment, from 1.
    pub segment: u64,
    /// Bytes from the start of the segment.
    pub offset: u64,
}

impl Position {
    /// Returns a position; see the fields.
    pub fn new(segment: u64, offset: u64) -> Position {
        Position { segment, offset }
    }

    /// Returns the 16 bytes of the position, big-endian so that they sort like it.
    pub fn to_bytes(self) -> [u8; 16] {
        let number = u128::from(self.segment) << 64 | u128::from(self.offset);
        number.to_be_bytes()
    }

    /// Returns the position of [`Position::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Position {
        let number = u128::from_be_bytes(bytes);
        Position::new((number >> 64) as u64, number as u64)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}
