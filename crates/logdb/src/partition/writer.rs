//! Writes a partition: bytes first, then documents, then a commit.

use std::sync::Arc;

use tantivy::{IndexWriter, TantivyDocument};
use weft_disk::Disk;
use weft_model::{Labels, Level};

use super::seal::{Encoded, Encoder, Sealed};
use super::{BlockMeta, Partition, STREAM_TAG, Snapshot, guarded};
use crate::error::{IndexError, WriteError};
use crate::raw::RawBlock;

/// The memory in which tantivy gathers a segment.
const ARENA_BYTES: usize = 48 << 20;

/// The one writer of a partition.
pub(crate) struct PartitionWriter {
    partition: Arc<Partition>,
    index: IndexWriter,
    blocks_end: u64,
    filters_end: u64,
    /// Blocks that were added and not committed.
    added: usize,
}

impl PartitionWriter {
    /// Returns the writer of a partition; there must be no other.
    pub(crate) fn new(partition: Arc<Partition>) -> Result<PartitionWriter, WriteError> {
        let index = guarded(|| Ok(partition.index.writer_with_num_threads(1, ARENA_BYTES)?))?;
        Ok(PartitionWriter {
            blocks_end: partition.blocks.len()?,
            filters_end: partition.filters.len()?,
            partition,
            index,
            added: 0,
        })
    }

    /// Returns how many blocks wait for a commit.
    pub(crate) fn added(&self) -> usize {
        self.added
    }

    /// Writes an open block as sealed ones; they are durable after the next commit, all or none.
    pub(crate) fn seal(
        &mut self,
        raw: &RawBlock,
        position: u64,
        block_bytes: usize,
        encoder: &mut Encoder,
    ) -> Result<Vec<Sealed>, WriteError> {
        let encoded = encoder.encode(raw, block_bytes)?;
        let mut metas = Vec::with_capacity(encoded.len());
        for one in &encoded {
            metas.push(self.write(one)?);
        }
        for (one, meta) in encoded.iter().zip(&metas) {
            let document = self.document(&raw.stream, position, one, meta);
            guarded(|| Ok(self.index.add_document(document)?))?;
            self.added += 1;
        }
        let sealed = |(one, meta): (Encoded, BlockMeta)| Sealed {
            partition: self.partition.clone(),
            stream: raw.stream.clone(),
            meta,
            filter: one.filter,
            tally: one.tally,
            metadata_names: one.metadata_names,
            position,
        };
        Ok(encoded.into_iter().zip(metas).map(sealed).collect())
    }

    /// Adds a block again that is written but was not committed by a writer before this one.
    pub(crate) fn add_again(
        &mut self,
        sealed: &Sealed,
        encoder: &mut Encoder,
    ) -> Result<(), WriteError> {
        let bytes = self.partition.read_block(&sealed.meta)?;
        let raw = crate::block::read(&bytes, sealed.stream.clone())
            .map_err(|e| WriteError::Io(std::io::Error::other(e)))?;
        let one = encoder.describe(&raw, bytes);
        let document = self.document(&sealed.stream, sealed.position, &one, &sealed.meta);
        guarded(|| Ok(self.index.add_document(document)?))?;
        self.added += 1;
        Ok(())
    }

    fn write(&mut self, one: &Encoded) -> Result<BlockMeta, WriteError> {
        let meta = BlockMeta {
            first: one.first,
            last: one.last,
            block_at: self.blocks_end,
            block_len: length(one.block.len())?,
            filter_at: self.filters_end,
            filter_len: length(one.filter.len())?,
        };
        self.partition
            .blocks
            .write_at(self.blocks_end, &one.block)?;
        self.partition
            .filters
            .write_at(self.filters_end, &one.filter)?;
        self.blocks_end += one.block.len() as u64;
        self.filters_end += one.filter.len() as u64;
        Ok(meta)
    }

    fn document(
        &self,
        stream: &Labels,
        position: u64,
        one: &Encoded,
        meta: &BlockMeta,
    ) -> TantivyDocument {
        let fields = &self.partition.fields;
        let mut document = TantivyDocument::new();
        document.add_bytes(fields.stream, &stream_term(stream));
        document.add_i64(fields.first, meta.first.0);
        document.add_i64(fields.last, meta.last.0);
        document.add_u64(fields.block_at, meta.block_at);
        document.add_u64(fields.block_len, meta.block_len.into());
        document.add_u64(fields.filter_at, meta.filter_at);
        document.add_u64(fields.filter_len, meta.filter_len.into());
        document.add_u64(fields.position, position);
        for level in Level::ALL {
            let at = level as usize;
            document.add_u64(fields.lines[at], one.tally.lines[at]);
            document.add_u64(fields.bytes[at], one.tally.bytes[at]);
        }
        for name in &one.metadata_names {
            document.add_text(fields.metadata, name);
        }
        for gram in &one.grams {
            document.add_u64(fields.gram, *gram);
        }
        document
    }

    /// Makes everything that was added durable and returns what is committed now.
    pub(crate) fn commit(
        &mut self,
        disk: &dyn Disk,
        before: &Snapshot,
    ) -> Result<Snapshot, WriteError> {
        self.partition.blocks.sync()?;
        self.partition.filters.sync()?;
        guarded(|| Ok(self.index.commit()?))?;
        disk.sync_dir(&self.partition.dir.join("index"))?;
        let snapshot = self.partition.snapshot(before)?;
        self.added = 0;
        Ok(snapshot)
    }

    /// Ends the writer's threads after the merges under way.
    pub(crate) fn close(self) -> Result<(), IndexError> {
        guarded(|| Ok(self.index.wait_merging_threads()?))
    }
}

/// Returns the term of a stream. An empty label set would be an empty term, which is none.
pub(super) fn stream_term(stream: &Labels) -> Vec<u8> {
    let mut term = Vec::with_capacity(stream.as_bytes().len() + 1);
    term.push(STREAM_TAG);
    term.extend_from_slice(stream.as_bytes());
    term
}

fn length(bytes: usize) -> std::io::Result<u32> {
    u32::try_from(bytes).map_err(std::io::Error::other)
}
