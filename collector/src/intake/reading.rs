//! The receiving half of a data channel: arrival, admission, stamp, spool.
//!
//! In: batches of one stream. Out: parcels for the spool, each with where to send its outcome.
//! Bound: [`IN_FLIGHT_MAX`] batches between arrival and acknowledgement; then reading waits, as it
//! does for the budget of the peer and for the memory of the spool's queue.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use weft_link::Receiver;
use weft_proto::batch::BatchKey;
use weft_proto::v1::{Batch, ClientMsg, NackReason, client_msg};
use weft_runtime::Shutdown;

use super::Intake;
use crate::admit::budget::Budget;
use crate::admit::{Refusal, Span, Terms};
use crate::gap::gap_of;
use crate::registry::Greeting;
use crate::store::{Answer, Outcome, Parcel, Verdict};
use crate::telemetry::nack_text;

/// Batches of one channel between arrival and acknowledgement.
pub(super) const IN_FLIGHT_MAX: usize = 256;

/// The receiving half.
pub(super) struct Reading<'a> {
    intake: &'a Intake,
    greeting: &'a Greeting,
    terms: Terms,
    budget: Option<Arc<Budget>>,
    in_flight: Arc<Semaphore>,
    outcomes: mpsc::Sender<Outcome>,
}

/// When a batch arrived, and the permit it was read with.
type Arrival = (Instant, OwnedSemaphorePermit);

/// The channel carries nothing more.
struct Ended;

impl<'a> Reading<'a> {
    /// `outcomes` has room for [`IN_FLIGHT_MAX`].
    pub(super) fn new(
        intake: &'a Intake,
        greeting: &'a Greeting,
        outcomes: mpsc::Sender<Outcome>,
    ) -> Reading<'a> {
        Reading {
            intake,
            greeting,
            terms: Terms {
                role: greeting.peer.role(),
                session: greeting.session,
                stream: greeting.stream,
            },
            budget: intake.budgets.of(&greeting.peer),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            outcomes,
        }
    }

    /// Reads until the peer ends the channel or the stop is requested.
    pub(super) async fn run(self, mut receiver: Receiver<ClientMsg>, shutdown: Shutdown) {
        loop {
            let message = tokio::select! {
                message = receiver.recv() => message,
                () = shutdown.requested() => return,
            };
            let batch = match message {
                Ok(Some(ClientMsg {
                    kind: Some(client_msg::Kind::Batch(batch)),
                })) => batch,
                Ok(_) => return,
                Err(error) => {
                    let (peer, error) = (&self.greeting.peer, &error as &dyn std::error::Error);
                    tracing::debug!(%peer, error, "channel lost");
                    return;
                }
            };
            if self.handle(batch).await.is_err() {
                return;
            }
        }
    }

    async fn handle(&self, batch: Batch) -> Result<(), Ended> {
        let arrived = self.intake.clock.instant();
        let permit = Arc::clone(&self.in_flight).acquire_owned().await;
        let permit = permit.map_err(|_| Ended)?;
        match self.terms.check(&batch) {
            Ok(span) => {
                self.wait_for_budget(batch.payload.len(), arrived).await;
                let parcel = self.parcel(span, batch, Answer::Ack, (arrived, permit));
                self.intake.store.put(parcel).await.map_err(|_| Ended)
            }
            Err(Refusal::Foreign(reason)) => {
                self.refuse(&batch, reason, (arrived, permit));
                Ok(())
            }
            Err(Refusal::Lost(key, reason)) => {
                let parcel = self.gap(key, &batch, reason, (arrived, permit));
                self.intake.store.put(parcel).await.map_err(|_| Ended)
            }
        }
    }

    async fn wait_for_budget(&self, bytes: usize, now: Instant) {
        let Some(budget) = &self.budget else { return };
        let wait = budget.spend(bytes, now);
        if !wait.is_zero() {
            self.intake.telemetry.throttled();
            tokio::time::sleep(wait).await;
        }
    }

    /// Puts a gap in the place of a batch that is of no use, so that the aggregator learns what is
    /// missing and why. The peer is told that the batch itself is refused.
    fn gap(&self, key: BatchKey, batch: &Batch, reason: NackReason, arrival: Arrival) -> Parcel {
        self.intake.telemetry.refused(reason);
        let gap = gap_of(key, batch, nack_text(reason));
        self.parcel(Span::one(key), gap, Answer::Nack(reason), arrival)
    }

    fn parcel(
        &self,
        span: Span,
        mut batch: Batch,
        answer: Answer,
        (arrived, permit): Arrival,
    ) -> Parcel {
        self.intake.shape.stamp(&mut batch, &self.greeting.peer);
        Parcel {
            span,
            batch,
            answer,
            arrived,
            permit,
            outcomes: self.outcomes.clone(),
        }
    }

    fn refuse(&self, batch: &Batch, reason: NackReason, (arrived, permit): Arrival) {
        self.intake.telemetry.refused(reason);
        let key = BatchKey {
            session: self.terms.session,
            stream: self.terms.stream,
            seq: batch.seq,
        };
        let outcome = Outcome {
            span: Span::one(key),
            arrived,
            verdict: Verdict::Refused {
                reason,
                retry_after_ms: 0,
            },
            _permit: permit,
        };
        outcome.send(&self.outcomes);
    }
}
