//! One record as bytes.
//!
//! In: a kind and a payload. Out: a header of twelve bytes before it, whose checksums cover the
//! place, too: bytes that were a record elsewhere are none here, so that a payload cannot forge
//! records for the search after a damage.

use crate::Position;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 12;

/// A header that belongs to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) payload_bytes: u32,
    checksum: u32,
    /// The checksum of place and header, which the one of the payload continues.
    seed: u32,
}

impl Header {
    /// Returns the header that `bytes` hold at `position`, or nothing if they hold none.
    pub(crate) fn read(bytes: &[u8], position: Position) -> Option<Header> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let [l0, l1, l2, l3, kind, s0, s1, s2, c0, c1, c2, c3] = *bytes;
        let payload_bytes = u32::from_le_bytes([l0, l1, l2, l3]);
        let seed = seed(position, kind, payload_bytes);
        let header = Header {
            kind,
            payload_bytes,
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
            seed,
        };
        (seed.to_le_bytes()[..3] == [s0, s1, s2]).then_some(header)
    }

    /// Tells whether `payload` is the one that this header was made for.
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        crc32c::crc32c_append(self.seed, payload) == self.checksum
    }

    /// Returns the size of the record.
    pub(crate) fn record_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }
}

/// Appends a record to `out`, for the given place.
pub(crate) fn put(out: &mut Vec<u8>, position: Position, kind: u8, parts: &[&[u8]]) {
    let payload_bytes: usize = parts.iter().map(|part| part.len()).sum();
    let payload_bytes = u32::try_from(payload_bytes).expect("a record fits into a segment");
    let seed = seed(position, kind, payload_bytes);
    let mut checksum = seed;
    for part in parts {
        checksum = crc32c::crc32c_append(checksum, part);
    }
    out.extend_from_slice(&payload_bytes.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&seed.to_le_bytes()[..3]);
    out.extend_from_slice(&checksum.to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn seed(position: Position, kind: u8, payload_bytes: u32) -> u32 {
    let mut bytes = [0; 21];
    bytes[..8].copy_from_slice(&position.segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&position.offset.to_le_bytes());
    bytes[16..20].copy_from_slice(&payload_bytes.to_le_bytes());
    bytes[20] = kind;
    crc32c::crc32c(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_only_at_its_place() {
        let here = Position::new(3, 24);
        let mut bytes = Vec::new();
        put(&mut bytes, here, 7, &[b"pay", b"load"]);
        let header = Header::read(&bytes, here).unwrap();
        assert_eq!((header.kind, header.payload_bytes), (7, 7));
        assert!(header.matches(b"payload") && !header.matches(b"paylaod"));
        for other in [Position::new(3, 25), Position::new(4, 24)] {
            assert_eq!(Header::read(&bytes, other), None);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let here = Position::new(1, 24);
        let mut bytes = Vec::new();
        put(&mut bytes, here, 1, &[b"some bytes"]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let header = Header::read(&flipped, here);
            assert!(
                !header.is_some_and(|h| h.matches(&flipped[HEADER_BYTES..])),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(Header::read(&[0; 32], Position::new(1, 24)), None);
    }
}
