//! The blocks of one span of time: two files of bytes and an index that knows where in them.
//!
//! In a partition's directory, `blocks` holds sealed blocks and `filters` their id filters, both
//! only ever appended to; `index` is a tantivy index with one document per block. A document is
//! committed after its bytes are synced; bytes without a document are never looked at. The whole
//! directory is dropped by retention. Bound: the configured number of partitions.

pub(crate) mod catalog;
pub(crate) mod prune;
mod schema;
pub(crate) mod seal;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::MmapDirectory;
use tantivy::{Index, IndexReader, IndexSettings, ReloadPolicy};
use weft_disk::{Disk, File};
use weft_model::{Labels, Nanos};

use crate::error::IndexError;
use catalog::Segment;
use schema::Fields;
pub(crate) use seal::Sealed;
pub(crate) use writer::PartitionWriter;

/// The most bytes of a stream's labels: what a term of the index can hold.
pub(crate) const LABELS_BYTES_MAX: usize = 60_000;

/// What the term of a stream begins with; the rest is the encoding of its labels.
const STREAM_TAG: u8 = 1;

/// What a partition's directory name begins with; the rest is the start of its span in seconds.
pub(crate) const DIR_PREFIX: &str = "p";

/// The files and the index of a partition. They outlive the names: whoever reads a partition that
/// is dropped meanwhile reads on.
pub(crate) struct Partition {
    /// When the span begins.
    pub(crate) start: Nanos,
    dir: PathBuf,
    blocks: Box<dyn File>,
    filters: Box<dyn File>,
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

/// Where a block is and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockMeta {
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
    pub(crate) block_at: u64,
    pub(crate) block_len: u32,
    pub(crate) filter_at: u64,
    pub(crate) filter_len: u32,
}

/// What of a partition is committed, at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl Partition {
    /// Returns the directory of the partition that begins at `start`.
    pub(crate) fn dir_of(root: &Path, start: Nanos) -> PathBuf {
        root.join(format!("{DIR_PREFIX}{}", start.0.div_euclid(1_000_000_000)))
    }

    /// Returns the start of the partition whose directory has this name.
    pub(crate) fn start_of(name: &str) -> Option<Nanos> {
        let seconds: i64 = name.strip_prefix(DIR_PREFIX)?.parse().ok()?;
        seconds.checked_mul(1_000_000_000).map(Nanos)
    }

    /// Opens or makes a partition, with what it has committed.
    pub(crate) fn open(
        disk: &dyn Disk,
        root: &Path,
        start: Nanos,
    ) -> Result<(Partition, Snapshot), IndexError> {
        let dir = Partition::dir_of(root, start);
        let index_dir = dir.join("index");
        disk.create_dir(&index_dir)?;
        let open = |name: &str| {
            let path = dir.join(name);
            if disk.exists(&path) {
                disk.open(&path)
            } else {
                disk.create(&path)
            }
        };
        let (blocks, filters) = (open("blocks")?, open("filters")?);
        disk.sync_dir(&dir)?;
        disk.sync_dir(root)?;
        let (index, fields, reader) = guarded(|| {
            let index = open_index(&index_dir)?;
            let fields = Fields::of(&index.schema())?;
            let reader: IndexReader = index
                .reader_builder()
                .reload_policy(ReloadPolicy::Manual)
                .doc_store_cache_num_blocks(0)
                .try_into()?;
            Ok((index, fields, reader))
        })?;
        let partition = Partition {
            start,
            dir,
            blocks,
            filters,
            index,
            reader,
            fields,
        };
        let snapshot = partition.snapshot(&Snapshot::default())?;
        Ok((partition, snapshot))
    }

    /// Returns the partition's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns how many bytes the blocks and filters take.
    pub(crate) fn bytes(&self) -> std::io::Result<u64> {
        Ok(self.blocks.len()? + self.filters.len()?)
    }

    /// Returns what is committed; segments of an earlier snapshot are taken over.
    fn snapshot(&self, before: &Snapshot) -> Result<Snapshot, IndexError> {
        guarded(|| {
            self.reader.reload()?;
            let searcher = self.reader.searcher();
            let segments = searcher.segment_readers().iter().map(|reader| {
                let id = reader.segment_id();
                match before.segments.iter().find(|segment| segment.id() == id) {
                    Some(known) => Ok(known.clone()),
                    None => Segment::load(reader, &self.fields).map(Arc::new),
                }
            });
            Ok(Snapshot {
                segments: segments.collect::<Result<_, IndexError>>()?,
            })
        })
    }

    /// Returns the files of the index whose checksums do not hold.
    pub(crate) fn damaged_files(&self) -> Result<Vec<PathBuf>, IndexError> {
        let index_dir = self.dir.join("index");
        let damaged = guarded(|| Ok(self.index.validate_checksum()?))?;
        let mut paths: Vec<PathBuf> = damaged.iter().map(|name| index_dir.join(name)).collect();
        paths.sort();
        Ok(paths)
    }

    /// Reads the bytes of a block.
    pub(crate) fn read_block(&self, meta: &BlockMeta) -> std::io::Result<Vec<u8>> {
        read_exact(&*self.blocks, meta.block_at, meta.block_len as usize)
    }

    /// Reads a bucket of a block's filter.
    pub(crate) fn read_bucket(
        &self,
        meta: &BlockMeta,
        at: u64,
        bucket: &mut [u8],
    ) -> std::io::Result<()> {
        match self.filters.read_at(meta.filter_at + at, bucket)? {
            len if len == bucket.len() => Ok(()),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn read_exact(file: &dyn File, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
    if at.saturating_add(len as u64) > file.len()? {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(at + filled as u64, &mut bytes[filled..])? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
    }
    Ok(bytes)
}

fn open_index(dir: &Path) -> Result<Index, IndexError> {
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    let settings = IndexSettings {
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let builder = Index::builder().schema(schema::schema()).settings(settings);
    Ok(builder.open_or_create(directory)?)
}

/// Calls into the index; a panic, as some corruptions cause, becomes an error.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(IndexError::Panicked(
            text.unwrap_or("no message").to_owned(),
        ))
    })
}

/// Reads the labels of a stream as the index holds them.
fn labels_of(bytes: &[u8]) -> Result<Labels, IndexError> {
    let encoding = bytes.strip_prefix(&[STREAM_TAG]);
    encoding
        .and_then(Labels::from_bytes)
        .ok_or(IndexError::Malformed("a stream's labels"))
}
