//! Entries as records of the journal.
//!
//! In: batches, notes of what was dropped, what was seen of sessions. Out: bytes, and back; bytes
//! of another shape are no record of ours and count as damage. Numbers are little-endian.

use weft_model::{Millis, SessionId};

use crate::entry::{DropReason, NewBatch};

/// A batch.
pub(crate) const BATCH: u8 = 1;
/// Notes of dropped batches.
pub(crate) const GAPS: u8 = 2;
/// What was seen of each session before this record.
pub(crate) const SESSIONS: u8 = 3;

/// The fixed part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) session: SessionId,
    pub(crate) seq: u64,
    pub(crate) items: u32,
    pub(crate) first: Millis,
    pub(crate) last: Millis,
    pub(crate) appended: Millis,
    pub(crate) meta_bytes: u32,
}

impl BatchHead {
    pub(crate) const BYTES: usize = 56;

    /// Returns the head of a batch that is appended now.
    pub(crate) fn new(batch: &NewBatch<'_>, seq: u64, now: Millis) -> BatchHead {
        BatchHead {
            session: batch.session,
            seq,
            items: batch.items,
            first: batch.first,
            last: batch.last,
            appended: now,
            meta_bytes: u32::try_from(batch.meta.len()).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BatchHead::BYTES);
        out.extend_from_slice(&self.session.0.to_be_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.items.to_le_bytes());
        for time in [self.first, self.last, self.appended] {
            out.extend_from_slice(&time.0.to_le_bytes());
        }
        out.extend_from_slice(&self.meta_bytes.to_le_bytes());
        out
    }
}

/// Returns the head of a batch, its meta and its payload.
pub(crate) fn read_batch(mut bytes: &[u8]) -> Option<(BatchHead, &[u8], &[u8])> {
    let rest = &mut bytes;
    let head = BatchHead {
        session: take_session(rest)?,
        seq: take_u64(rest)?,
        items: take_u32(rest)?,
        first: take_millis(rest)?,
        last: take_millis(rest)?,
        appended: take_millis(rest)?,
        meta_bytes: take_u32(rest)?,
    };
    let (meta, payload) = rest.split_at_checked(head.meta_bytes as usize)?;
    Some((head, meta, payload))
}

/// What is left of dropped batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) session: SessionId,
    pub(crate) reason: DropReason,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) items: u64,
    pub(crate) first: Millis,
    pub(crate) last: Millis,
}

impl Note {
    /// The size of one note.
    pub(crate) const BYTES: usize = 57;
    /// Bytes before the first note.
    pub(crate) const HEAD_BYTES: usize = 8;

    /// Returns the note of one batch.
    pub(crate) fn of(head: &BatchHead, reason: DropReason) -> Note {
        Note {
            session: head.session,
            reason,
            first_seq: head.seq,
            last_seq: head.seq,
            items: head.items.into(),
            first: head.first,
            last: head.last,
        }
    }

    /// Joins a note that continues this one, or gives it back.
    pub(crate) fn join(&mut self, next: Note) -> Option<Note> {
        let continues = next.session == self.session
            && next.reason == self.reason
            && Some(next.first_seq) == self.last_seq.checked_add(1);
        if !continues {
            return Some(next);
        }
        self.last_seq = next.last_seq;
        self.items = self.items.saturating_add(next.items);
        self.first = self.first.min(next.first);
        self.last = self.last.max(next.last);
        None
    }
}

/// Returns the record for notes that are made now.
pub(crate) fn write_notes(notes: &[Note], now: Millis) -> Vec<u8> {
    let mut out = Vec::with_capacity(Note::HEAD_BYTES + notes.len() * Note::BYTES);
    out.extend_from_slice(&now.0.to_le_bytes());
    for note in notes {
        out.extend_from_slice(&note.session.0.to_be_bytes());
        let reason = DropReason::ALL
            .iter()
            .position(|reason| *reason == note.reason);
        out.push(reason.expect("the list of reasons is complete") as u8);
        for number in [note.first_seq, note.last_seq, note.items] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for time in [note.first, note.last] {
            out.extend_from_slice(&time.0.to_le_bytes());
        }
    }
    out
}

/// Returns when notes were made, and the notes.
pub(crate) fn read_notes(mut bytes: &[u8]) -> Option<(Millis, Vec<Note>)> {
    let rest = &mut bytes;
    let made = take_millis(rest)?;
    let mut notes = Vec::with_capacity(rest.len() / Note::BYTES);
    while !rest.is_empty() {
        notes.push(Note {
            session: take_session(rest)?,
            reason: take_reason(rest)?,
            first_seq: take_u64(rest)?,
            last_seq: take_u64(rest)?,
            items: take_u64(rest)?,
            first: take_millis(rest)?,
            last: take_millis(rest)?,
        });
    }
    Some((made, notes))
}

fn take_reason(rest: &mut &[u8]) -> Option<DropReason> {
    let (number, tail) = rest.split_first()?;
    *rest = tail;
    DropReason::ALL.get(usize::from(*number)).copied()
}

pub(crate) fn take_session(rest: &mut &[u8]) -> Option<SessionId> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(SessionId(u128::from_be_bytes(*bytes)))
}

pub(crate) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_le_bytes(*bytes))
}

pub(crate) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u32::from_le_bytes(*bytes))
}

pub(crate) fn take_millis(rest: &mut &[u8]) -> Option<Millis> {
    take_u64(rest).map(|millis| Millis(millis.cast_signed()))
}
