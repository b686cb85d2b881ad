//! Who may send what, and how much of it.
//!
//! In: batches of one channel. Out: their keys, or the refusal that the peer is told.
//! Bound: the size limits of the wire, and a budget of bytes per second for each peer.

pub(crate) mod budget;

use weft_link::Role;
use weft_model::{SessionId, StreamKind};
use weft_proto::batch::{self, BatchError, BatchKey};
use weft_proto::convert;
use weft_proto::v1::{Batch, Encoding, NackReason};

/// What the batches of one channel must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) stream: StreamKind,
}

/// The numbers that a batch stands for: its own, or those of the batches whose gap it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) key: BatchKey,
    /// Not less than the number of the key.
    pub(crate) last_seq: u64,
}

impl Span {
    /// Returns the span of a batch that is not a gap.
    pub(crate) fn one(key: BatchKey) -> Span {
        let last_seq = key.seq;
        Span { key, last_seq }
    }
}

/// Why a batch is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The peer may not send it, or nobody can tell what it is.
    Foreign(NackReason),
    /// It is the peer's own and of no use: its place in the stream is lost.
    Lost(BatchKey, NackReason),
}

impl Terms {
    /// Checks a batch. An agent sends its own session only; a collector also those of others, and
    /// says whose they are.
    pub(crate) fn check(&self, batch: &Batch) -> Result<Span, Refusal> {
        let key = self.key_of(batch).map_err(Refusal::Foreign)?;
        let lost = |error: BatchError| Refusal::Lost(key, error.nack_reason());
        batch::check(batch).map_err(lost)?;
        if batch.encoding() != Encoding::GapV1 {
            return Ok(Span::one(key));
        }
        let (_, last_seq) = batch::decode_gap(batch).map_err(lost)?;
        Ok(Span { key, last_seq })
    }

    fn key_of(&self, batch: &Batch) -> Result<BatchKey, NackReason> {
        let session = convert::session_id(&batch.session_id).map_err(|_| NackReason::Malformed)?;
        let stream = convert::stream_kind(batch.stream).map_err(|_| NackReason::Malformed)?;
        let relayed = self.role == Role::Collector && !batch.origin.is_empty();
        if stream != self.stream || !(session == self.session || relayed) {
            return Err(NackReason::Forbidden);
        }
        if batch.seq == 0 || batch.seq == u64::MAX {
            return Err(NackReason::Malformed);
        }
        let seq = batch.seq;
        Ok(BatchKey {
            session,
            stream,
            seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weft_model::Millis;
    use weft_proto::batch::{Encoded, Lost, gap, seal};

    use super::*;

    fn sealed(session: u128, stream: StreamKind) -> Batch {
        let key = BatchKey {
            session: SessionId(session),
            stream,
            seq: 4,
        };
        let encoded = Encoded {
            encoding: Encoding::LogsV1,
            items: 1,
            first: Millis(1),
            last: Millis(1),
            payload: Bytes::from_static(b"x"),
        };
        seal(key, encoded)
    }

    fn check(role: Role, batch: &Batch) -> Result<u64, Refusal> {
        let terms = Terms {
            role,
            session: SessionId(1),
            stream: StreamKind::Logs,
        };
        terms.check(batch).map(|span| span.last_seq)
    }

    const FORBIDDEN: Result<u64, Refusal> = Err(Refusal::Foreign(NackReason::Forbidden));

    #[test]
    fn a_peer_sends_what_it_greeted_for() {
        let good = sealed(1, StreamKind::Logs);
        assert_eq!(check(Role::Agent, &good), Ok(4));
        let other_stream = sealed(1, StreamKind::Metrics);
        assert_eq!(check(Role::Agent, &other_stream), FORBIDDEN);
    }

    #[test]
    fn a_damaged_batch_is_lost_in_its_own_place() {
        let mut damaged = sealed(1, StreamKind::Logs);
        damaged.payload = Bytes::from_static(b"y");
        let key = BatchKey {
            session: SessionId(1),
            stream: StreamKind::Logs,
            seq: 4,
        };
        let lost = Err(Refusal::Lost(key, NackReason::Malformed));
        assert_eq!(check(Role::Agent, &damaged), lost);
        damaged.seq = 0;
        let nowhere = Err(Refusal::Foreign(NackReason::Malformed));
        assert_eq!(check(Role::Agent, &damaged), nowhere);
    }

    #[test]
    fn a_gap_stands_for_all_its_batches() {
        let key = BatchKey {
            session: SessionId(1),
            stream: StreamKind::Logs,
            seq: 4,
        };
        let lost = Lost {
            last_seq: 9,
            items: 60,
            first: Millis(1),
            last: Millis(2),
            reason: "spool_full",
        };
        assert_eq!(check(Role::Agent, &gap(key, lost)), Ok(9));
        let backwards = Lost {
            last_seq: 3,
            ..lost
        };
        let refused = Err(Refusal::Lost(key, NackReason::Malformed));
        assert_eq!(check(Role::Agent, &gap(key, backwards)), refused);
    }

    #[test]
    fn only_a_collector_sends_sessions_of_others_and_names_them() {
        let mut other = sealed(2, StreamKind::Logs);
        assert_eq!(check(Role::Collector, &other), FORBIDDEN);
        other.origin = "a1".to_owned();
        assert_eq!(check(Role::Collector, &other), Ok(4));
        assert_eq!(check(Role::Agent, &other), FORBIDDEN);
    }
}
