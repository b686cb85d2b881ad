//! From an open block to sealed ones: sorted, cut to size, encoded, with what finds them again.

use std::io;
use std::sync::Arc;

use weft_model::{Labels, Level};

use super::{BlockMeta, Partition};
use crate::block::BlockWriter;
use crate::gram::GramSet;
use crate::id_filter;
use crate::raw::RawBlock;

/// The most lines of a sealed block.
const LINES_MAX: usize = 1 << 16;

/// A block that is written but perhaps not yet committed.
pub(crate) struct Sealed {
    pub(crate) partition: Arc<Partition>,
    pub(crate) stream: Labels,
    pub(crate) meta: BlockMeta,
    pub(crate) filter: Vec<u8>,
    pub(crate) tally: Tally,
    /// The names in the metadata of lines, sorted.
    pub(crate) metadata_names: Vec<String>,
    /// The journal position up to which the stream's lines are in this block or earlier.
    pub(crate) position: u64,
}

/// Lines and bytes by level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: [u64; Level::COUNT],
    pub(crate) bytes: [u64; Level::COUNT],
}

impl Tally {
    /// Returns all lines.
    pub(crate) fn all_lines(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Returns all bytes.
    pub(crate) fn all_bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }
}

/// A block encoded and described, not yet written.
pub(super) struct Encoded {
    pub(super) block: Vec<u8>,
    pub(super) filter: Vec<u8>,
    pub(super) grams: Vec<u64>,
    pub(super) tally: Tally,
    pub(super) metadata_names: Vec<String>,
    pub(super) first: weft_model::Nanos,
    pub(super) last: weft_model::Nanos,
}

/// Encodes blocks one after the other, with the same buffers.
pub(crate) struct Encoder {
    writer: BlockWriter,
    grams: GramSet,
    keys: Vec<u64>,
}

impl Encoder {
    /// Returns an encoder that compresses at a level of zstd.
    pub(crate) fn new(compression: i32) -> io::Result<Encoder> {
        Ok(Encoder {
            writer: BlockWriter::new(compression)?,
            grams: GramSet::new(),
            keys: Vec::new(),
        })
    }

    /// Sorts, cuts and encodes an open block.
    pub(super) fn encode(
        &mut self,
        raw: &RawBlock,
        block_bytes: usize,
    ) -> io::Result<Vec<Encoded>> {
        if raw.times.is_sorted() && raw.text.len() <= 2 * block_bytes && raw.len() <= LINES_MAX {
            return Ok(vec![self.encode_one(raw)?]);
        }
        let mut sorted = raw.clone();
        sorted.sort();
        let mut encoded = Vec::new();
        let mut from = 0;
        while from < sorted.len() {
            let to = cut(&sorted, from, block_bytes);
            encoded.push(self.encode_one(&sorted.part(from, to))?);
            from = to;
        }
        Ok(encoded)
    }

    fn encode_one(&mut self, raw: &RawBlock) -> io::Result<Encoded> {
        let block = self.writer.write(raw)?;
        Ok(self.describe(raw, block))
    }

    /// Puts what finds a block beside its bytes.
    pub(super) fn describe(&mut self, raw: &RawBlock, block: Vec<u8>) -> Encoded {
        let text = raw.text.as_bytes();
        self.grams.collect(text);
        let mut grams = Vec::with_capacity(8192);
        self.grams.each(|gram| grams.push(gram));
        id_filter::keys_of(text, &mut self.keys);
        Encoded {
            block,
            filter: id_filter::build(&self.keys),
            grams,
            tally: tally(raw),
            metadata_names: metadata_names(raw),
            first: raw.first,
            last: raw.last,
        }
    }
}

/// Returns where the block ends that begins at a line: with at least one line.
fn cut(sorted: &RawBlock, from: usize, block_bytes: usize) -> usize {
    let start = if from == 0 {
        0
    } else {
        sorted.ends[from - 1] as usize + 1
    };
    let fits = |end: &&u32| **end as usize - start < block_bytes;
    let count = sorted.ends[from..]
        .iter()
        .take(LINES_MAX)
        .take_while(fits)
        .count();
    from + count.max(1)
}

/// Counts lines and bytes by level.
pub(crate) fn tally(raw: &RawBlock) -> Tally {
    let mut tally = Tally::default();
    let mut start = 0;
    for (level, end) in raw.levels.iter().zip(&raw.ends) {
        tally.lines[*level as usize] += 1;
        tally.bytes[*level as usize] += u64::from(*end - start);
        start = *end + 1;
    }
    tally
}

/// Returns the names in the metadata of lines, sorted, each once.
pub(crate) fn metadata_names(raw: &RawBlock) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut metadata = Vec::new();
    for at in 0..raw.metadata_ends.len() {
        raw.metadata_of(at, &mut metadata);
        for (name, _) in &metadata {
            if let Err(place) = names.binary_search_by(|known| known.as_str().cmp(name)) {
                names.insert(place, (*name).to_owned());
            }
        }
    }
    names
}
