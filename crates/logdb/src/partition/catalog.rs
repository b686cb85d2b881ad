//! What is known of the blocks of one segment of the index, held in memory.
//!
//! In: a segment, once it is committed; segments never change. Out: its streams, and for each block
//! where it is and when its lines are from. Bound: 48 bytes per block and the labels of each stream.

use std::sync::Arc;

use tantivy::columnar::ColumnValues;
use tantivy::index::{InvertedIndexReader, SegmentId};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, SegmentReader, TERMINATED};
use weft_model::{Labels, Level, Nanos};

use super::schema::{Fields, bytes_name, lines_name};
use super::seal::Tally;
use super::{BlockMeta, guarded, labels_of};
use crate::error::IndexError;

/// The blocks of one segment.
pub(crate) struct Segment {
    reader: SegmentReader,
    pub(crate) streams: Vec<SegmentStream>,
    /// By document.
    pub(crate) blocks: Vec<BlockMeta>,
    /// The names in the metadata of lines, sorted.
    pub(crate) metadata_names: Vec<String>,
    pub(super) grams: Arc<InvertedIndexReader>,
    pub(super) gram_field: tantivy::schema::Field,
    tallies: Tallies,
    position: Column,
}

/// A stream and its blocks within a segment.
pub(crate) struct SegmentStream {
    pub(crate) labels: Labels,
    /// The documents, ascending.
    pub(crate) documents: Vec<u32>,
}

type Column = Arc<dyn ColumnValues<u64>>;

/// The columns of lines and bytes by level.
struct Tallies {
    lines: Vec<Column>,
    bytes: Vec<Column>,
}

impl Segment {
    /// Reads the segment's streams and columns.
    pub(super) fn load(reader: &SegmentReader, fields: &Fields) -> Result<Segment, IndexError> {
        let blocks = load_blocks(reader)?;
        let streams = load_streams(&*reader.inverted_index(fields.stream)?, blocks.len())?;
        let metadata = reader.inverted_index(fields.metadata)?;
        let column = |name: String| reader.fast_fields().column_first_or_default::<u64>(&name);
        let columns = |name: fn(Level) -> String| -> Result<Vec<Column>, IndexError> {
            let all = Level::ALL.into_iter().map(|level| column(name(level)));
            Ok(all.collect::<Result<_, _>>()?)
        };
        Ok(Segment {
            streams,
            blocks,
            metadata_names: load_names(&metadata)?,
            grams: reader.inverted_index(fields.gram)?,
            gram_field: fields.gram,
            tallies: Tallies {
                lines: columns(lines_name)?,
                bytes: columns(bytes_name)?,
            },
            position: column("position".to_owned())?,
            reader: reader.clone(),
        })
    }

    /// Returns the segment's id.
    pub(crate) fn id(&self) -> SegmentId {
        self.reader.segment_id()
    }

    /// Returns the lines and bytes of a block by level.
    pub(crate) fn tally(&self, document: u32) -> Result<Tally, IndexError> {
        guarded(|| {
            let mut tally = Tally::default();
            for at in 0..Level::COUNT {
                tally.lines[at] = self.tallies.lines[at].get_val(document);
                tally.bytes[at] = self.tallies.bytes[at].get_val(document);
            }
            Ok(tally)
        })
    }

    /// Returns the highest journal position of the segment's blocks.
    pub(crate) fn position_max(&self) -> u64 {
        self.position.max_value()
    }

    /// Returns the journal position of a block.
    pub(crate) fn position(&self, document: u32) -> u64 {
        self.position.get_val(document)
    }
}

fn load_blocks(reader: &SegmentReader) -> Result<Vec<BlockMeta>, IndexError> {
    let fast = reader.fast_fields();
    let time = |name: &str| fast.column_first_or_default::<i64>(name);
    let number = |name: &str| fast.column_first_or_default::<u64>(name);
    let (first, last) = (time("first")?, time("last")?);
    let (block_at, block_len) = (number("block_at")?, number("block_len")?);
    let (filter_at, filter_len) = (number("filter_at")?, number("filter_len")?);
    let length = |number: u64| {
        u32::try_from(number).map_err(|_| IndexError::Malformed("the length of a block"))
    };
    let block = |document: u32| {
        Ok(BlockMeta {
            first: Nanos(first.get_val(document)),
            last: Nanos(last.get_val(document)),
            block_at: block_at.get_val(document),
            block_len: length(block_len.get_val(document))?,
            filter_at: filter_at.get_val(document),
            filter_len: length(filter_len.get_val(document))?,
        })
    };
    (0..reader.max_doc()).map(block).collect()
}

fn load_streams(
    index: &InvertedIndexReader,
    blocks: usize,
) -> Result<Vec<SegmentStream>, IndexError> {
    let mut streams = Vec::new();
    let mut terms = index.terms().stream()?;
    while terms.advance() {
        let mut postings =
            index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        let mut documents = Vec::new();
        while postings.doc() != TERMINATED {
            documents.push(postings.doc());
            postings.advance();
        }
        if documents
            .last()
            .is_some_and(|last| *last as usize >= blocks)
        {
            return Err(IndexError::Malformed("a document of a stream"));
        }
        streams.push(SegmentStream {
            labels: labels_of(terms.key())?,
            documents,
        });
    }
    Ok(streams)
}

fn load_names(index: &InvertedIndexReader) -> Result<Vec<String>, IndexError> {
    let mut names = Vec::new();
    let mut terms = index.terms().stream()?;
    while terms.advance() {
        let name = std::str::from_utf8(terms.key());
        names.push(
            name.map_err(|_| IndexError::Malformed("a name"))?
                .to_owned(),
        );
    }
    Ok(names)
}
