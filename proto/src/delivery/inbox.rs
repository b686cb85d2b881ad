//! The receiver's side: from the arrival of a batch to its acknowledgement.
//!
//! In: batches that arrive, their positions in the journal, how far the journal is durable.
//! Out: whether to store a batch, and what to acknowledge: only what is durable.
//! Bound: that of [`Dedup`], twice, and one entry for each batch between append and sync.

use std::collections::{BTreeSet, VecDeque};

use weft_model::{Millis, SessionId, StreamKind};

use super::dedup::{Admission, Dedup};
use crate::batch::BatchKey;
use crate::v1;

/// What to do with a batch that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Append it to the journal, then call [`Inbox::appended`].
    Store,
    /// It is durable already: acknowledge again.
    AckAgain,
    /// It was appended and is not durable yet: the acknowledgement will come.
    Wait,
    /// Refuse it for now.
    TooFarAhead,
}

/// What a receiver has of all sessions. `P` is a position in its journal.
#[derive(Clone, Debug, Default)]
pub struct Inbox<P> {
    appended: Dedup,
    durable: Dedup,
    waiting: VecDeque<(P, BatchKey, u64)>,
}

impl<P: Ord + Copy> Inbox<P> {
    /// Returns an inbox for which what `durable` has seen is durable.
    pub fn new(durable: Dedup) -> Inbox<P> {
        Inbox {
            appended: durable.clone(),
            durable,
            waiting: VecDeque::new(),
        }
    }

    /// Tells what to do with a batch that arrived.
    pub fn offer(&self, key: BatchKey) -> Offer {
        match self.appended.check(key) {
            Admission::New => Offer::Store,
            Admission::TooFarAhead => Offer::TooFarAhead,
            Admission::Duplicate if self.durable.check(key) == Admission::Duplicate => {
                Offer::AckAgain
            }
            Admission::Duplicate => Offer::Wait,
        }
    }

    /// Tells what to do with a gap from the batch of `key` to `last_seq`: it is stored when any of
    /// them is new. How many are, [`Inbox::unseen`] tells.
    pub fn offer_gap(&self, key: BatchKey, last_seq: u64) -> Offer {
        if self.durable.unseen(key, last_seq) == 0 {
            Offer::AckAgain
        } else if self.appended.unseen(key, last_seq) == 0 {
            Offer::Wait
        } else if self.appended.check(key) == Admission::TooFarAhead {
            Offer::TooFarAhead
        } else {
            Offer::Store
        }
    }

    /// Returns how many of the batches from that of `key` to `last_seq` were not appended: what
    /// a gap adds to the count of dropped batches.
    pub fn unseen(&self, key: BatchKey, last_seq: u64) -> u64 {
        self.appended.unseen(key, last_seq)
    }

    /// Notes that a batch was appended at `position`, which is greater than any before.
    pub fn appended(&mut self, key: BatchKey, position: P, now: Millis) {
        self.appended_gap(key, key.seq, position, now);
    }

    /// Notes that a gap was appended at `position`, which is greater than any before.
    pub fn appended_gap(&mut self, key: BatchKey, last_seq: u64, position: P, now: Millis) {
        self.appended.note_to(key, last_seq, now);
        self.waiting.push_back((position, key, last_seq));
    }

    /// Notes a batch that is refused for good and counted: it is acknowledged as if it was
    /// stored, so that the sender can go on.
    pub fn refused(&mut self, key: BatchKey, now: Millis) {
        self.appended.note(key, now);
        self.durable.note(key, now);
    }

    /// Notes that all before the position `end` is durable. Returns the streams that now have
    /// more to acknowledge.
    pub fn durable_to(&mut self, end: P, now: Millis) -> BTreeSet<(SessionId, StreamKind)> {
        let mut streams = BTreeSet::new();
        let before = |entry: &mut (P, BatchKey, u64)| entry.0 < end;
        while let Some((_, key, last_seq)) = self.waiting.pop_front_if(before) {
            self.durable.note_to(key, last_seq, now);
            streams.insert((key.session, key.stream));
        }
        streams
    }

    /// Notes that a process of the session has started; see [`Dedup::fence`].
    pub fn fence(&mut self, session: SessionId, epoch: u32, now: Millis) -> bool {
        self.durable.fence(session, epoch, now);
        self.appended.fence(session, epoch, now)
    }

    /// Returns the acknowledgement of what is durable of a stream.
    pub fn ack(&self, session: SessionId, stream: StreamKind, credit_bytes: u64) -> v1::Ack {
        self.durable.ack(session, stream, credit_bytes)
    }

    /// Gives up the first hole of a stream; see [`Dedup::abandon_hole`].
    pub fn abandon_hole(
        &mut self,
        session: SessionId,
        stream: StreamKind,
    ) -> Option<std::ops::Range<u64>> {
        let hole = self.appended.abandon_hole(session, stream)?;
        let last = hole.end - 1;
        while self.durable.watermark(session, stream) < last
            && self.durable.abandon_hole(session, stream).is_some()
        {}
        Some(hole)
    }

    /// Forgets sessions that were not heard of since `before`; returns how many streams.
    pub fn expire(&mut self, before: Millis) -> usize {
        self.durable.expire(before);
        self.appended.expire(before)
    }

    /// Returns what is durable, for a checkpoint at the end of what is durable.
    pub fn durable(&self) -> &Dedup {
        &self.durable
    }

    /// Returns how many batches are appended and not durable yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
