//! Log lines into the log store, each once.
//!
//! In: parts of log batches, and pushed lines. Out: lines in the log head.
//! A line of an agent is known by its file and the offset at which it was completed; [`Covered`]
//! remembers which offsets are stored, so that a line that comes again, in whatever batch, is left
//! out. A record that is applied again after a crash is left out by its place in the journal.
//! Bound: [`FILES_MAX`] files; the one not heard of for longest is forgotten first.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use weft_codec::varint::{put_run, put_uvarint, take_run, take_uvarint};
use weft_exposition::loki::{Entry as PushedEntry, Push, Stream as PushedStream};
use weft_journal::Position;
use weft_logdb::{Entry, LogDb};
use weft_model::{Labels, Millis, Nanos};
use weft_proto::RangeSet;
use weft_proto::payload::{LineFlags, LogPart};

use super::sessions::merged;
use crate::drops::Drops;
use crate::store::chain;

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

/// Where lines go, and when.
#[derive(Clone, Copy)]
pub(crate) struct IntoLines<'a> {
    pub(crate) logdb: &'a LogDb,
    pub(crate) drops: &'a Drops,
    pub(crate) now: Millis,
}

/// What became of a record.
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
    /// Stores those lines of a record's parts that are not stored yet; `added` are labels that
    /// collectors gave on the way, `position` is the record's place in the journal.
    pub(crate) fn store(
        &mut self,
        mut parts: Vec<LogPart>,
        added: &Labels,
        position: Position,
        into: IntoLines<'_>,
    ) -> Stored {
        let mut stored = Stored::default();
        for part in &mut parts {
            let file = File {
                stream_key: part.head.stream_key,
                segment: part.head.segment,
            };
            if self.files.len() >= FILES_MAX && !self.files.contains_key(&file) {
                self.forget_oldest();
            }
            let (covered, last_heard) = self.files.entry(file).or_default();
            *last_heard = into.now;
            stored.trimmed += part.trim(covered) as u64;
            part.cover(covered);
        }
        let mut streams: BTreeMap<Labels, Vec<Entry<'_>>> = BTreeMap::new();
        for part in &parts {
            let entries = streams.entry(merged(&part.head.labels, added)).or_default();
            entries.extend(part.lines().map(|line| Entry {
                time: line.time,
                line: line.body,
                metadata: metadata_of(line.flags),
            }));
        }
        into.append(position, streams, &mut stored);
        stored
    }

    /// Forgets files that were not heard of since `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        self.files
            .retain(|_, (_, last_heard)| *last_heard >= before);
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
        let oldest = self
            .files
            .iter()
            .min_by_key(|(_, (_, last_heard))| *last_heard);
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
    let file = File {
        stream_key: number()?,
        segment: number()?,
    };
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
    match (
        flags.has(LineFlags::TRUNCATED),
        flags.has(LineFlags::CONTINUES),
    ) {
        (true, _) => &[("weft_line", "truncated")],
        (false, true) => &[("weft_line", "continues")],
        (false, false) => &[],
    }
}

/// Stores pushed lines, whose record is at `position`.
pub(crate) fn store_push(push: &Push<'_>, position: Position, into: IntoLines<'_>) -> Stored {
    let metadata: Vec<Vec<(&str, &str)>> = push
        .streams
        .iter()
        .flat_map(|stream| &stream.entries)
        .map(|entry| {
            entry
                .metadata
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect()
        })
        .collect();
    let mut metadata = metadata.iter();
    let mut streams: BTreeMap<Labels, Vec<Entry<'_>>> = BTreeMap::new();
    for stream in &push.streams {
        let entries = streams.entry(stream.labels.clone()).or_default();
        for (entry, metadata) in stream.entries.iter().zip(&mut metadata) {
            entries.push(Entry {
                time: entry.time,
                line: entry.line.as_bytes(),
                metadata,
            });
        }
    }
    let mut stored = Stored::default();
    into.append(position, streams, &mut stored);
    stored
}

impl IntoLines<'_> {
    /// Appends the lines of one record, those of each stream in one call, as the log store asks
    /// for: so a record is in it whole or not at all.
    fn append(
        self,
        position: Position,
        streams: BTreeMap<Labels, Vec<Entry<'_>>>,
        stored: &mut Stored,
    ) {
        for (labels, entries) in streams {
            match self.logdb.append(place(position), &labels, &entries) {
                Ok(appended) => {
                    stored.lines += appended.lines;
                    stored.bytes += appended.bytes;
                    stored.trimmed += appended.already_durable;
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "log lines dropped");
                    self.drops.lines("log_store", entries.len() as u64);
                }
            }
        }
    }
}

/// Returns a journal position as the number that the log store orders records by.
pub(crate) fn place(position: Position) -> u64 {
    position.segment << 32 | position.offset
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
pub(crate) fn replay_push(
    record: &[u8],
    position: Position,
    into: IntoLines<'_>,
) -> Option<Stored> {
    let push = read_push(record)?;
    Some(store_push(&push, position, into))
}

/// Reads what [`push_record`] returned.
fn read_push(record: &[u8]) -> Option<Push<'_>> {
    let mut rest = record;
    let mut push = Push::default();
    while !rest.is_empty() {
        let labels = Labels::from_bytes(take_run(&mut rest).ok()?)?;
        let mut entries = Vec::new();
        for _ in 0..take_uvarint(&mut rest).ok()? {
            let (time, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            let time = Nanos(i64::from_le_bytes(*time));
            let line = Cow::Borrowed(take_text(&mut rest)?);
            let mut metadata = Vec::new();
            for _ in 0..take_uvarint(&mut rest).ok()? {
                let (name, value) = (take_text(&mut rest)?, take_text(&mut rest)?);
                metadata.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
            entries.push(PushedEntry {
                time,
                line,
                metadata,
            });
        }
        push.streams.push(PushedStream { labels, entries });
    }
    Some(push)
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
        for (stream_key, segment, ranges) in [(1, 7, vec![0..10, 20..30]), (2, 0, vec![5..6, 8..9])]
        {
            let mut set = RangeSet::new();
            ranges.into_iter().for_each(|range| set.insert(range));
            covered.files.insert(
                File {
                    stream_key,
                    segment,
                },
                (set, Millis(99)),
            );
        }
        let bytes = covered.encode();
        assert_eq!(Covered::decode(&bytes).files, covered.files);
        assert_eq!(Covered::decode(&bytes).encode(), bytes);
        for cut in 0..bytes.len() {
            assert!(Covered::decode(&bytes[..cut]).files.len() <= 2);
        }
    }
}
