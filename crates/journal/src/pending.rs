//! Records that are appended and not durable yet.
//!
//! In: records. Out: runs of bytes with their places, kept until they are synced, so that a sync
//! that failed can be tried again. Bound: the caller stops at `pending_bytes_max`.

use std::collections::VecDeque;

use crate::{Position, record};

/// Bytes that belong to one segment without a gap.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) start: Position,
    pub(crate) bytes: Vec<u8>,
}

impl Run {
    /// Returns the position after the last byte.
    pub(crate) fn end(&self) -> Position {
        Position::new(
            self.start.segment,
            self.start.offset + self.bytes.len() as u64,
        )
    }
}

/// How much room of a run that was written is kept for the next one: made anew, by whichever
/// thread appends, it would be spread over the heaps of all threads.
const ROOM_BYTES_MAX: usize = 2 << 20;

/// Runs in the order of their places.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    runs: VecDeque<Run>,
    bytes: usize,
    /// Empty, with the room of a run that was written.
    room: Vec<u8>,
}

impl Pending {
    /// Appends a record.
    pub(crate) fn put(&mut self, position: Position, kind: u8, parts: &[&[u8]]) {
        if self.runs.back().is_none_or(|run| run.end() != position) {
            let bytes = std::mem::take(&mut self.room);
            let start = position;
            self.runs.push_back(Run { start, bytes });
        }
        let run = self.runs.back_mut().expect("a run was there or was made");
        let before = run.bytes.len();
        record::put(&mut run.bytes, position, kind, parts);
        self.bytes += run.bytes.len() - before;
    }

    /// Takes all runs out; their bytes still count.
    pub(crate) fn take(&mut self) -> VecDeque<Run> {
        std::mem::take(&mut self.runs)
    }

    /// Puts back what could not be written of the runs taken out, and forgets the rest.
    pub(crate) fn put_back(&mut self, mut unwritten: VecDeque<Run>) {
        unwritten.append(&mut self.runs);
        self.runs = unwritten;
        self.bytes = self.runs.iter().map(|run| run.bytes.len()).sum();
    }

    /// Takes the room of a run that was written.
    pub(crate) fn reuse(&mut self, mut room: Vec<u8>) {
        if (self.room.capacity()..=ROOM_BYTES_MAX).contains(&room.capacity()) {
            room.clear();
            self.room = room;
        }
    }

    /// Returns how many bytes there are, those taken out included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
