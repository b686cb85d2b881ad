//! The sender's side: what is on its way on one channel.
//!
//! In: batches in the order of the spool, acknowledgements, connections. Out: what to send next,
//! and what is settled. After a new connection all that is not settled is sent again, in order.
//! Bound: the receiver's credit in bytes, and [`BATCHES_MAX`].

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use weft_model::{Millis, SessionId, StreamKind};

use crate::batch::BatchKey;
use crate::convert::{self, FieldError};
use crate::v1::{self, NackReason};

/// How many batches a window holds at most.
pub const BATCHES_MAX: usize = 4096;

/// How long to wait before a batch is tried again when the receiver does not say.
const RETRY_MS: i64 = 1000;

/// A batch that the receiver refused for good; to be counted as dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// Which one.
    pub key: BatchKey,
    /// What the window held for it.
    pub item: T,
    /// Why.
    pub reason: NackReason,
}

/// What an acknowledgement has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled<T> {
    /// Durable at the receiver.
    pub acked: Vec<(BatchKey, T)>,
    /// Refused for good.
    pub refused: Vec<Refused<T>>,
}

/// The batches of one channel that are not settled. `T` is what the sender needs to send one:
/// the batch, or its place in the spool.
#[derive(Clone, Debug)]
pub struct SendWindow<T> {
    entries: VecDeque<Entry<T>>,
    is_connected: bool,
    /// What the receiver lets be in flight; 0 while there is no connection.
    credit_bytes: u64,
    in_flight_bytes: u64,
    held_bytes: u64,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    key: BatchKey,
    /// Greater than that of the key for a gap.
    last_seq: u64,
    bytes: u64,
    item: T,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { not_before: Millis },
    InFlight,
}

impl<T> SendWindow<T> {
    /// Returns an empty window without a connection.
    pub fn new() -> SendWindow<T> {
        SendWindow {
            entries: VecDeque::new(),
            is_connected: false,
            credit_bytes: 0,
            in_flight_bytes: 0,
            held_bytes: 0,
        }
    }

    /// Tells whether to push more: while not all of the credit is used by what the window holds.
    pub fn wants_more(&self) -> bool {
        self.entries.len() < BATCHES_MAX && self.held_bytes < self.credit_bytes
    }

    /// Adds a batch of so many bytes behind all others.
    pub fn push(&mut self, key: BatchKey, bytes: u64, item: T) {
        self.push_gap(key, key.seq, bytes, item);
    }

    /// Adds a gap that stands for the batches up to `last_seq`, behind all others.
    pub fn push_gap(&mut self, key: BatchKey, last_seq: u64, bytes: u64, item: T) {
        self.held_bytes += bytes;
        let state = State::Waiting {
            not_before: Millis(i64::MIN),
        };
        self.entries.push_back(Entry {
            key,
            last_seq,
            bytes,
            item,
            state,
        });
    }

    /// Returns the batch to send next, and counts it as in flight from now on. A batch that is
    /// larger than the credit goes alone.
    pub fn next(&mut self, now: Millis) -> Option<(BatchKey, &T)> {
        let room = self.credit_bytes.saturating_sub(self.in_flight_bytes);
        let alone = self.in_flight_bytes == 0 && self.credit_bytes > 0;
        let entry = self.entries.iter_mut().find(|entry| entry.is_due(now))?;
        if entry.bytes > room && !alone {
            return None;
        }
        entry.state = State::InFlight;
        self.in_flight_bytes += entry.bytes;
        Some((entry.key, &entry.item))
    }

    /// Returns when the next batch that was refused for a while may be sent again, if any was.
    pub fn retry_at(&self, now: Millis) -> Option<Millis> {
        let times = self.entries.iter().filter_map(|entry| match entry.state {
            State::Waiting { not_before } if not_before > now => Some(not_before),
            State::Waiting { .. } | State::InFlight => None,
        });
        times.min()
    }

    /// Takes in an acknowledgement, which may be old or for batches not held any longer.
    pub fn handle_ack(&mut self, ack: &v1::Ack, now: Millis) -> Result<Settled<T>, FieldError> {
        let session = convert::session_id(&ack.session_id)?;
        let stream = convert::stream_kind(ack.stream)?;
        if self.is_connected {
            self.credit_bytes = ack.credit_bytes;
        }
        let refused = self.handle_nacks(session, stream, &ack.nacks, now);
        let mut ranges: Vec<_> = ack.ranges.iter().map(|r| r.first..=r.last).collect();
        ranges.push(0..=ack.durable_seq);
        let durable = |entry: &Entry<T>| entry.is_in(session, stream, &ranges);
        let acked = self.remove(durable);
        Ok(Settled {
            acked: acked
                .into_iter()
                .map(|entry| (entry.key, entry.item))
                .collect(),
            refused,
        })
    }

    /// Notes a new connection on which so many bytes may be in flight.
    pub fn connected(&mut self, credit_bytes: u64) {
        self.disconnected();
        self.is_connected = true;
        self.credit_bytes = credit_bytes;
    }

    /// Notes that the connection is gone: what was in flight is to be sent again.
    pub fn disconnected(&mut self) {
        self.is_connected = false;
        self.credit_bytes = 0;
        self.in_flight_bytes = 0;
        for entry in &mut self.entries {
            entry.state = State::Waiting {
                not_before: Millis(i64::MIN),
            };
        }
    }

    /// Forgets a batch that its spool has dropped, and returns what the window held for it.
    pub fn forget(&mut self, key: BatchKey) -> Option<T> {
        self.remove(|entry| entry.key == key)
            .pop()
            .map(|entry| entry.item)
    }

    /// Returns how many batches are not settled.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether all is settled.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes in flight.
    pub fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes
    }

    fn handle_nacks(
        &mut self,
        session: SessionId,
        stream: StreamKind,
        nacks: &[v1::Nack],
        now: Millis,
    ) -> Vec<Refused<T>> {
        let mut refused = Vec::new();
        for nack in nacks {
            let key = BatchKey {
                session,
                stream,
                seq: nack.seq,
            };
            match nack.reason() {
                reason @ (NackReason::Malformed | NackReason::TooLarge | NackReason::Forbidden) => {
                    let item = self.forget(key);
                    refused.extend(item.map(|item| Refused { key, item, reason }));
                }
                NackReason::Full | NackReason::Unspecified => {
                    self.delay(key, i64::from(nack.retry_after_ms), now);
                }
            }
        }
        refused
    }

    fn delay(&mut self, key: BatchKey, wait_ms: i64, now: Millis) {
        let wait_ms = if wait_ms == 0 { RETRY_MS } else { wait_ms };
        let in_flight = |entry: &&mut Entry<T>| entry.key == key && entry.state == State::InFlight;
        if let Some(entry) = self.entries.iter_mut().find(in_flight) {
            self.in_flight_bytes -= entry.bytes;
            entry.state = State::Waiting {
                not_before: now.plus(wait_ms),
            };
        }
    }

    fn remove(&mut self, settled: impl Fn(&Entry<T>) -> bool) -> Vec<Entry<T>> {
        let mut removed = Vec::new();
        while let Some(entry) = self.entries.pop_front_if(|entry| settled(entry)) {
            removed.push(entry);
        }
        if self.entries.iter().any(&settled) {
            let (others, kept): (Vec<_>, Vec<_>) = self.entries.drain(..).partition(&settled);
            removed.extend(others);
            self.entries = kept.into();
        }
        for entry in &removed {
            self.held_bytes -= entry.bytes;
            if entry.state == State::InFlight {
                self.in_flight_bytes -= entry.bytes;
            }
        }
        removed
    }
}

impl<T> Default for SendWindow<T> {
    fn default() -> SendWindow<T> {
        SendWindow::new()
    }
}

impl<T> Entry<T> {
    fn is_due(&self, now: Millis) -> bool {
        matches!(self.state, State::Waiting { not_before } if not_before <= now)
    }

    fn is_in(
        &self,
        session: SessionId,
        stream: StreamKind,
        ranges: &[RangeInclusive<u64>],
    ) -> bool {
        self.key.session == session
            && self.key.stream == stream
            && ranges
                .iter()
                .any(|range| range.contains(&self.key.seq) && range.contains(&self.last_seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(9);

    fn key(seq: u64) -> BatchKey {
        BatchKey {
            session: SESSION,
            stream: StreamKind::Logs,
            seq,
        }
    }

    /// A connected window with the batches 1 to `count`, of ten bytes each.
    fn window(count: u64, credit_bytes: u64) -> SendWindow<()> {
        let mut window = SendWindow::new();
        window.connected(credit_bytes);
        for seq in 1..=count {
            window.push(key(seq), 10, ());
        }
        window
    }

    /// The batches that may be sent now.
    fn sendable(window: &mut SendWindow<()>, now: i64) -> Vec<u64> {
        std::iter::from_fn(|| window.next(Millis(now)).map(|(key, ())| key.seq)).collect()
    }

    fn ack(durable_seq: u64, ranges: &[(u64, u64)], nacks: Vec<v1::Nack>) -> v1::Ack {
        let range = |(first, last): &(u64, u64)| v1::SeqRange {
            first: *first,
            last: *last,
        };
        v1::Ack {
            stream: v1::Stream::Logs.into(),
            session_id: convert::session_bytes(SESSION).to_vec(),
            durable_seq,
            ranges: ranges.iter().map(range).collect(),
            credit_bytes: 30,
            nacks,
        }
    }

    fn nack(seq: u64, reason: NackReason, retry_after_ms: u32) -> v1::Nack {
        v1::Nack {
            seq,
            reason: reason.into(),
            retry_after_ms,
        }
    }

    #[test]
    fn no_more_than_the_credit_is_in_flight() {
        let mut window = window(9, 35);
        assert_eq!(sendable(&mut window, 0), [1, 2, 3]);
        assert!(!window.wants_more());
        let settled = window
            .handle_ack(&ack(1, &[(3, 3)], vec![]), Millis(0))
            .unwrap();
        assert_eq!(settled.acked, [(key(1), ()), (key(3), ())]);
        assert_eq!(sendable(&mut window, 0), [4, 5]);
        assert_eq!(window.in_flight_bytes(), 30);
    }

    #[test]
    fn a_batch_larger_than_the_credit_goes_alone() {
        let mut window = window(3, 5);
        assert_eq!(sendable(&mut window, 0), [1]);
        window.connected(0);
        assert_eq!(sendable(&mut window, 0), []);
    }

    #[test]
    fn a_new_connection_gets_what_is_not_settled_in_order() {
        let mut window = window(5, 50);
        sendable(&mut window, 0);
        window
            .handle_ack(&ack(1, &[(4, 4)], vec![]), Millis(0))
            .unwrap();
        window.disconnected();
        assert_eq!(sendable(&mut window, 0), []);
        window.connected(100);
        assert_eq!(sendable(&mut window, 0), [2, 3, 5]);
    }

    #[test]
    fn a_refusal_for_now_is_tried_again_later() {
        let mut window = window(2, 50);
        sendable(&mut window, 0);
        let full = ack(0, &[], vec![nack(1, NackReason::Full, 500)]);
        window.handle_ack(&full, Millis(100)).unwrap();
        assert_eq!(window.retry_at(Millis(100)), Some(Millis(600)));
        assert_eq!(sendable(&mut window, 599), []);
        assert_eq!(sendable(&mut window, 600), [1]);
    }

    #[test]
    fn a_refusal_for_good_ends_a_batch() {
        let mut window = window(2, 50);
        sendable(&mut window, 0);
        let bad = ack(0, &[], vec![nack(1, NackReason::Malformed, 0)]);
        let settled = window.handle_ack(&bad, Millis(0)).unwrap();
        assert_eq!(settled.refused[0].reason, NackReason::Malformed);
        assert_eq!((window.len(), window.in_flight_bytes()), (1, 10));
    }

    #[test]
    fn a_gap_is_settled_with_its_last_batch() {
        let mut window = SendWindow::new();
        window.connected(50);
        window.push_gap(key(3), 6, 10, ());
        let mut settle = |durable_seq, ranges: &[(u64, u64)]| {
            let ack = ack(durable_seq, ranges, vec![]);
            window.handle_ack(&ack, Millis(0)).unwrap().acked.len()
        };
        assert_eq!(settle(5, &[]), 0);
        assert_eq!(settle(2, &[(3, 6)]), 1);
    }

    #[test]
    fn other_sessions_are_not_touched() {
        let mut window = window(2, 50);
        let mut other = ack(9, &[], vec![]);
        other.session_id = convert::session_bytes(SessionId(8)).to_vec();
        assert_eq!(window.handle_ack(&other, Millis(0)).unwrap().acked, []);
        other.session_id = vec![1];
        assert!(window.handle_ack(&other, Millis(0)).is_err());
    }
}
