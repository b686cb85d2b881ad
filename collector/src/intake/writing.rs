//! The sending half of a data channel: acknowledgements, credit, and what the aggregator asks.
//!
//! In: outcomes of batches, changes of credit, notices, the stop. Out: messages to the peer.
//! Bound: outcomes that come together are told together, in one Ack for each session.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tokio::sync::mpsc;
use weft_link::{SendError, Sender};
use weft_model::{SessionId, StreamKind};
use weft_proto::convert;
use weft_proto::v1::{
    Ack, Nack, NackReason, RefusedReason, SeqRange, ServerMsg, control, server_msg,
};
use weft_runtime::Shutdown;

use super::Intake;
use super::control::{control_message, drain};
use super::credit::Share;
use crate::registry::{Notice, Seat};
use crate::store::{Outcome, Verdict};

/// Outcomes that are told together at most.
const TOGETHER_MAX: usize = 256;

/// The sending half.
pub(super) struct Writing<'a> {
    pub(super) intake: &'a Intake,
    pub(super) session: SessionId,
    pub(super) stream: StreamKind,
    pub(super) share: Share<'a>,
    /// What the peer was told last.
    pub(super) credit: u64,
    pub(super) sender: Sender<ServerMsg>,
}

impl Writing<'_> {
    /// Writes until all outcomes are told, the peer is gone, or a later channel takes over.
    pub(super) async fn run(
        mut self,
        mut outcomes: mpsc::Receiver<Outcome>,
        mut seat: Seat,
        shutdown: Shutdown,
    ) {
        let mut full = self.intake.store.watch_full(self.stream);
        let mut together = Vec::with_capacity(TOGETHER_MAX);
        let mut is_draining = false;
        loop {
            let sent = tokio::select! {
                biased;
                notice = seat.notices.recv() => match notice {
                    Some(Notice::NeedDict(need)) => {
                        self.send(control_message(control::Kind::NeedDict(need))).await
                    }
                    Some(Notice::Superseded) | None => return self.give_way().await,
                },
                () = shutdown.requested(), if !is_draining => {
                    is_draining = true;
                    self.send(drain()).await
                }
                count = outcomes.recv_many(&mut together, TOGETHER_MAX) => match count {
                    0 => break,
                    _ => self.tell(std::mem::take(&mut together)).await,
                },
                _ = full.changed() => {
                    let is_full = *full.borrow_and_update();
                    self.tell_credit(is_full).await
                }
            };
            if sent.is_err() {
                return;
            }
        }
        // The reading half may hear of the stop a moment earlier.
        if shutdown.is_requested() && !is_draining {
            // A peer that is gone needs no goodbye.
            let _ = self.send(drain()).await;
        }
        self.sender.finish().await;
    }

    async fn give_way(mut self) {
        self.intake.telemetry.channel_refused("superseded");
        let text = "a later channel of this session took over";
        self.sender.refuse(RefusedReason::Superseded, text, 0).await;
    }

    async fn tell(&mut self, outcomes: Vec<Outcome>) -> Result<(), SendError> {
        self.credit = self.share.bytes(self.intake.store.is_full(self.stream));
        for ack in acks(&outcomes, self.stream, self.credit) {
            self.send(ack_message(ack)).await?;
        }
        let now = self.intake.clock.instant();
        for outcome in &outcomes {
            let took = now.saturating_duration_since(outcome.arrived);
            self.intake.telemetry.acked(took);
        }
        Ok(())
    }

    /// Tells the credit anew when the spool became full, or has room again.
    async fn tell_credit(&mut self, is_full: bool) -> Result<(), SendError> {
        let credit = self.share.bytes(is_full);
        if (credit == 0) == (self.credit == 0) {
            return Ok(());
        }
        self.credit = credit;
        let ack = empty_ack(self.session, self.stream, credit);
        self.send(ack_message(ack)).await
    }

    async fn send(&mut self, message: ServerMsg) -> Result<(), SendError> {
        self.sender.send(message).await
    }
}

fn ack_message(ack: Ack) -> ServerMsg {
    ServerMsg {
        kind: Some(server_msg::Kind::Ack(ack)),
    }
}

fn empty_ack(session: SessionId, stream: StreamKind, credit_bytes: u64) -> Ack {
    Ack {
        stream: convert::stream(stream).into(),
        session_id: convert::session_bytes(session).to_vec(),
        credit_bytes,
        ..Ack::default()
    }
}

/// Returns one Ack for each session among the outcomes.
fn acks(outcomes: &[Outcome], stream: StreamKind, credit: u64) -> Vec<Ack> {
    let mut sessions: BTreeMap<SessionId, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        sessions
            .entry(outcome.span.key.session)
            .or_default()
            .push(outcome);
    }
    let ack = |(session, outcomes): (SessionId, Vec<&Outcome>)| {
        let mut ack = empty_ack(session, stream, credit);
        let mut durable = Vec::new();
        for outcome in outcomes {
            let seq = outcome.span.key.seq;
            match outcome.verdict {
                Verdict::Durable { watermark } => {
                    ack.durable_seq = ack.durable_seq.max(watermark);
                    durable.push(seq..=outcome.span.last_seq);
                }
                Verdict::Refused {
                    reason,
                    retry_after_ms,
                } => ack.nacks.push(nack(seq, reason, retry_after_ms)),
            }
        }
        durable.retain(|span| *span.end() > ack.durable_seq);
        ack.ranges = ranges(durable);
        ack
    };
    sessions.into_iter().map(ack).collect()
}

fn nack(seq: u64, reason: NackReason, retry_after_ms: u32) -> Nack {
    Nack {
        seq,
        reason: reason.into(),
        retry_after_ms,
    }
}

/// Puts neighbouring numbers together.
fn ranges(mut spans: Vec<RangeInclusive<u64>>) -> Vec<SeqRange> {
    spans.sort_unstable_by_key(|span| *span.start());
    let mut ranges: Vec<SeqRange> = Vec::new();
    for span in spans {
        match ranges.last_mut() {
            Some(range) if *span.start() <= range.last.saturating_add(1) => {
                range.last = range.last.max(*span.end());
            }
            _ => ranges.push(SeqRange {
                first: *span.start(),
                last: *span.end(),
            }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let check = |spans: &[(u64, u64)], expected: &[(u64, u64)]| {
            let spans = spans.iter().map(|(first, last)| *first..=*last);
            let found: Vec<_> = ranges(spans.collect())
                .iter()
                .map(|range| (range.first, range.last))
                .collect();
            assert_eq!(found, expected);
        };
        check(&[], &[]);
        check(&[(5, 5)], &[(5, 5)]);
        check(&[(7, 7), (5, 5), (6, 6), (6, 6), (9, 9)], &[(5, 7), (9, 9)]);
        check(&[(1, 8), (3, 4), (9, 9)], &[(1, 9)]);
        check(
            &[(1, 1), (u64::MAX, u64::MAX)],
            &[(1, 1), (u64::MAX, u64::MAX)],
        );
    }
}
