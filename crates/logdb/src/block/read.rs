//! From a block at rest to lines in memory, trusting nothing.

use weft_codec::varint::{take_byte, take_bytes, take_len};
use weft_codec::{bitpack, int};
use weft_model::{Labels, Level, Nanos};

use super::{BlockError, HEADER_BYTES, LEVEL_BITS, LEVELS_DIFFER, MAGIC, TEXT_BYTES_MAX};
use crate::raw::RawBlock;

/// The columns that tell about lines without their text.
pub(crate) struct Columns {
    pub(crate) times: Vec<i64>,
    pub(crate) levels: Vec<Level>,
    pub(crate) lengths: Vec<i64>,
}

/// Reads the columns of a block, not its text.
pub(crate) fn read_columns(bytes: &[u8]) -> Result<Columns, BlockError> {
    let mut rest = checked(bytes)?;
    take_columns(&mut rest)
}

/// Reads a block of a stream.
pub(crate) fn read(bytes: &[u8], stream: Labels) -> Result<RawBlock, BlockError> {
    let mut rest = checked(bytes)?;
    let columns = take_columns(&mut rest)?;
    let count = columns.times.len();
    let mut block = RawBlock::new(stream);
    if take_byte(&mut rest)? == 1 {
        let mut lengths = Vec::new();
        int::decode(&mut rest, count, &mut lengths)?;
        block.metadata = take_compressed(&mut rest)?;
        block.metadata_ends = ends_of(&lengths, 0, block.metadata.len())?;
    }
    let text = take_compressed(&mut rest)?;
    block.ends = ends_of(&columns.lengths, 1, text.len())?;
    block.text =
        String::from_utf8(text).map_err(|_| BlockError::Contradiction("the text is not UTF-8"))?;
    let is_boundary = |end: &u32| block.text.as_bytes()[*end as usize] == b'\n';
    if !block.ends.iter().all(is_boundary) {
        return Err(BlockError::Contradiction("a line ends elsewhere"));
    }
    block.first = Nanos(columns.times.iter().copied().min().unwrap_or(i64::MAX));
    block.last = Nanos(columns.times.iter().copied().max().unwrap_or(i64::MIN));
    block.times = columns.times;
    block.levels = columns.levels;
    Ok(block)
}

/// Returns what follows the header after checking the checksum.
fn checked(bytes: &[u8]) -> Result<&[u8], BlockError> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(BlockError::NotABlock);
    };
    let (magic, checksum) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(BlockError::NotABlock);
    }
    if checksum != crc32c::crc32c(rest).to_le_bytes() {
        return Err(BlockError::Checksum);
    }
    Ok(rest)
}

fn take_columns(rest: &mut &[u8]) -> Result<Columns, BlockError> {
    let count = take_len(rest, weft_codec::COUNT_MAX)?;
    let digits = take_byte(rest)?;
    let unit = 10i64
        .checked_pow(u32::from(digits))
        .ok_or(BlockError::Contradiction("an unknown unit of time"))?;
    let mut times = Vec::new();
    int::decode(rest, count, &mut times)?;
    for time in &mut times {
        *time = time
            .checked_mul(unit)
            .ok_or(BlockError::Contradiction("a time out of range"))?;
    }
    let levels = take_levels(rest, count)?;
    let mut lengths = Vec::new();
    int::decode(rest, count, &mut lengths)?;
    Ok(Columns {
        times,
        levels,
        lengths,
    })
}

fn take_levels(rest: &mut &[u8], count: usize) -> Result<Vec<Level>, BlockError> {
    let tag = take_byte(rest)?;
    if let Some(level) = Level::from_number(tag) {
        return Ok(vec![level; count]);
    }
    if tag != LEVELS_DIFFER {
        return Err(BlockError::Contradiction("an unknown level"));
    }
    let mut numbers = Vec::new();
    bitpack::unpack(rest, count, LEVEL_BITS, 0, &mut numbers)?;
    let level = |number: &i64| Level::from_number(*number as u8).unwrap_or_default();
    Ok(numbers.iter().map(level).collect())
}

/// Returns where things end that have these lengths and `gap` bytes between them.
fn ends_of(lengths: &[i64], gap: usize, total: usize) -> Result<Vec<u32>, BlockError> {
    let contradiction = || BlockError::Contradiction("lengths and text differ");
    let mut ends = Vec::with_capacity(lengths.len());
    let mut at = 0usize;
    for length in lengths {
        let length = usize::try_from(*length).map_err(|_| contradiction())?;
        let end = at.checked_add(length).ok_or_else(contradiction)?;
        ends.push(u32::try_from(end).map_err(|_| contradiction())?);
        at = end + gap;
    }
    if at != total {
        return Err(contradiction());
    }
    Ok(ends)
}

fn take_compressed(rest: &mut &[u8]) -> Result<Vec<u8>, BlockError> {
    let raw_len = take_len(rest, TEXT_BYTES_MAX)?;
    let len = take_len(rest, TEXT_BYTES_MAX)?;
    let compressed = take_bytes(rest, len)?;
    let raw = zstd::bulk::decompress(compressed, raw_len).map_err(BlockError::Decompress)?;
    if raw.len() != raw_len {
        return Err(BlockError::Contradiction("the text has another length"));
    }
    Ok(raw)
}
