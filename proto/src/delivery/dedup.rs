//! Which batches were seen: for each session and stream the numbers, as ranges from 1 on.
//!
//! In: keys of batches, in any order. Out: new or duplicate; what to acknowledge; bytes for a
//! checkpoint. A hole of any length costs one range, so a collector that is away for a day with
//! what it holds does not stop the others.
//! Bound: [`RANGES_MAX`] ranges of a stream, [`STREAMS_MAX`] streams; streams that were not heard
//! of for long are forgotten by [`Dedup::expire`].

use std::collections::HashMap;
use std::ops::Range;

use weft_codec::CodecError;
use weft_codec::varint::{
    put_uvarint, put_varint, take_byte, take_bytes, take_uvarint, take_varint,
};
use weft_model::{Millis, SessionId, StreamKind};

use crate::batch::BatchKey;
use crate::convert;
use crate::{RangeSet, v1};

/// How many ranges of numbers a stream may have, holes between them.
pub const RANGES_MAX: usize = 1024;

/// How many streams are remembered.
pub const STREAMS_MAX: usize = 1 << 20;

const VERSION: u8 = 1;

/// Whether a batch may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was not seen before.
    New,
    /// It was.
    Duplicate,
    /// It would leave one hole too many before it, or begin one stream too many: try later.
    TooFarAhead,
}

/// Bytes that no checkpoint wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// A later version wrote them.
    #[error("read delivery state of unknown version {0}")]
    Version(u8),
    /// They end early or contradict themselves.
    #[error("read delivery state")]
    Column(#[from] CodecError),
    /// They contradict themselves.
    #[error("read delivery state: {0}")]
    Malformed(&'static str),
}

/// What was seen of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dedup {
    streams: HashMap<(SessionId, StreamKind), Seen>,
    epochs: HashMap<SessionId, Epoch>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    seqs: RangeSet,
    last: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Epoch {
    epoch: u32,
    last: Millis,
}

impl Dedup {
    /// Returns a state in which nothing was seen.
    pub fn new() -> Dedup {
        Dedup::default()
    }

    /// Tells whether a batch may be stored, without noting it.
    pub fn check(&self, key: BatchKey) -> Admission {
        match self.streams.get(&(key.session, key.stream)) {
            None if self.streams.len() >= STREAMS_MAX => Admission::TooFarAhead,
            None => Admission::New,
            Some(seen) if seen.seqs.contains(key.seq) => Admission::Duplicate,
            Some(seen) if seen.has_room(key.seq) => Admission::New,
            Some(_) => Admission::TooFarAhead,
        }
    }

    /// Returns how many of the batches from that of `key` to `last_seq` were not seen.
    pub fn unseen(&self, key: BatchKey, last_seq: u64) -> u64 {
        let range = key.seq..last_seq.saturating_add(1);
        match self.streams.get(&(key.session, key.stream)) {
            None => range.end - range.start,
            Some(seen) => seen
                .seqs
                .missing(range)
                .iter()
                .map(|gap| gap.end - gap.start)
                .sum(),
        }
    }

    /// Tells whether a batch may be stored, and notes it if so.
    pub fn admit(&mut self, key: BatchKey, now: Millis) -> Admission {
        let admission = self.check(key);
        if admission == Admission::New {
            self.note(key, now);
        } else if let Some(seen) = self.streams.get_mut(&(key.session, key.stream)) {
            seen.last = seen.last.max(now);
        }
        admission
    }

    /// Notes a batch as seen, whatever [`Dedup::check`] says: for what is stored already.
    pub fn note(&mut self, key: BatchKey, now: Millis) {
        self.note_to(key, key.seq, now);
    }

    /// Notes the batches from that of `key` to `last_seq` as seen: a gap.
    pub fn note_to(&mut self, key: BatchKey, last_seq: u64, now: Millis) {
        let seen = self.streams.entry((key.session, key.stream)).or_default();
        seen.seqs.insert(key.seq..last_seq.saturating_add(1));
        seen.last = seen.last.max(now);
    }

    /// Notes that a process of the session has started. Returns false when a later one has
    /// started before: this one must go.
    pub fn fence(&mut self, session: SessionId, epoch: u32, now: Millis) -> bool {
        if !self.epochs.contains_key(&session) && self.epochs.len() >= STREAMS_MAX {
            return false;
        }
        let known = self
            .epochs
            .entry(session)
            .or_insert(Epoch { epoch, last: now });
        known.last = known.last.max(now);
        if epoch < known.epoch {
            return false;
        }
        known.epoch = epoch;
        true
    }

    /// Returns the number up to which all batches were seen, 0 for none.
    pub fn watermark(&self, session: SessionId, stream: StreamKind) -> u64 {
        let seen = self.streams.get(&(session, stream));
        seen.map_or(0, |seen| seen.seqs.end_from(1) - 1)
    }

    /// Returns the acknowledgement of all that was seen of a stream.
    pub fn ack(&self, session: SessionId, stream: StreamKind, credit_bytes: u64) -> v1::Ack {
        let durable_seq = self.watermark(session, stream);
        let seen = self.streams.get(&(session, stream));
        let ranges = seen.map_or(&[][..], |seen| seen.seqs.ranges());
        let beyond = ranges.iter().filter(|range| range.start > durable_seq);
        let inclusive = |range: &Range<u64>| v1::SeqRange {
            first: range.start,
            last: range.end - 1,
        };
        v1::Ack {
            stream: convert::stream(stream).into(),
            session_id: convert::session_bytes(session).to_vec(),
            durable_seq,
            ranges: beyond.map(inclusive).collect(),
            credit_bytes,
            nacks: Vec::new(),
        }
    }

    /// Gives up the first hole of a stream, so that later batches can be admitted: those that it
    /// held are lost, and counted by the caller. Returns their numbers.
    pub fn abandon_hole(&mut self, session: SessionId, stream: StreamKind) -> Option<Range<u64>> {
        let seen = self.streams.get_mut(&(session, stream))?;
        let start = seen.seqs.end_from(1);
        let next = seen
            .seqs
            .ranges()
            .iter()
            .find(|range| range.start > start)?;
        let hole = start..next.start;
        seen.seqs.insert(hole.clone());
        Some(hole)
    }

    /// Forgets the sessions that were not heard of since `before`; returns how many streams.
    pub fn expire(&mut self, before: Millis) -> usize {
        let streams = self.streams.len();
        self.streams.retain(|_, seen| seen.last >= before);
        self.epochs.retain(|_, epoch| epoch.last >= before);
        streams - self.streams.len()
    }

    /// Returns how many streams are remembered.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Returns the state as bytes for a checkpoint; equal states have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|(key, _)| **key);
        put_uvarint(&mut out, streams.len() as u64);
        for ((session, stream), seen) in streams {
            out.extend_from_slice(&convert::session_bytes(*session));
            out.push(convert::stream(*stream) as u8);
            put_varint(&mut out, seen.last.0);
            put_uvarint(&mut out, seen.seqs.range_count() as u64);
            let mut before = 0;
            for range in seen.seqs.ranges() {
                put_uvarint(&mut out, range.start - before);
                put_uvarint(&mut out, range.end - range.start);
                before = range.end;
            }
        }
        let mut epochs: Vec<_> = self.epochs.iter().collect();
        epochs.sort_unstable_by_key(|(session, _)| **session);
        put_uvarint(&mut out, epochs.len() as u64);
        for (session, Epoch { epoch, last }) in epochs {
            out.extend_from_slice(&convert::session_bytes(*session));
            put_uvarint(&mut out, (*epoch).into());
            put_varint(&mut out, last.0);
        }
        out
    }

    /// Returns the state that [`Dedup::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Dedup, DedupError> {
        let mut rest = bytes;
        match take_byte(&mut rest)? {
            VERSION => {}
            other => return Err(DedupError::Version(other)),
        }
        let mut dedup = Dedup::new();
        for _ in 0..take_uvarint(&mut rest)? {
            let session = take_session(&mut rest)?;
            let stream = convert::stream_kind(take_byte(&mut rest)?.into());
            let stream = stream.map_err(|_| DedupError::Malformed("unknown stream"))?;
            let last = Millis(take_varint(&mut rest)?);
            let seqs = take_seqs(&mut rest)?;
            dedup.streams.insert((session, stream), Seen { seqs, last });
        }
        for _ in 0..take_uvarint(&mut rest)? {
            let session = take_session(&mut rest)?;
            let epoch = u32::try_from(take_uvarint(&mut rest)?);
            let epoch = epoch.map_err(|_| DedupError::Malformed("an epoch over 32 bits"))?;
            let last = Millis(take_varint(&mut rest)?);
            dedup.epochs.insert(session, Epoch { epoch, last });
        }
        if rest.is_empty() {
            Ok(dedup)
        } else {
            Err(DedupError::Malformed("bytes after the last epoch"))
        }
    }
}

impl Seen {
    /// Tells whether `seq` can be noted within the bound: it may fill a hole or touch a range.
    fn has_room(&self, seq: u64) -> bool {
        let touches = self.seqs.contains(seq - 1) || self.seqs.contains(seq + 1);
        touches || self.seqs.range_count() < RANGES_MAX
    }
}

fn take_session(rest: &mut &[u8]) -> Result<SessionId, DedupError> {
    let bytes = take_bytes(rest, 16)?;
    convert::session_id(bytes).map_err(|_| DedupError::Malformed("no session"))
}

fn take_seqs(rest: &mut &[u8]) -> Result<RangeSet, DedupError> {
    let mut seqs = RangeSet::new();
    let mut before = 0u64;
    for _ in 0..take_uvarint(rest)? {
        let start = before.checked_add(take_uvarint(rest)?);
        let len = take_uvarint(rest)?;
        let end = start.and_then(|start| start.checked_add(len));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(DedupError::Malformed("numbers over 64 bits"));
        };
        seqs.insert(start..end);
        before = end;
    }
    Ok(seqs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: SessionId = SessionId(1);

    fn key(seq: u64) -> BatchKey {
        BatchKey {
            session: SESSION,
            stream: StreamKind::Metrics,
            seq,
        }
    }

    #[test]
    fn a_batch_is_new_once_in_any_order() {
        let mut dedup = Dedup::new();
        let mut admit = |seq| dedup.admit(key(seq), Millis(0));
        assert_eq!([1, 2, 900_000, 4].map(&mut admit), [Admission::New; 4]);
        assert_eq!([4, 1, 900_000].map(&mut admit), [Admission::Duplicate; 3]);
        let ack = dedup.ack(SESSION, StreamKind::Metrics, 5);
        assert_eq!((ack.durable_seq, ack.credit_bytes), (2, 5));
        let ranges: Vec<_> = ack
            .ranges
            .iter()
            .map(|range| (range.first, range.last))
            .collect();
        assert_eq!(ranges, [(4, 4), (900_000, 900_000)]);
    }

    #[test]
    fn too_many_holes_are_refused_until_one_is_given_up() {
        let mut dedup = Dedup::new();
        for at in 0..RANGES_MAX as u64 {
            assert_eq!(dedup.admit(key(at * 2 + 2), Millis(0)), Admission::New);
        }
        let next = RANGES_MAX as u64 * 2 + 2;
        assert_eq!(dedup.admit(key(next), Millis(0)), Admission::TooFarAhead);
        assert_eq!(
            dedup.admit(key(3), Millis(0)),
            Admission::New,
            "a hole may be filled"
        );
        assert_eq!(dedup.abandon_hole(SESSION, StreamKind::Metrics), Some(1..2));
        assert_eq!(dedup.watermark(SESSION, StreamKind::Metrics), 4);
        assert_eq!(dedup.admit(key(next), Millis(0)), Admission::New);
    }

    #[test]
    fn a_later_process_of_a_session_ends_the_rights_of_an_earlier_one() {
        let mut dedup = Dedup::new();
        let mut fence = |epoch| dedup.fence(SESSION, epoch, Millis(0));
        assert!(fence(1) && fence(3) && fence(3) && !fence(2));
    }

    #[test]
    fn sessions_not_heard_of_are_forgotten() {
        let mut dedup = Dedup::new();
        dedup.admit(key(1), Millis(10));
        let other = BatchKey {
            session: SessionId(2),
            ..key(1)
        };
        dedup.admit(other, Millis(20));
        dedup.fence(SESSION, 1, Millis(10));
        assert_eq!(dedup.expire(Millis(15)), 1);
        assert_eq!(
            (dedup.check(key(1)), dedup.stream_count()),
            (Admission::New, 1)
        );
        dedup.admit(other, Millis(40));
        assert_eq!(
            dedup.expire(Millis(40)),
            0,
            "a duplicate is a sign of life, too"
        );
    }

    proptest! {
        #[test]
        fn a_checkpoint_is_the_state(
            keys in proptest::collection::vec((0u128..4, 0usize..3, 1u64..60, any::<i64>()), 0..60)
        ) {
            let mut dedup = Dedup::new();
            for (session, stream, seq, now) in keys {
                let (session, stream) = (SessionId(session), StreamKind::ALL[stream]);
                dedup.admit(BatchKey { session, stream, seq }, Millis(now));
                dedup.fence(session, seq as u32, Millis(now));
            }
            prop_assert_eq!(Dedup::decode(&dedup.encode()), Ok(dedup));
        }

        #[test]
        fn other_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            drop(Dedup::decode(&bytes));
            bytes.insert(0, VERSION);
            drop(Dedup::decode(&bytes));
        }
    }
}
