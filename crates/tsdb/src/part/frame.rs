//! Frames: the runs of bytes that a part consists of, each with a checksum, some compressed.
//!
//! A frame is: one byte, 0 for plain or 1 for zstd; for zstd the plain length as a uvarint; the
//! content; the CRC32C of all that, little endian. Bound: [`PLAIN_BYTES_MAX`] of plain content.

use weft_codec::varint::{put_uvarint, take_byte, take_uvarint};

use crate::error::Malformed;

/// The plain bytes that one frame may hold.
pub(crate) const PLAIN_BYTES_MAX: usize = 256 << 20;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// The level of zstd that is cheap and gains most of what there is to gain.
const LEVEL_FAST: i32 = 1;

/// The level that finds what series far from each other have in common.
const LEVEL_THOROUGH: i32 = 6;

/// Content shorter than this is not worth compressing.
const ZSTD_BYTES_MIN: usize = 256;

/// Where a frame lies in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameRef {
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// Whether content may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As it is: it is read soon and rewritten soon.
    Plain,
    /// Compressed where this saves a sixteenth or more.
    Dense,
    /// Compressed with more work: it is written once and kept for long.
    Densest,
}

impl Packing {
    fn level(self) -> Option<i32> {
        match self {
            Packing::Plain => None,
            Packing::Dense => Some(LEVEL_FAST),
            Packing::Densest => Some(LEVEL_THOROUGH),
        }
    }
}

/// Appends a frame.
pub(crate) fn put_frame(content: &[u8], packing: Packing, out: &mut Vec<u8>) {
    let from = out.len();
    let level = packing.level().filter(|_| content.len() >= ZSTD_BYTES_MIN);
    let dense = level
        .and_then(|level| zstd::bulk::compress(content, level).ok())
        .filter(|dense| dense.len() + dense.len() / 16 < content.len());
    match dense {
        Some(dense) => {
            out.push(ZSTD);
            put_uvarint(out, content.len() as u64);
            out.extend_from_slice(&dense);
        }
        None => {
            out.push(PLAIN);
            out.extend_from_slice(content);
        }
    }
    let crc = crc32c::crc32c(&out[from..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Returns the content of a frame.
pub(crate) fn open_frame(stored: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (mut body, crc) = stored
        .split_last_chunk::<4>()
        .ok_or(Malformed("a frame is too short"))?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Malformed("a checksum does not hold"));
    }
    match take_byte(&mut body)? {
        PLAIN => Ok(body.to_vec()),
        ZSTD => {
            let len = usize::try_from(take_uvarint(&mut body)?).unwrap_or(usize::MAX);
            if len > PLAIN_BYTES_MAX {
                return Err(Malformed("a frame is too large"));
            }
            let content = zstd::bulk::decompress(body, len);
            content
                .ok()
                .filter(|content| content.len() == len)
                .ok_or(Malformed("a frame does not decompress"))
        }
        _ => Err(Malformed("a frame is of an unknown kind")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_a_flipped_bit_is_seen() {
        for packing in [Packing::Plain, Packing::Dense, Packing::Densest] {
            for len in [0, 1, 300, 5000] {
                let content: Vec<u8> = (0..len).map(|i| (i / 9) as u8).collect();
                let mut stored = Vec::new();
                put_frame(&content, packing, &mut stored);
                assert_eq!(open_frame(&stored).unwrap(), content);
                for at in 0..stored.len() {
                    stored[at] ^= 4;
                    assert!(open_frame(&stored).is_err(), "{packing:?} {len} {at}");
                    stored[at] ^= 4;
                }
            }
        }
    }
}
