//! One stream's way out over one connection.
//!
//! In: pages of the spool, acknowledgements. Out: batches; settled keys for the spool.
//! Bound: what is held in memory until it is settled is bounded by the credit; a connection
//! without any acknowledgement for 30 seconds is given up.

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;
use weft_link::{ClientChannel, Connection, Receiver, RecvError, Sender};
use weft_model::{Millis, StreamKind};
use weft_proto::convert;
use weft_proto::delivery::{Refused, SendWindow};
use weft_proto::v1::{
    Ack, ClientMsg, Control, Encoding, Hello, NeedDict, ServerMsg, Welcome, client_msg, control,
    server_msg,
};

use super::{Outlet, SessionEnd};
use crate::gap::gap_of;
use crate::status::Status;
use crate::store::{Gone, Held};
use crate::telemetry::nack_text;

/// Bytes read from the spool at a time.
const PAGE_BYTES: usize = 1 << 20;

/// How long the aggregator may owe every acknowledgement.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Forwards one stream.
pub(super) struct Forwarder<'a> {
    outlet: &'a Outlet,
    stream: StreamKind,
    window: SendWindow<Held>,
    /// Whether the spool has nothing more to read, as far as is known.
    is_drained: bool,
    /// Since when the aggregator owes acknowledgements without sending any.
    owes_since: Option<Instant>,
}

impl<'a> Forwarder<'a> {
    pub(super) fn new(outlet: &'a Outlet, stream: StreamKind) -> Forwarder<'a> {
        Forwarder {
            outlet,
            stream,
            window: SendWindow::new(),
            is_drained: false,
            owes_since: None,
        }
    }

    /// Forwards until the connection ends, and says why it did.
    pub(super) async fn run(mut self, connection: &Connection) -> SessionEnd {
        match self.forward(connection).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn forward(&mut self, connection: &Connection) -> Result<Never, SessionEnd> {
        let mut channel = connection.open(convert::stream(self.stream)).await?;
        let welcome = self.greet(&mut channel).await?;
        self.window.connected(self.capped(welcome.credit_bytes));
        let (mut sender, mut receiver) = channel.split();
        let mut arrivals = self.outlet.store.arrivals(self.stream);
        self.outlet.store.rewind(self.stream).await?;
        loop {
            self.fill().await?;
            self.send_all(&mut sender, &mut receiver).await?;
            let retry = self.retry_wait();
            tokio::select! {
                message = receiver.recv() => self.handle(message).await?,
                changed = arrivals.changed(), if self.is_drained => {
                    changed.map_err(|_| Gone)?;
                    self.is_drained = false;
                }
                () = tokio::time::sleep(retry) => self.check_stalled()?,
            }
        }
    }

    async fn greet(&self, channel: &mut ClientChannel) -> Result<Welcome, SessionEnd> {
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            stream: convert::stream(self.stream).into(),
            session_id: convert::session_bytes(self.outlet.session).to_vec(),
            epoch: 1,
            next_seq: 1,
            features: Vec::new(),
        };
        Ok(channel.greet(hello).await?)
    }

    fn capped(&self, credit_bytes: u64) -> u64 {
        credit_bytes.min(self.outlet.config.window_bytes)
    }

    /// Reads from the spool what the credit has room for.
    async fn fill(&mut self) -> Result<(), SessionEnd> {
        while !self.is_drained && self.window.wants_more() {
            let page = self.outlet.store.read(self.stream, PAGE_BYTES).await?;
            self.is_drained = page.is_empty();
            for held in page {
                self.push(held);
            }
        }
        Ok(())
    }

    fn push(&mut self, held: Held) {
        let bytes = held.batch.payload.len() as u64;
        let span = held.span;
        self.window.push_gap(span.key, span.last_seq, bytes, held);
    }

    /// Sends what the credit allows; acknowledgements are taken in meanwhile, so that both sides
    /// never wait for each other.
    async fn send_all(
        &mut self,
        sender: &mut Sender<ClientMsg>,
        receiver: &mut Receiver<ServerMsg>,
    ) -> Result<(), SessionEnd> {
        while let Some((_, held)) = self.window.next(Millis(self.outlet.clock.millis())) {
            let kind = client_msg::Kind::Batch(held.batch.clone());
            self.owes_since.get_or_insert_with(Instant::now);
            let mut sending = pin!(sender.send(ClientMsg { kind: Some(kind) }));
            loop {
                tokio::select! {
                    sent = &mut sending => break sent?,
                    message = receiver.recv() => self.handle(message).await?,
                }
            }
        }
        Ok(())
    }

    async fn handle(
        &mut self,
        message: Result<Option<ServerMsg>, RecvError>,
    ) -> Result<(), SessionEnd> {
        let message = message?.ok_or(SessionEnd::Ended)?;
        self.owes_since = Some(Instant::now());
        match message.kind {
            Some(server_msg::Kind::Ack(ack)) => self.handle_ack(ack).await,
            Some(server_msg::Kind::Control(Control { kind: Some(kind) })) => match kind {
                control::Kind::NeedDict(need) => {
                    self.need_dict(need);
                    Ok(())
                }
                control::Kind::Drain(_) => Err(SessionEnd::Drained),
            },
            Some(server_msg::Kind::Refused(refused)) => Err(SessionEnd::Refused(refused.message)),
            _ => Err(SessionEnd::OutOfTurn),
        }
    }

    async fn handle_ack(&mut self, mut ack: Ack) -> Result<(), SessionEnd> {
        ack.credit_bytes = self.capped(ack.credit_bytes);
        let now = Millis(self.outlet.clock.millis());
        let settled = self.window.handle_ack(&ack, now);
        let settled = settled.map_err(|_| SessionEnd::OutOfTurn)?;
        let mut done = Vec::with_capacity(settled.acked.len());
        for (_, held) in settled.acked {
            let bytes = held.batch.payload.len();
            self.outlet.telemetry.forwarded(self.stream, bytes);
            done.push(held.id);
        }
        let forwarded = done.len() as u64;
        for refused in settled.refused {
            if refused.item.batch.encoding() == Encoding::GapV1 {
                done.push(refused.item.id);
            } else {
                self.replace_by_gap(refused);
            }
        }
        if self.window.in_flight_bytes() == 0 {
            self.owes_since = None;
        }
        self.outlet.store.settle(self.stream, done).await?;
        let count = |status: &mut Status| status.forwarded_batches += forwarded;
        self.outlet.status.update(count);
        Ok(())
    }

    /// Sends a gap in the place of a batch that the aggregator refuses for good.
    fn replace_by_gap(&mut self, refused: Refused<Held>) {
        let Refused { key, item, reason } = refused;
        let Held { id, span, batch } = item;
        let reason = nack_text(reason);
        tracing::warn!(
            origin = batch.origin,
            seq = key.seq,
            stream = %self.stream,
            reason,
            "the aggregator refused a batch"
        );
        self.outlet.telemetry.dropped(reason, 1, batch.items.into());
        let batch = gap_of(key, &batch, reason);
        self.push(Held { id, span, batch });
    }

    fn need_dict(&self, need: NeedDict) {
        let reached = convert::session_id(&need.session_id)
            .is_ok_and(|session| self.outlet.registry.need_dict(need, session));
        if !reached {
            self.outlet.telemetry.lost_notice();
        }
    }

    fn retry_wait(&self) -> Duration {
        let now = Millis(self.outlet.clock.millis());
        let retry = self.window.retry_at(now).map(|at| {
            let wait_ms = at.0.saturating_sub(now.0);
            Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))
        });
        retry.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
    }

    fn check_stalled(&self) -> Result<(), SessionEnd> {
        let owes = self.window.in_flight_bytes() > 0;
        match self.owes_since {
            Some(since) if owes && since.elapsed() > STALLED_AFTER => Err(SessionEnd::Stalled),
            _ => Ok(()),
        }
    }
}

/// There is no such value: forwarding ends with an error only.
enum Never {}
