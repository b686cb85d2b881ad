//! Lines into batches, one part for each segment that has lines.
//!
//! In: lines of many streams. Out: encoded batches, sealed by size or age by the caller.
//! Bound: the caller seals at its own size; the encoder refuses what no receiver takes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use weft_model::Nanos;
use weft_proto::batch::Encoded;
use weft_proto::payload::{LineFlags, LogPartBuilder, LogsEncoder, PartHead, PushLineError};

/// zstd's level: higher ones cost more than they save at the size of a batch.
const LEVEL: i32 = 1;

/// A batch of lines that is being filled.
#[derive(Debug)]
pub(crate) struct LogBatcher {
    encoder: LogsEncoder,
    parts: Vec<LogPartBuilder>,
    /// The part of a stream key and segment.
    places: HashMap<(u64, u64), usize>,
    bytes: usize,
    lines: usize,
    opened: Option<Instant>,
}

/// A part of the batch that is being filled; valid until it is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartPlace(usize);

impl Default for LogBatcher {
    fn default() -> LogBatcher {
        LogBatcher {
            encoder: LogsEncoder::new(LEVEL),
            parts: Vec::new(),
            places: HashMap::new(),
            bytes: 0,
            lines: 0,
            opened: None,
        }
    }
}

impl LogBatcher {
    /// Returns the part for lines of `segment`; `head` describes it when it is new.
    pub(crate) fn part(
        &mut self,
        key: u64,
        segment: u64,
        head: impl FnOnce() -> PartHead,
    ) -> PartPlace {
        let (parts, bytes) = (&mut self.parts, &mut self.bytes);
        let place = self.places.entry((key, segment)).or_insert_with(|| {
            let part = LogPartBuilder::new(head());
            *bytes += part.bytes();
            parts.push(part);
            parts.len() - 1
        });
        PartPlace(*place)
    }

    /// Adds a line.
    pub(crate) fn push(
        &mut self,
        place: PartPlace,
        (time, end, flags): (Nanos, u64, LineFlags),
        body: &[u8],
        now: Instant,
    ) -> Result<(), PushLineError> {
        self.parts[place.0].push(time, end, flags, body)?;
        // A line's columns have about as many bytes as this.
        self.bytes += body.len() + 8;
        self.lines += 1;
        self.opened.get_or_insert(now);
        Ok(())
    }

    /// Returns the size so far, before compression.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many lines there are so far.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Returns for how long the first line has waited.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.opened
            .map(|opened| now.saturating_duration_since(opened))
    }

    /// Seals the batch and begins the next one; nothing when there is no line, or when the encoder
    /// refuses the batch, which only labels over the limits can cause.
    pub(crate) fn seal(&mut self) -> Option<Encoded> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.retain(|part| !part.is_empty());
        self.places.clear();
        (self.bytes, self.lines, self.opened) = (0, 0, None);
        if parts.is_empty() {
            return None;
        }
        self.encoder.encode(&parts)
    }
}

#[cfg(test)]
mod tests {
    use weft_model::Labels;
    use weft_proto::payload::decode_logs;

    use super::*;

    fn head(segment: u64, start: u64) -> PartHead {
        let labels = Labels::from_pairs([("job", "test")]);
        PartHead {
            labels,
            stream_key: 7,
            segment,
            start,
        }
    }

    #[test]
    fn lines_of_a_segment_share_a_part() {
        let mut batcher = LogBatcher::default();
        let now = Instant::now();
        for (segment, end, body) in [(1, 5, "a"), (2, 9, "b"), (1, 12, "c")] {
            let place = batcher.part(7, segment, || head(segment, 0));
            batcher
                .push(
                    place,
                    (Nanos(1), end, LineFlags::default()),
                    body.as_bytes(),
                    now,
                )
                .unwrap();
        }
        assert_eq!(batcher.lines(), 3);
        let sealed = batcher.seal().unwrap();
        assert_eq!(sealed.items, 3);
        let parts = decode_logs(&sealed.payload).unwrap();
        let told: Vec<_> = parts
            .iter()
            .map(|p| (p.head.segment, p.end, p.len()))
            .collect();
        assert_eq!(told, [(1, 12, 2), (2, 9, 1)]);
        assert!(batcher.seal().is_none());
    }
}
