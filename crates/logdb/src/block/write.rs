//! From lines in memory to a block at rest.

use std::io;

use weft_codec::varint::put_uvarint;
use weft_codec::{bitpack, int};
use weft_model::Level;

use super::{HEADER_BYTES, LEVEL_BITS, LEVELS_DIFFER, MAGIC};
use crate::raw::RawBlock;

/// Writes blocks one after the other, with the same buffers.
pub(crate) struct BlockWriter {
    compressor: zstd::bulk::Compressor<'static>,
    column: Vec<i64>,
}

impl BlockWriter {
    /// Returns a writer that compresses at a level of zstd.
    pub(crate) fn new(compression: i32) -> io::Result<BlockWriter> {
        Ok(BlockWriter {
            compressor: zstd::bulk::Compressor::new(compression)?,
            column: Vec::new(),
        })
    }

    /// Returns the bytes of a block.
    pub(crate) fn write(&mut self, block: &RawBlock) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(block.text.len() / 4 + 64);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; HEADER_BYTES - MAGIC.len()]);
        put_uvarint(&mut out, block.len() as u64);
        self.write_times(&block.times, &mut out);
        write_levels(&block.levels, &mut out);
        self.write_lengths(&block.ends, 1, &mut out);
        if block.metadata_ends.is_empty() {
            out.push(0);
        } else {
            out.push(1);
            self.write_lengths(&block.metadata_ends, 0, &mut out);
            self.write_compressed(&block.metadata, &mut out)?;
        }
        self.write_compressed(block.text.as_bytes(), &mut out)?;
        let checksum = crc32c::crc32c(&out[HEADER_BYTES..]);
        out[MAGIC.len()..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Writes times in the coarsest unit that keeps them exact: many sources know milliseconds
    /// only.
    fn write_times(&mut self, times: &[i64], out: &mut Vec<u8>) {
        let divides = |unit: i64| times.iter().all(|time| time % unit == 0);
        let mut digits = 9;
        while digits > 0 && !divides(10i64.pow(digits)) {
            digits -= 3;
        }
        out.push(digits as u8);
        let unit = 10i64.pow(digits);
        self.column.clear();
        self.column.extend(times.iter().map(|time| time / unit));
        int::encode(&self.column, out);
    }

    /// Writes lengths from where things end; `gap` bytes lie between two of them.
    fn write_lengths(&mut self, ends: &[u32], gap: u32, out: &mut Vec<u8>) {
        self.column.clear();
        let mut start = 0;
        for end in ends {
            self.column.push(i64::from(end - start));
            start = end + gap;
        }
        int::encode(&self.column, out);
    }

    fn write_compressed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let compressed = self.compressor.compress(bytes)?;
        put_uvarint(out, bytes.len() as u64);
        put_uvarint(out, compressed.len() as u64);
        out.extend_from_slice(&compressed);
        Ok(())
    }
}

fn write_levels(levels: &[Level], out: &mut Vec<u8>) {
    let first = levels.first().copied().unwrap_or_default();
    if levels.iter().all(|level| *level == first) {
        out.push(first as u8);
        return;
    }
    out.push(LEVELS_DIFFER);
    bitpack::pack(levels.iter().map(|level| *level as u64), LEVEL_BITS, out);
}
