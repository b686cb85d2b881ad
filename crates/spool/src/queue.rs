//! The queue of one stream: a journal of entries and how far they are acknowledged.
//!
//! In: batches, acknowledgements in any order. Out: entries in order. In memory are only the ids
//! of entries that were read and not acknowledged, and a few numbers for each segment and session.
//! Bound: [`QueueConfig`]; what is read and not acknowledged is bounded by the reader.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_disk::Disk;
use weft_journal::{Journal, Position, Record};
use weft_model::{Millis, RangeSet, SessionId, StreamKind};

use crate::config::QueueConfig;
use crate::entry::{DropReason, Entry, EntryId, NewBatch};
use crate::error::{AckError, AppendError, ReadError, SyncError};
use crate::index::{Index, Marks, Segment};
use crate::record::{self, BatchHead, Note};
use crate::sessions::Sessions;
use crate::stats::{Dropped, Stats};

mod contents;
mod open;
mod room;

use contents::read_contents;

#[derive(Debug)]
pub(crate) struct Queue {
    stream: StreamKind,
    config: QueueConfig,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    journal: Journal,
    index: Index,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The next entry to read.
    cursor: EntryId,
    /// Read, not acknowledged.
    in_flight: BTreeSet<EntryId>,
    /// Acknowledged, with others before that are not.
    acked_beyond: BTreeSet<EntryId>,
    /// Entries that are durable and not acknowledged.
    unacked: u64,
    /// What the durable part of each segment holds.
    segments: BTreeMap<u64, Segment>,
    /// What is durable of each session.
    sessions: Sessions,
    /// The last record that holds all sessions.
    snapshot: Position,
    /// Appended, perhaps not durable.
    unsynced: VecDeque<Unsynced>,
    /// Segments and sessions that the ledger does not know yet.
    changed_segments: BTreeSet<u64>,
    changed_sessions: BTreeSet<SessionId>,
    dropped: BTreeMap<DropReason, Dropped>,
    damaged_bytes: u64,
}

/// A record that is on its way to the disk.
#[derive(Debug)]
struct Unsynced {
    position: Position,
    entries: u64,
    appended: Millis,
    seqs: Vec<(SessionId, u64, u64)>,
}

impl Queue {
    /// Appends a batch under the number that it was born with.
    pub(crate) fn append(
        &self,
        batch: &NewBatch<'_>,
        seq: u64,
        now: Millis,
    ) -> Result<EntryId, AppendError> {
        if seq == 0 || seq == u64::MAX {
            return Err(AppendError::Seq(seq));
        }
        let mut state = self.make_room(batch, now)?;
        self.put(&mut state, batch, seq, now)
    }

    /// Appends a batch of a session that is born here and returns its number.
    pub(crate) fn append_next(
        &self,
        batch: &NewBatch<'_>,
        now: Millis,
    ) -> Result<u64, AppendError> {
        let mut state = self.make_room(batch, now)?;
        let seq = state.next_seq(batch.session);
        self.put(&mut state, batch, seq, now)?;
        Ok(seq)
    }

    /// Returns the number that the next batch of a session will have.
    pub(crate) fn next_seq(&self, session: SessionId) -> u64 {
        self.state().next_seq(session)
    }

    /// Tells of the numbers of a session that are missing between others: batches that were being
    /// written when the power ended. Returns how many.
    pub(crate) fn fill_holes(&self, session: SessionId, now: Millis) -> Result<u64, AppendError> {
        let mut state = self.state();
        let next = state.next_seq(session);
        let seen = state.sessions.get(session).map(|known| known.seen.clone());
        let holes = seen.unwrap_or_default().missing(1..next);
        let note = |hole: &Range<u64>| Note {
            session,
            reason: DropReason::Damage,
            first_seq: hole.start,
            last_seq: hole.end - 1,
            items: 0,
            first: now,
            last: now,
        };
        let notes: Vec<Note> = holes.iter().map(note).collect();
        self.put_notes(&mut state, &notes, now)?;
        Ok(holes.iter().map(|hole| hole.end - hole.start).sum())
    }

    /// Makes all that was appended before durable.
    pub(crate) fn sync(&self) -> Result<Position, SyncError> {
        let durable = self.journal.sync()?;
        let mut state = self.state();
        self.absorb(&mut state, durable);
        Ok(durable)
    }

    /// Returns the next entries, at least one if there is any, then up to so many bytes.
    pub(crate) fn read(&self, budget_bytes: usize) -> Result<Vec<Entry>, ReadError> {
        let mut state = self.state();
        let state = &mut *state;
        let from = state.cursor;
        let mut entries: Vec<Entry> = Vec::new();
        let mut stopped = None;
        let (mut bytes, mut damaged) = (0, 0);
        let report = self.journal.replay(from.position, |record: Record<'_>| {
            let Some(contents) = read_contents(self.stream, &record) else {
                damaged += record.payload.len() as u64;
                return ControlFlow::Continue(());
            };
            let first = if record.position == from.position {
                from.index
            } else {
                0
            };
            for entry in contents.into_entries(first) {
                if bytes >= budget_bytes && !entries.is_empty() {
                    stopped = Some(entry.id);
                    return ControlFlow::Break(());
                }
                if !state.acked_beyond.contains(&entry.id) {
                    bytes += entry.bytes();
                    entries.push(entry);
                }
            }
            ControlFlow::Continue(())
        })?;
        let end = EntryId {
            position: report.end,
            index: 0,
        };
        state.in_flight.extend(entries.iter().map(|entry| entry.id));
        state.cursor = stopped.unwrap_or(end).max(from);
        state.damaged_bytes += damaged + report.damage.bytes;
        Ok(entries)
    }

    /// Lets all entries that are not acknowledged be read again.
    pub(crate) fn rewind(&self) {
        let mut state = self.state();
        state.cursor = state.acked_to();
        state.in_flight.clear();
    }

    /// Notes that entries are durable further down; ids that are not known are ignored.
    pub(crate) fn ack(&self, ids: &[EntryId]) -> Result<(), AckError> {
        let mut state = self.state();
        for id in ids {
            if state.in_flight.remove(id) {
                state.unacked = state.unacked.saturating_sub(1);
                state.acked_beyond.insert(*id);
            }
        }
        let acked_to = state.acked_to();
        state.forget_before(acked_to);
        self.release(&mut state)
    }

    /// Returns what is durable of each session.
    pub(crate) fn sessions(&self) -> Vec<(SessionId, RangeSet)> {
        let state = self.state();
        let seen = state.sessions.iter();
        seen.map(|(session, known)| (session, known.seen.clone()))
            .collect()
    }

    /// Forgets the sessions that were not heard of for long, and drops what is too old.
    pub(crate) fn expire(&self, now: Millis) -> Result<(), AppendError> {
        let mut state = self.state();
        let before = now.plus(self.config.session_age_max_ms.saturating_neg());
        let quiet = state.sessions.expire(before);
        state.changed_sessions.extend(quiet);
        self.save(&mut state);
        self.index.flush();
        self.drop_aged(&mut state, now)
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        let oldest = state.segments.range(state.acked_to().position.segment..);
        let oldest = oldest.map(|(_, segment)| segment.oldest).next();
        Stats {
            bytes: self.journal.bytes(),
            bytes_max: self.config.bytes_max,
            entries: state.unacked,
            in_flight: state.in_flight.len() as u64,
            oldest: oldest.filter(|_| state.unacked > 0),
            dropped: state
                .dropped
                .iter()
                .map(|(reason, count)| (*reason, *count))
                .collect(),
            damaged_bytes: state.damaged_bytes,
            ledger_failures: self.index.failures(),
        }
    }

    fn put(
        &self,
        state: &mut State,
        batch: &NewBatch<'_>,
        seq: u64,
        now: Millis,
    ) -> Result<EntryId, AppendError> {
        let head = BatchHead::new(batch, seq, now).to_bytes();
        let parts = [head.as_slice(), batch.meta, batch.payload];
        let position = self.journal.append(record::BATCH, &parts)?;
        state.unsynced.push_back(Unsynced {
            position,
            entries: 1,
            appended: now,
            seqs: vec![(batch.session, seq, seq)],
        });
        self.snapshot_sessions(state, position)?;
        Ok(EntryId { position, index: 0 })
    }

    /// Appends notes, as many records as they need.
    fn put_notes(&self, state: &mut State, notes: &[Note], now: Millis) -> Result<(), AppendError> {
        let fits = (self.journal.record_bytes_max() as usize).saturating_sub(Note::HEAD_BYTES);
        for notes in notes.chunks((fits / Note::BYTES).clamp(1, 4096)) {
            let bytes = record::write_notes(notes, now);
            let position = self.journal.append(record::GAPS, &[&bytes])?;
            let seqs = notes
                .iter()
                .map(|note| (note.session, note.first_seq, note.last_seq));
            state.unsynced.push_back(Unsynced {
                position,
                entries: notes.len() as u64,
                appended: now,
                seqs: seqs.collect(),
            });
            self.snapshot_sessions(state, position)?;
        }
        Ok(())
    }

    /// Begins each segment with what was seen of all sessions, so that the segments before it can
    /// be removed without forgetting it.
    fn snapshot_sessions(&self, state: &mut State, last: Position) -> Result<(), AppendError> {
        if last.segment == state.snapshot.segment {
            return Ok(());
        }
        let bytes_max = (self.journal.record_bytes_max() as usize).min(256 * 1024);
        state.snapshot = last;
        for bytes in state.sessions.to_records(bytes_max) {
            state.snapshot = self.journal.append(record::SESSIONS, &[&bytes])?;
        }
        Ok(())
    }

    /// Counts what has become durable, and tells the ledger.
    fn absorb(&self, state: &mut State, durable: Position) {
        while let Some(record) = state
            .unsynced
            .pop_front_if(|record| record.position < durable)
        {
            state.count(&record);
        }
        self.save(state);
    }

    fn save(&self, state: &mut State) {
        let durable = self.journal.durable();
        let unsynced = state.unsynced.front().map(|record| record.position);
        let marks = Marks {
            acked_to: state.acked_to(),
            covered: unsynced.map_or(durable, |position| position.min(durable)),
            snapshot: state.snapshot,
        };
        let segments = std::mem::take(&mut state.changed_segments);
        let sessions = std::mem::take(&mut state.changed_sessions);
        self.index.save(
            marks,
            segments
                .into_iter()
                .map(|number| (number, state.segments.get(&number).copied())),
            sessions
                .into_iter()
                .map(|session| (session, state.sessions.get(session))),
        );
    }

    /// Removes the segments in which all is acknowledged, once the ledger knows that and a later
    /// one holds what was seen of the sessions.
    fn release(&self, state: &mut State) -> Result<(), AckError> {
        let acked_to = state.acked_to().position.segment;
        let keep = acked_to.min(state.snapshot.segment);
        if keep <= self.journal.start().segment || state.snapshot >= self.journal.durable() {
            return Ok(());
        }
        self.remove_before(state, keep)
    }

    fn remove_before(&self, state: &mut State, keep: u64) -> Result<(), AckError> {
        let kept = state.segments.split_off(&keep);
        let removed = std::mem::replace(&mut state.segments, kept);
        state.changed_segments.extend(removed.into_keys());
        self.save(state);
        self.index.flush();
        self.journal.trim(Position::new(keep, 0))?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the first entry that is not acknowledged, or the next to read.
    fn acked_to(&self) -> EntryId {
        self.in_flight.first().copied().unwrap_or(self.cursor)
    }

    fn forget_before(&mut self, id: EntryId) {
        self.acked_beyond = self.acked_beyond.split_off(&id);
    }

    fn next_seq(&self, session: SessionId) -> u64 {
        let durable = self
            .sessions
            .get(session)
            .map_or(1, |known| known.next_seq());
        let own = self.unsynced.iter().flat_map(|record| &record.seqs);
        let unsynced = own
            .filter(|(of, _, _)| *of == session)
            .map(|(_, _, last)| last + 1);
        unsynced.max().map_or(durable, |next| next.max(durable))
    }

    /// Counts a record that is durable.
    fn count(&mut self, record: &Unsynced) {
        let number = record.position.segment;
        let segment = self.segments.entry(number).or_insert(Segment {
            entries: 0,
            oldest: record.appended,
            newest: record.appended,
        });
        segment.entries += record.entries;
        segment.oldest = segment.oldest.min(record.appended);
        segment.newest = segment.newest.max(record.appended);
        self.unacked += record.entries;
        self.changed_segments.insert(number);
        for (session, first, last) in &record.seqs {
            self.sessions
                .note(*session, (*first, *last), record.appended);
            self.changed_sessions.insert(*session);
        }
    }
}
