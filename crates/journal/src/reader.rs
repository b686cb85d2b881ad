//! Reads the records of one segment, past damage.
//!
//! In: a file and the range to read. Out: records, and runs of bytes that are none: after such a
//! run the next place at which a record's checksums hold is searched byte by byte.
//! Bound: the buffer holds one record or [`WINDOW_BYTES`].
//! Records that are of no interest are passed over by their headers.

use std::io;

use weft_disk::File;

use crate::Position;
use crate::record::{HEADER_BYTES, Header};

const WINDOW_BYTES: usize = 256 * 1024;

/// The window where most payloads are passed over.
const PASSING_WINDOW_BYTES: usize = 4 * 1024;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it is.
    pub position: Position,
    /// Where the next one is or will be, unless a new segment begins there.
    pub next: Position,
    /// What its writer called it.
    pub kind: u8,
    /// What its writer put into it.
    pub payload: &'a [u8],
}

/// What could not be read as records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many runs of bytes.
    pub runs: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Segments that should be there and are not.
    pub segments_missing: u64,
}

/// What a replay has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// How many records were visited.
    pub records: u64,
    /// Where to go on: after the last record visited, or the end of what was durable.
    pub end: Position,
    /// What was skipped.
    pub damage: Damage,
}

/// Which records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    All,
    /// Those of this kind.
    Kind(u8),
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    Record(Record<'a>),
    /// A record of no interest.
    Passed,
    /// So many bytes are no record.
    Damage(u64),
    End,
}

#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: Box<dyn File>,
    at: Position,
    end: u64,
    interest: Interest,
    window: Vec<u8>,
    window_start: u64,
}

impl SegmentReader {
    /// Returns a reader of the records from `at` to the offset `end`.
    pub(crate) fn new(
        file: Box<dyn File>,
        at: Position,
        end: u64,
        interest: Interest,
    ) -> SegmentReader {
        SegmentReader {
            file,
            at,
            end,
            interest,
            window: Vec::new(),
            window_start: at.offset,
        }
    }

    /// Returns what comes next.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        let start = self.at;
        if start.offset >= self.end {
            return Ok(Step::End);
        }
        if let Some(bytes) = self.of_no_interest(start)? {
            self.at.offset += bytes;
            return Ok(Step::Passed);
        }
        let Some(header) = self.sound_record(start)? else {
            let next = self.search(start.offset + 1)?;
            self.at.offset = next;
            return Ok(Step::Damage(next - start.offset));
        };
        self.at.offset += header.record_bytes();
        let next = self.at;
        let payload_at = start.offset + HEADER_BYTES as u64;
        let payload = self.bytes(payload_at, header.payload_bytes as usize)?;
        Ok(Step::Record(Record {
            position: start,
            next,
            kind: header.kind,
            payload,
        }))
    }

    /// Returns the size of the record at a place, if its header is sound and names another kind.
    fn of_no_interest(&mut self, at: Position) -> io::Result<Option<u64>> {
        let Interest::Kind(kind) = self.interest else {
            return Ok(None);
        };
        let header = Header::read(self.bytes(at.offset, HEADER_BYTES)?, at);
        let room = self.end - at.offset;
        let other = header.filter(|h| h.kind != kind && h.record_bytes() <= room);
        Ok(other.map(|header| header.record_bytes()))
    }

    /// Returns the header of the record at a place, if both its checksums hold.
    fn sound_record(&mut self, at: Position) -> io::Result<Option<Header>> {
        let header = Header::read(self.bytes(at.offset, HEADER_BYTES)?, at);
        let Some(header) = header.filter(|h| h.record_bytes() <= self.end - at.offset) else {
            return Ok(None);
        };
        let payload_at = at.offset + HEADER_BYTES as u64;
        let payload = self.bytes(payload_at, header.payload_bytes as usize)?;
        Ok(header.matches(payload).then_some(header))
    }

    /// Returns the first offset from `from` on that holds a sound record, or the end.
    fn search(&mut self, from: u64) -> io::Result<u64> {
        for offset in from..self.end {
            if self.may_begin(offset)? && self.sound_record(self.place(offset))?.is_some() {
                return Ok(offset);
            }
        }
        Ok(self.end)
    }

    /// Tells cheaply that most places are no record: the length would reach past the end.
    fn may_begin(&mut self, offset: u64) -> io::Result<bool> {
        let end = self.end;
        let Some(length) = self.bytes(offset, 4)?.first_chunk::<4>() else {
            return Ok(false);
        };
        Ok(u64::from(u32::from_le_bytes(*length)) < end - offset)
    }

    fn place(&self, offset: u64) -> Position {
        Position::new(self.at.segment, offset)
    }

    /// Returns `len` bytes from `offset`, fewer at the end.
    fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min(usize::try_from(self.end.saturating_sub(offset)).unwrap_or(len));
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + len as u64 > window_end {
            let window = match self.interest {
                Interest::All => WINDOW_BYTES,
                Interest::Kind(_) => PASSING_WINDOW_BYTES,
            };
            self.fill(offset, len.max(window))?;
        }
        let start = (offset - self.window_start) as usize;
        let end = (start + len).min(self.window.len());
        Ok(&self.window[start.min(end)..end])
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let left = usize::try_from(self.end - offset).unwrap_or(len);
        self.window_start = offset;
        self.window.resize(len.min(left), 0);
        let mut filled = 0;
        while filled < self.window.len() {
            let from = offset + filled as u64;
            match self.file.read_at(from, &mut self.window[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        self.window.truncate(filled);
        Ok(())
    }
}
