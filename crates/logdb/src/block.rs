//! A sealed block at rest: the lines of one stream, as columns. The format is described in
//! docs/format/logblock.md.
//!
//! In: a [`RawBlock`], sorted by time. Out: bytes, and back. Bound: [`TEXT_BYTES_MAX`] of lines.

mod read;
mod write;

pub(crate) use read::{read, read_columns};
pub(crate) use write::BlockWriter;

/// What a block begins with.
const MAGIC: &[u8; 4] = b"WLB1";

/// The bytes before what the checksum covers: the magic and the checksum.
const HEADER_BYTES: usize = 8;

/// The most bytes of lines that a block may claim to hold.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// The tag of a column of levels that differ; below it, every line has the level of this number.
const LEVELS_DIFFER: u8 = 8;

/// The bits of a level.
const LEVEL_BITS: u32 = 3;

/// Why bytes are not a block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    /// It begins with something else, or ends too early.
    #[error("read log block: it is not one")]
    NotABlock,
    /// The checksum differs: the bytes are damaged.
    #[error("read log block: the checksum differs")]
    Checksum,
    /// A column is damaged.
    #[error("read log block column")]
    Column(#[from] weft_codec::CodecError),
    /// Lengths, levels or texts contradict each other.
    #[error("read log block: {0}")]
    Contradiction(&'static str),
    /// The text cannot be decompressed.
    #[error("decompress log block")]
    Decompress(#[source] std::io::Error),
}

#[cfg(test)]
mod tests;
