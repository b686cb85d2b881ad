//! Makes room in a queue: by refusing, or by dropping the oldest segment.
//!
//! In: a queue at its bound. Out: room, or a refusal. Of each dropped batch a note is kept that
//! becomes a gap; notes that are dropped in their turn are joined where they continue each other.

use std::ops::ControlFlow;
use std::sync::MutexGuard;

use weft_journal::{Position, Record};
use weft_model::Millis;

use super::contents::{Contents, read_contents};
use super::{Queue, State};
use crate::config::Full;
use crate::entry::{DropReason, EntryId, NewBatch};
use crate::error::{AppendError, ReadError, SyncError};
use crate::record::{BatchHead, Note};

impl Queue {
    /// Waits for nothing: returns with room for the batch, or refuses it.
    pub(super) fn make_room(
        &self,
        batch: &NewBatch<'_>,
        now: Millis,
    ) -> Result<MutexGuard<'_, State>, AppendError> {
        let bytes = BatchHead::BYTES + batch.meta.len() + batch.payload.len();
        let bytes_max = self.journal.record_bytes_max();
        if bytes as u64 > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        let mut state = self.state();
        self.drop_aged(&mut state, now)?;
        // Notes take room, too: if dropping all that is there now does not help, nothing does.
        let mut droppable = match self.config.full {
            Full::Backpressure => 0,
            Full::DropOldest => self.journal.segments().len(),
        };
        let bytes = bytes as u64 + self.overhead_bytes(&state);
        while self.is_full(bytes) {
            if droppable == 0 || !self.drop_oldest(&mut state, DropReason::Full, now)? {
                return Err(AppendError::Full);
            }
            droppable -= 1;
        }
        Ok(state)
    }

    /// Drops the segments in which all has waited for too long.
    pub(super) fn drop_aged(&self, state: &mut State, now: Millis) -> Result<(), AppendError> {
        let Some(age_max_ms) = self.config.age_max_ms else {
            return Ok(());
        };
        let before = now.plus(age_max_ms.saturating_neg());
        while state
            .segments
            .first_key_value()
            .is_some_and(|(_, oldest)| oldest.newest < before)
        {
            if !self.drop_oldest(state, DropReason::Age, now)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns what a batch may bring with it: the headers of a record and a segment, and what was
    /// seen of the sessions.
    fn overhead_bytes(&self, state: &State) -> u64 {
        const HEADERS_BYTES: u64 = 64;
        HEADERS_BYTES + state.sessions.bytes()
    }

    fn is_full(&self, more: u64) -> bool {
        if self.journal.bytes() + more > self.config.bytes_max {
            return true;
        }
        // A file system that does not tell its space is not thereby full.
        self.disk
            .space(&self.dir)
            .is_ok_and(|space| space.free < self.config.free_bytes_min)
    }

    /// Drops the oldest segment, unless it is the one that is being written. Returns whether it
    /// did. The notes are durable before the segment goes, but on a disk that has no space even
    /// for them.
    fn drop_oldest(
        &self,
        state: &mut State,
        reason: DropReason,
        now: Millis,
    ) -> Result<bool, AppendError> {
        let oldest = self.journal.start().segment;
        if oldest >= self.journal.end().segment {
            return Ok(false);
        }
        if oldest >= self.journal.durable().segment {
            let durable = self.journal.sync().map_err(AppendError::Sync)?;
            self.absorb(state, durable);
        }
        let gone = self.collect(state, oldest, reason)?;
        let next = Position::new(oldest + 1, 0);
        self.put_notes(state, &gone.notes, now)?;
        let synced = self.journal.sync();
        if let Err(error @ SyncError::Io { .. }) = synced {
            return Err(AppendError::Sync(error));
        }
        self.absorb(state, self.journal.durable());
        state.leave(next, &gone);
        self.remove_before(state, next.segment).map_err(|error| {
            AppendError::Read(ReadError(weft_journal::ReplayError {
                path: error.0.path,
                source: error.0.source,
            }))
        })?;
        let counts = state.dropped.entry(reason).or_default();
        counts.batches += gone.batches;
        counts.items += gone.items;
        counts.bytes += gone.bytes;
        if synced.is_err() {
            self.journal.sync().map_err(AppendError::Sync)?;
            self.absorb(state, self.journal.durable());
        }
        Ok(true)
    }

    /// Reads what is not acknowledged in a segment.
    fn collect(&self, state: &State, number: u64, reason: DropReason) -> Result<Gone, ReadError> {
        let mut gone = Gone::default();
        let acked_to = state.acked_to();
        let start = Position::new(number, 0).max(acked_to.position);
        let is_due = |id: EntryId| id >= acked_to && !state.acked_beyond.contains(&id);
        let mut carried: Vec<Note> = Vec::new();
        self.journal.replay(start, |record: Record<'_>| {
            if record.position.segment > number {
                return ControlFlow::Break(());
            }
            let position = record.position;
            match read_contents(self.stream, &record) {
                Some(Contents::Batch(head, _)) if is_due(EntryId { position, index: 0 }) => {
                    gone.notes.push(Note::of(&head, reason));
                    gone.batches += 1;
                    gone.items += u64::from(head.items);
                    gone.bytes += record.payload.len() as u64;
                }
                Some(Contents::Gaps { notes, .. }) => {
                    let due = (0u32..).zip(notes);
                    let due = due.filter(|(index, _)| {
                        is_due(EntryId {
                            position,
                            index: *index,
                        })
                    });
                    carried.extend(due.map(|(_, note)| note));
                }
                Some(Contents::Batch(..) | Contents::Sessions) | None => {}
            }
            ControlFlow::Continue(())
        })?;
        gone.entries = gone.batches + carried.len() as u64;
        gone.notes.append(&mut join(carried));
        Ok(gone)
    }
}

/// What a dropped segment held that was not acknowledged.
#[derive(Debug, Default)]
struct Gone {
    notes: Vec<Note>,
    /// Batches and notes.
    entries: u64,
    batches: u64,
    items: u64,
    bytes: u64,
}

impl State {
    /// Goes on at `next`, whatever was read or acknowledged before it.
    fn leave(&mut self, next: Position, gone: &Gone) {
        let next = EntryId {
            position: next,
            index: 0,
        };
        self.in_flight = self.in_flight.split_off(&next);
        self.cursor = self.cursor.max(next);
        self.unacked = self.unacked.saturating_sub(gone.entries);
        self.forget_before(self.acked_to());
    }
}

/// Joins the notes that continue each other.
fn join(mut notes: Vec<Note>) -> Vec<Note> {
    notes.sort_unstable_by_key(|note| (note.session, note.reason, note.first_seq));
    let mut joined: Vec<Note> = Vec::new();
    for note in notes {
        let left = match joined.last_mut() {
            Some(last) => last.join(note),
            None => Some(note),
        };
        joined.extend(left);
    }
    joined
}
