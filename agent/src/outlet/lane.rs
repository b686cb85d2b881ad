//! One channel's worth of delivery: what is sent, resent and settled, over any number of
//! connections.
//!
//! In: batches of a source, messages of the receiver. Out: batches in order within the receiver's
//! credit. Bound: the source's own window, and that of [`SendWindow`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use weft_link::{ClientChannel, GreetError, RecvError, SendError, Sender};
use weft_model::{Millis, SessionId};
use weft_proto::batch::BatchKey;
use weft_proto::convert::{self, FieldError};
use weft_proto::delivery::{SendWindow, Settled};
use weft_proto::v1::{self, ClientMsg, ServerMsg, client_msg, control, server_msg};
use weft_stdx::Clock;

/// How long to wait at most before looking for something to send.
const IDLE: Duration = Duration::from_secs(1);

/// Where the batches of a lane come from, and where their fate is told.
pub(crate) trait Source: Send {
    /// What is kept of a batch until it is settled.
    type Item: Send + std::fmt::Debug;

    /// Returns what the channel is opened with.
    fn greeting(&self) -> Greeting;

    /// Moves what there is into the window, as long as it wants more.
    fn refill(&mut self, window: &mut SendWindow<Self::Item>);

    /// Returns the message of a batch.
    fn message(&self, item: &Self::Item) -> v1::Batch;

    /// Learns what became durable downstream and what was refused for good.
    fn settle(&mut self, settled: Settled<Self::Item>, durable_seq: u64);

    /// Learns that the receiver misses a dictionary.
    fn need_dict(&mut self, need: &v1::NeedDict);
}

/// What a channel is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeting {
    /// What the channel carries.
    pub(crate) stream: v1::Stream,
    /// The session of the batches.
    pub(crate) session: SessionId,
    /// Which process of the session this is.
    pub(crate) epoch: u32,
    /// The number of the next batch.
    pub(crate) next_seq: u64,
}

/// A source with its window.
#[derive(Debug)]
pub(crate) struct Lane<S: Source> {
    state: Mutex<State<S>>,
    /// Told when the source may have something new.
    fresh: Notify,
    clock: Clock,
    window_bytes: u64,
}

#[derive(Debug)]
struct State<S: Source> {
    source: S,
    window: SendWindow<S::Item>,
}

/// Why a channel ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    /// The receiver did not accept the channel.
    #[error("open channel")]
    Greet(#[from] GreetError),
    /// A batch could not be sent.
    #[error("send batch")]
    Send(#[from] SendError),
    /// The receiver's messages cannot be read.
    #[error("receive acknowledgement")]
    Receive(#[from] RecvError),
    /// The receiver's message makes no sense.
    #[error("read acknowledgement")]
    Field(#[from] FieldError),
    /// The receiver ended the channel.
    #[error("channel was ended: {0}")]
    Ended(String),
}

/// How a channel ended in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was sent and settled after the stop was requested.
    Flushed,
    /// The receiver wants to be left.
    Drain,
}

impl<S: Source> Lane<S> {
    /// Returns a lane in whose channel at most `window_bytes` are in flight.
    pub(crate) fn new(source: S, window_bytes: usize, clock: Clock) -> Lane<S> {
        Lane {
            state: Mutex::new(State {
                source,
                window: SendWindow::new(),
            }),
            fresh: Notify::new(),
            clock,
            window_bytes: window_bytes as u64,
        }
    }

    /// Tells that the source may have something new.
    pub(crate) fn wake(&self) {
        self.fresh.notify_one();
    }

    /// Greets, then sends and settles until the channel ends. After `flush` turns true, ends it in
    /// good order as soon as all is settled.
    pub(crate) async fn serve(
        &self,
        mut channel: ClientChannel,
        flush: watch::Receiver<bool>,
    ) -> Result<Ended, LaneError> {
        let greeting = self.state().source.greeting();
        let welcome = channel.greet(hello(&greeting)).await?;
        self.welcome(&greeting, &welcome)?;
        let (mut sender, mut receiver) = channel.split();
        let stop = flush.clone();
        let receiving = async {
            loop {
                match receiver.recv().await? {
                    // The receiver answers a goodbye by ending its side, perhaps before it is
                    // known here that the goodbye has arrived.
                    None if *stop.borrow() && self.state().window.is_empty() => {
                        return Ok(Ended::Flushed);
                    }
                    None => return Err(LaneError::Ended("by the receiver".to_owned())),
                    Some(message) => {
                        if let Some(ended) = self.handle(message)? {
                            return Ok(ended);
                        }
                        self.fresh.notify_one();
                    }
                }
            }
        };
        let result = tokio::select! {
            result = self.send_all(&mut sender, flush) => result,
            result = receiving => result,
        };
        self.state().window.disconnected();
        result
    }

    fn welcome(&self, greeting: &Greeting, welcome: &v1::Welcome) -> Result<(), LaneError> {
        let credit_bytes = welcome.credit_bytes.min(self.window_bytes);
        self.state().window.connected(credit_bytes);
        // The receiver may have what was in flight when the last connection was lost.
        self.handle_ack(v1::Ack {
            stream: greeting.stream.into(),
            session_id: convert::session_bytes(greeting.session).to_vec(),
            durable_seq: welcome.durable_seq,
            ranges: Vec::new(),
            credit_bytes,
            nacks: Vec::new(),
        })
    }

    async fn send_all(
        &self,
        sender: &mut Sender<ClientMsg>,
        mut flush: watch::Receiver<bool>,
    ) -> Result<Ended, LaneError> {
        loop {
            let (next, is_settled, wait) = self.next();
            if let Some(batch) = next {
                sender.send(message(client_msg::Kind::Batch(batch))).await?;
                continue;
            }
            if is_settled && *flush.borrow_and_update() {
                sender
                    .send(message(client_msg::Kind::Bye(v1::Bye {})))
                    .await?;
                sender.finish().await;
                return Ok(Ended::Flushed);
            }
            tokio::select! {
                () = self.fresh.notified() => {}
                // An error means that the agent is being dropped; the lane ends with it.
                _ = flush.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Returns the next batch to send, whether all is settled, and how long to wait at most.
    fn next(&self) -> (Option<v1::Batch>, bool, Duration) {
        let now = Millis(self.clock.millis());
        let mut state = self.state();
        let State { source, window } = &mut *state;
        if window.wants_more() {
            source.refill(window);
        }
        let next = window.next(now).map(|(_, item)| source.message(item));
        let retry = window.retry_at(now).map_or(IDLE, |at| {
            Duration::from_millis((at.0 - now.0).unsigned_abs()).min(IDLE)
        });
        (next, window.is_empty(), retry)
    }

    fn handle(&self, message: ServerMsg) -> Result<Option<Ended>, LaneError> {
        match message.kind {
            Some(server_msg::Kind::Ack(ack)) => self.handle_ack(ack)?,
            Some(server_msg::Kind::Control(control)) => match control.kind {
                Some(control::Kind::Drain(_)) => return Ok(Some(Ended::Drain)),
                Some(control::Kind::NeedDict(need)) => self.state().source.need_dict(&need),
                None => {}
            },
            Some(server_msg::Kind::Refused(refused)) => {
                return Err(LaneError::Ended(refused.message));
            }
            Some(server_msg::Kind::Welcome(_) | server_msg::Kind::Enrolled(_)) | None => {}
        }
        Ok(None)
    }

    fn handle_ack(&self, mut ack: v1::Ack) -> Result<(), LaneError> {
        ack.credit_bytes = ack.credit_bytes.min(self.window_bytes);
        let now = Millis(self.clock.millis());
        let mut state = self.state();
        let settled = state.window.handle_ack(&ack, now)?;
        state.source.settle(settled, ack.durable_seq);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the key of a batch of this process.
pub(crate) fn key_of(greeting: &Greeting, stream: weft_model::StreamKind, seq: u64) -> BatchKey {
    BatchKey {
        session: greeting.session,
        stream,
        seq,
    }
}

fn hello(greeting: &Greeting) -> v1::Hello {
    v1::Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        stream: greeting.stream.into(),
        session_id: convert::session_bytes(greeting.session).to_vec(),
        epoch: greeting.epoch,
        next_seq: greeting.next_seq,
        features: Vec::new(),
    }
}

fn message(kind: client_msg::Kind) -> ClientMsg {
    ClientMsg { kind: Some(kind) }
}
