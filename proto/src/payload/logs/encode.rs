//! Encodes parts of log streams.
//!
//! In: lines as they are completed. Out: one payload for several parts.
//! Bound: a line has at most [`LINE_BYTES_MAX`] bytes, a payload [`BATCH_DECODED_BYTES_MAX`]
//! before and [`BATCH_BYTES_MAX`] after compression; the encoder refuses what would exceed them.

use bytes::Bytes;
use weft_codec::varint::{put_run, put_uvarint, put_varint};
use weft_model::limits::{BATCH_BYTES_MAX, BATCH_DECODED_BYTES_MAX, LINE_BYTES_MAX};
use weft_model::{Millis, Nanos};

use super::super::dictionary::within_limits;
use super::super::frame::{Squeezer, VERSION};
use super::super::{LINES_MAX, PARTS_MAX};
use super::part::{LineFlags, PartHead};
use crate::batch::Encoded;
use crate::v1::Encoding;

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushLineError {
    /// It must be split first.
    #[error("push line over {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// It was completed before the line before, or outside of the part.
    #[error("push line that was completed out of order")]
    Order,
}

/// The lines of one part, being collected.
#[derive(Clone, Debug)]
pub struct LogPartBuilder {
    head: PartHead,
    end: u64,
    lines: usize,
    last_time: i64,
    times_seen: Option<(Nanos, Nanos)>,
    times: Vec<u8>,
    ends: Vec<u8>,
    flags: Vec<u8>,
    lengths: Vec<u8>,
    bodies: Vec<u8>,
}

impl LogPartBuilder {
    /// Returns a part without lines.
    pub fn new(head: PartHead) -> LogPartBuilder {
        LogPartBuilder {
            end: head.start,
            head,
            lines: 0,
            last_time: 0,
            times_seen: None,
            times: Vec::new(),
            ends: Vec::new(),
            flags: Vec::new(),
            lengths: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// Adds a line that was completed at the offset `end`.
    pub fn push(
        &mut self,
        time: Nanos,
        end: u64,
        flags: LineFlags,
        body: &[u8],
    ) -> Result<(), PushLineError> {
        if body.len() > LINE_BYTES_MAX {
            return Err(PushLineError::TooLong);
        }
        if end <= self.head.start || end < self.end {
            return Err(PushLineError::Order);
        }
        put_varint(&mut self.times, time.0.wrapping_sub(self.last_time));
        put_uvarint(&mut self.ends, end - self.end);
        self.flags.push(flags.0);
        put_uvarint(&mut self.lengths, body.len() as u64);
        self.bodies.extend_from_slice(body);
        self.last_time = time.0;
        self.end = end;
        self.lines += 1;
        self.times_seen = Some(match self.times_seen {
            Some((first, last)) => (first.min(time), last.max(time)),
            None => (time, time),
        });
        Ok(())
    }

    /// Extends the part to `end`: no line was completed between the last one and there. An end
    /// before the present one changes nothing.
    pub fn cover_to(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// Returns the offset up to which the part reaches.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns where the part comes from.
    pub fn head(&self) -> &PartHead {
        &self.head
    }

    /// Returns how many lines there are.
    pub fn len(&self) -> usize {
        self.lines
    }

    /// Tells whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Returns how many bytes the part has, uncompressed, at most.
    pub fn bytes(&self) -> usize {
        let columns = self.times.len() + self.ends.len() + self.flags.len() + self.lengths.len();
        columns + self.bodies.len() + self.head.labels.as_bytes().len() + 64
    }

    /// Appends all but the bodies.
    fn write(&self, out: &mut Vec<u8>) {
        put_run(out, self.head.labels.as_bytes());
        for number in [self.head.stream_key, self.head.segment, self.head.start] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_uvarint(out, self.end - self.head.start);
        put_uvarint(out, self.lines as u64);
        for column in [&self.times, &self.ends, &self.flags, &self.lengths] {
            out.extend_from_slice(column);
        }
    }
}

/// Encodes payloads with one kept compressor.
#[derive(Debug)]
pub struct LogsEncoder {
    squeezer: Squeezer,
}

impl LogsEncoder {
    /// Returns an encoder; `level` is zstd's, 1 to 3.
    pub fn new(level: i32) -> LogsEncoder {
        LogsEncoder {
            squeezer: Squeezer::new(level),
        }
    }

    /// Returns the payload that holds `parts`, or nothing when they are more than a payload can
    /// hold: send fewer. Parts of up to [`BATCH_BYTES_MAX`] bytes together, less a sixteenth,
    /// always fit.
    pub fn encode(&mut self, parts: &[LogPartBuilder]) -> Option<Encoded> {
        let lines: usize = parts.iter().map(LogPartBuilder::len).sum();
        let bytes: usize = parts.iter().map(LogPartBuilder::bytes).sum();
        let admitted = parts.iter().all(|part| within_limits(&part.head.labels));
        let few = parts.len() <= PARTS_MAX && lines <= LINES_MAX;
        if !admitted || !few || bytes + 16 > BATCH_DECODED_BYTES_MAX {
            return None;
        }
        let mut columns = Vec::with_capacity(bytes);
        put_uvarint(&mut columns, parts.len() as u64);
        for part in parts {
            part.write(&mut columns);
        }
        for part in parts {
            columns.extend_from_slice(&part.bodies);
        }
        let mut payload = vec![VERSION];
        payload.extend_from_slice(&self.squeezer.squeeze(&columns));
        let (first, last) = times(parts);
        (payload.len() <= BATCH_BYTES_MAX).then(|| Encoded {
            encoding: Encoding::LogsV1,
            items: lines as u32,
            first,
            last,
            payload: Bytes::from(payload),
        })
    }
}

fn times(parts: &[LogPartBuilder]) -> (Millis, Millis) {
    let seen = || parts.iter().filter_map(|part| part.times_seen);
    let first = seen().map(|(first, _)| first).min();
    let last = seen().map(|(_, last)| last).max();
    let millis = |time: Option<Nanos>| time.unwrap_or_default().to_millis();
    (millis(first), millis(last))
}
