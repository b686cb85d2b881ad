//! What an acknowledgement makes durable.
//!
//! In: numbered batches, each with the states that its lines lead to. Out: those states, in order,
//! once all batches up to theirs are acknowledged. Bound: the caller's window of bytes in flight.

use std::collections::VecDeque;

use super::position::SegmentState;

/// What is to be noted of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Its segments are acknowledged up to these states.
    States(String, Vec<SegmentState>),
    /// Its files are gone and all of it is acknowledged.
    Gone(String),
}

/// The batches in flight.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Bytes of the lines in flight, before compression.
    raw_bytes: u64,
    /// The number of the last batch.
    last_seq: u64,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    bytes: usize,
    raw_bytes: u64,
    lines: u64,
    notes: Vec<Note>,
}

impl Ledger {
    /// Adds the next batch, of so many bytes sealed and before, and returns its number.
    pub(super) fn push(
        &mut self,
        (bytes, raw_bytes): (usize, u64),
        lines: u64,
        notes: Vec<Note>,
    ) -> u64 {
        self.last_seq += 1;
        self.bytes += bytes;
        self.raw_bytes += raw_bytes;
        self.entries.push_back(Entry {
            seq: self.last_seq,
            bytes,
            raw_bytes,
            lines,
            notes,
        });
        self.last_seq
    }

    /// Adds notes that belong to no batch: they take effect with the last one.
    pub(super) fn note(&mut self, notes: Vec<Note>) {
        match self.entries.back_mut() {
            Some(entry) => entry.notes.extend(notes),
            None => self.entries.push_back(Entry {
                seq: self.last_seq,
                bytes: 0,
                raw_bytes: 0,
                lines: 0,
                notes,
            }),
        }
    }

    /// Takes the notes of all batches up to `durable_seq`, with how many lines they held.
    pub(super) fn acked(&mut self, durable_seq: u64) -> (Vec<Note>, u64) {
        let (mut notes, mut lines) = (Vec::new(), 0);
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.seq <= durable_seq) {
            self.bytes -= entry.bytes;
            self.raw_bytes -= entry.raw_bytes;
            lines += entry.lines;
            notes.extend(entry.notes);
        }
        (notes, lines)
    }

    /// Returns the bytes in flight.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes of the lines in flight, before compression.
    pub(super) fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(name: &str) -> Note {
        Note::Gone(name.to_owned())
    }

    #[test]
    fn notes_take_effect_in_order_and_only_when_acknowledged() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.push((10, 100), 1, vec![gone("a")]), 1);
        ledger.note(vec![gone("b")]);
        assert_eq!(ledger.push((20, 200), 2, vec![gone("c")]), 2);
        assert_eq!(ledger.acked(0), (vec![], 0));
        assert_eq!(ledger.acked(1), (vec![gone("a"), gone("b")], 1));
        assert_eq!((ledger.bytes(), ledger.raw_bytes()), (20, 200));
        assert_eq!(ledger.acked(9), (vec![gone("c")], 2));
        ledger.note(vec![gone("d")]);
        assert_eq!(ledger.acked(2), (vec![gone("d")], 0));
    }
}
