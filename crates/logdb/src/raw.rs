//! Lines in memory, as columns: an open block, or one that was read back.
//!
//! The text of every line is followed by a line feed, so that a search over the whole text finds
//! nothing across lines unless the needle has a line feed itself.

use weft_codec::varint::{put_run, take_run};
use weft_model::{Labels, Level, Nanos};

use crate::selection::StoredEntry;

/// The lines of one stream.
#[derive(Clone, Debug)]
pub(crate) struct RawBlock {
    pub(crate) stream: Labels,
    pub(crate) times: Vec<i64>,
    pub(crate) levels: Vec<Level>,
    /// Where each line ends in `text`, before its line feed.
    pub(crate) ends: Vec<u32>,
    pub(crate) text: String,
    /// Where each line's metadata ends in `metadata`; empty when no line has any.
    pub(crate) metadata_ends: Vec<u32>,
    /// Names and values in turn, each with its length before it, sorted by name.
    pub(crate) metadata: Vec<u8>,
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
}

impl RawBlock {
    /// Returns a block without lines.
    pub(crate) fn new(stream: Labels) -> RawBlock {
        RawBlock {
            stream,
            times: Vec::new(),
            levels: Vec::new(),
            ends: Vec::new(),
            text: String::new(),
            metadata_ends: Vec::new(),
            metadata: Vec::new(),
            first: Nanos(i64::MAX),
            last: Nanos(i64::MIN),
        }
    }

    /// Returns how many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns about how many bytes of memory the lines take.
    pub(crate) fn weight(&self) -> usize {
        self.text.len() + self.metadata.len() + self.len() * 17
    }

    /// Adds a line; its metadata must be sorted by name.
    pub(crate) fn push(&mut self, entry: &StoredEntry<'_>) {
        self.first = self.first.min(entry.time);
        self.last = self.last.max(entry.time);
        self.times.push(entry.time.0);
        self.levels.push(entry.level);
        self.text.push_str(entry.line);
        self.ends.push(offset(self.text.len()));
        self.text.push('\n');
        if entry.metadata.is_empty() && self.metadata_ends.is_empty() {
            return;
        }
        self.metadata_ends
            .resize(self.len() - 1, offset(self.metadata.len()));
        for (name, value) in entry.metadata {
            put_run(&mut self.metadata, name.as_bytes());
            put_run(&mut self.metadata, value.as_bytes());
        }
        self.metadata_ends.push(offset(self.metadata.len()));
    }

    /// Returns a line's bytes within the text.
    pub(crate) fn line(&self, at: usize) -> &str {
        let start = if at == 0 {
            0
        } else {
            self.ends[at - 1] as usize + 1
        };
        &self.text[start..self.ends[at] as usize]
    }

    /// Returns a line with its metadata, as [`RawBlock::metadata_of`] gave it.
    pub(crate) fn entry<'a>(
        &'a self,
        at: usize,
        metadata: &'a [(&'a str, &'a str)],
    ) -> StoredEntry<'a> {
        StoredEntry {
            time: Nanos(self.times[at]),
            line: self.line(at),
            metadata,
            level: self.levels[at],
        }
    }

    /// Replaces the content of a buffer with a line's metadata.
    pub(crate) fn metadata_of<'a>(&'a self, at: usize, into: &mut Vec<(&'a str, &'a str)>) {
        into.clear();
        let Some(end) = self.metadata_ends.get(at) else {
            return;
        };
        let start = if at == 0 {
            0
        } else {
            self.metadata_ends[at - 1]
        };
        let mut rest = self
            .metadata
            .get(start as usize..*end as usize)
            .unwrap_or_default();
        while let (Ok(name), Ok(value)) = (take_run(&mut rest), take_run(&mut rest)) {
            if let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) {
                into.push((name, value));
            }
        }
    }

    /// Sorts the lines by time; lines of the same time keep their order.
    pub(crate) fn sort(&mut self) {
        if self.times.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|at| self.times[*at]);
        *self = self.picked(&order);
    }

    /// Returns the lines of a range of places.
    pub(crate) fn part(&self, from: usize, to: usize) -> RawBlock {
        let order: Vec<usize> = (from..to).collect();
        self.picked(&order)
    }

    fn picked(&self, order: &[usize]) -> RawBlock {
        let mut picked = RawBlock::new(self.stream.clone());
        let mut metadata = Vec::new();
        for at in order {
            self.metadata_of(*at, &mut metadata);
            picked.push(&self.entry(*at, &metadata));
        }
        picked
    }
}

/// Returns a place within a block. A block holds less than 4 GiB: it is sealed long before.
fn offset(len: usize) -> u32 {
    u32::try_from(len).expect("a block is sealed long before it holds 4 GiB")
}
