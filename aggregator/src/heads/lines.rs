//! Log lines into the log store, each once.
//!
//! In: parts of log batches, and pushed lines. Out: lines in the log head.
//! A line of an agent is known by its file and the offset at which it was completed; [`Covered`]
//! remembers which offsets are stored, so that a line that comes again, in whatever batch, is left
//! out. Bound: [`FILES_MAX`] files; the one not heard of for longest is forgotten first.

use std::collections::HashMap;

use weft_codec::varint::{put_run, put_uvarint, take_run, take_uvarint};
use weft_exposition::loki::Push;
use weft_logdb::{Entry, LogDb};
use weft_model::{Labels, Millis, Nanos};
use weft_proto::RangeSet;
use weft_proto::payload::{LineFlags, LogPart};

use super::sessions::merged;

/// How many files are remembered.
const FILES_MAX: usize = 1 << 20;

/// Which offsets of which files are stored.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    files: HashMap<File, (RangeSet, Millis)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct File {
    stream_key: u64,
    segment: u64,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Lines that are new.
    pub(crate) lines: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Lines that were stored before.
    pub(crate) trimmed: u64,
}

impl Covered {
    /// Stores those lines of a part that are not stored yet; `added` are labels that collectors
    /// gave on the way.
    pub(crate) fn store(
        &mut self,
        mut part: LogPart,
        added: &Labels,
        logdb: &LogDb,
        now: Millis,
    ) -> Stored {
        let file = File { stream_key: part.head.stream_key, segment: part.head.segment };
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&file) {
            self.forget_oldest();
        }
        let (covered, last_heard) = self.files.entry(file).or_default();
        *last_heard = now;
        let trimmed = part.trim(covered) as u64;
        let mut stored = Stored { trimmed, ..Stored::default() };
        let labels = merged(&part.head.labels, added);
        let texts: Vec<_> = part.lines().map(|line| String::from_utf8_lossy(line.body)).collect();
        let entries: Vec<Entry<'_>> = part
            .lines()
            .zip(&texts)
            .map(|(line, text)| Entry { time: line.time, line: text, metadata: metadata_of(line.flags) })
            .collect();
        stored.lines = entries.len() as u64;
        stored.bytes = texts.iter().map(|text| text.len() as u64).sum();
        logdb.append(&labels, &entries);
        part.cover(covered);
        stored
    }

    /// Forgets files that were not heard of since `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        self.files.retain(|_, (_, last_heard)| *last_heard >= before);
    }

    /// Returns the bytes to keep.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_unstable_by_key(|(file, _)| **file);
        let mut bytes = Vec::new();
        for (file, (covered, last_heard)) in files {
            bytes.extend_from_slice(&file.stream_key.to_le_bytes());
            bytes.extend_from_slice(&file.segment.to_le_bytes());
            bytes.extend_from_slice(&last_heard.0.to_le_bytes());
            let ranges = covered.ranges();
            put_uvarint(&mut bytes, ranges.len() as u64);
            for range in ranges {
                put_uvarint(&mut bytes, range.start);
                put_uvarint(&mut bytes, range.end - range.start);
            }
        }
        bytes
    }

    /// Reads what [`Covered::encode`] returned; what cannot be read is as if never stored.
    pub(crate) fn decode(bytes: &[u8]) -> Covered {
        let mut covered = Covered::default();
        let mut rest = bytes;
        while let Some((file, ranges, last_heard)) = read_file(&mut rest) {
            covered.files.insert(file, (ranges, last_heard));
        }
        covered
    }

    fn forget_oldest(&mut self) {
        let oldest = self.files.iter().min_by_key(|(_, (_, last_heard))| *last_heard);
        if let Some(oldest) = oldest.map(|(file, _)| *file) {
            self.files.remove(&oldest);
        }
    }
}

fn read_file(rest: &mut &[u8]) -> Option<(File, RangeSet, Millis)> {
    let mut number = || {
        let (bytes, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        Some(u64::from_le_bytes(*bytes))
    };
    let file = File { stream_key: number()?, segment: number()? };
    let last_heard = Millis(number()?.cast_signed());
    let mut ranges = RangeSet::new();
    for _ in 0..take_uvarint(rest).ok()? {
        let start = take_uvarint(rest).ok()?;
        let length = take_uvarint(rest).ok()?;
        ranges.insert(start..start.checked_add(length)?);
    }
    Some((file, ranges, last_heard))
}

/// Returns what is noted with a line beside its text.
fn metadata_of(flags: LineFlags) -> &'static [(&'static str, &'static str)] {
    match (flags.has(LineFlags::TRUNCATED), flags.has(LineFlags::CONTINUES)) {
        (true, _) => &[("weft_line", "truncated")],
        (false, true) => &[("weft_line", "continues")],
        (false, false) => &[],
    }
}

/// Stores pushed lines.
pub(crate) fn store_push(push: &Push<'_>, logdb: &LogDb) {
    for stream in &push.streams {
        let metadata: Vec<Vec<(&str, &str)>> = stream
            .entries
            .iter()
            .map(|entry| entry.metadata.iter().map(|(name, value)| (&**name, &**value)).collect())
            .collect();
        let entries: Vec<Entry<'_>> = stream
            .entries
            .iter()
            .zip(&metadata)
            .map(|(entry, metadata)| Entry { time: entry.time, line: &entry.line, metadata })
            .collect();
        logdb.append(&stream.labels, &entries);
    }
}

/// Returns the journal record of pushed lines: for each stream its labels, the number of lines,
/// and for each line time, text, and pairs of metadata, all with their lengths as LEB128.
pub(crate) fn push_record(push: &Push<'_>) -> Vec<u8> {
    let mut record = Vec::new();
    for stream in &push.streams {
        put_run(&mut record, stream.labels.as_bytes());
        put_uvarint(&mut record, stream.entries.len() as u64);
        for entry in &stream.entries {
            record.extend_from_slice(&entry.time.0.to_le_bytes());
            put_run(&mut record, entry.line.as_bytes());
            put_uvarint(&mut record, entry.metadata.len() as u64);
            for (name, value) in &entry.metadata {
                put_run(&mut record, name.as_bytes());
                put_run(&mut record, value.as_bytes());
            }
        }
    }
    record
}

/// Stores the lines of a journal record; nothing when it cannot be read.
pub(crate) fn replay_push(record: &[u8], logdb: &LogDb) -> Option<()> {
    let mut rest = record;
    while !rest.is_empty() {
        let labels = Labels::from_bytes(take_run(&mut rest).ok()?)?;
        for _ in 0..take_uvarint(&mut rest).ok()? {
            let (time, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            let line = take_text(&mut rest)?;
            let mut metadata = Vec::new();
            for _ in 0..take_uvarint(&mut rest).ok()? {
                metadata.push((take_text(&mut rest)?, take_text(&mut rest)?));
            }
            let time = Nanos(i64::from_le_bytes(*time));
            logdb.append(&labels, &[Entry { time, line, metadata: &metadata }]);
        }
    }
    Some(())
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_run(rest).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered_is_read_back() {
        let mut covered = Covered::default();
        for (stream_key, segment, ranges) in [(1, 7, vec![0..10, 20..30]), (2, 0, vec![5..6])] {
            let mut set = RangeSet::new();
            ranges.into_iter().for_each(|range| set.insert(range));
            covered.files.insert(File { stream_key, segment }, (set, Millis(99)));
        }
        let bytes = covered.encode();
        assert_eq!(Covered::decode(&bytes).files, covered.files);
        assert_eq!(Covered::decode(&bytes).encode(), bytes);
        for cut in 0..bytes.len() {
            assert!(Covered::decode(&bytes[..cut]).files.len() <= 2);
        }
    }
}
