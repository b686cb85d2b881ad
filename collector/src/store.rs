//! The spool as tasks see it: a thread of its own writes, syncs and reads.
//!
//! In: parcels of channels, settled batches, requests to read. Out: outcomes once durable, pages
//! in order, and when a stream is full.
//! Bound: parcels between arrival and disk take at most the configured memory; one sync serves
//! all parcels that wait for it.

mod keeper;
mod page;
mod signals;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use weft_model::{SessionId, StreamKind};
use weft_proto::v1::{Batch, NackReason};
use weft_spool::EntryId;

use crate::admit::Span;

pub use keeper::KeeperError;

pub(crate) use keeper::Keeper;
pub(crate) use page::{Held, Page};
pub(crate) use signals::{Signals, StoreStats};

/// Requests that wait for the thread.
const COMMANDS_MAX: usize = 1024;

/// A batch on its way into the spool.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) span: Span,
    pub(crate) batch: Batch,
    pub(crate) answer: Answer,
    pub(crate) arrived: Instant,
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) outcomes: mpsc::Sender<Outcome>,
}

/// What the peer is told once the parcel is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The batch is durable.
    Ack,
    /// What it sent is refused; the parcel is the gap in its place.
    Nack(NackReason),
}

/// What became of a parcel.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) span: Span,
    pub(crate) arrived: Instant,
    pub(crate) verdict: Verdict,
    /// Lets the channel read one more; given back when the outcome is told.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// See [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is durable, and so are all of its session and stream up to the watermark.
    Durable { watermark: u64 },
    /// It was refused.
    Refused {
        reason: NackReason,
        retry_after_ms: u32,
    },
}

impl Outcome {
    /// Hands the outcome to its channel. There is room, because the channel has as many permits
    /// as room; a channel that is gone needs no outcome.
    pub(crate) fn send(self, outcomes: &mpsc::Sender<Outcome>) {
        let sent = outcomes.try_send(self);
        debug_assert!(
            !matches!(sent, Err(mpsc::error::TrySendError::Full(_))),
            "a channel has no more parcels than room for outcomes"
        );
    }
}

/// What the thread is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Put(Box<Parcel>, OwnedSemaphorePermit),
    Watermark(SessionId, StreamKind, oneshot::Sender<u64>),
    /// The next entries of a stream, about so many bytes.
    Read(StreamKind, usize, oneshot::Sender<Page>),
    /// A new connection: all that is not settled is to be read again.
    Rewind(StreamKind),
    Settle(StreamKind, Vec<EntryId>),
    /// Time passes: what is too old goes, and fullness is looked at anew.
    Tick,
}

/// The thread is gone: the collector stops, or its disk failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use spool: it is closed")]
pub(crate) struct Gone;

/// The way to the thread; a clone leads to the same. The thread ends when all are dropped.
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle {
    commands: mpsc::Sender<Command>,
    memory: Arc<Semaphore>,
    memory_bytes: u32,
    signals: Arc<Signals>,
}

impl StoreHandle {
    /// Returns a handle, and what the thread listens to.
    pub(crate) fn new(memory_bytes: usize) -> (StoreHandle, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let memory_bytes = u32::try_from(memory_bytes).unwrap_or(u32::MAX >> 4);
        let handle = StoreHandle {
            commands,
            memory: Arc::new(Semaphore::new(memory_bytes as usize)),
            memory_bytes,
            signals: Signals::new(),
        };
        (handle, receiver)
    }

    pub(crate) fn signals(&self) -> Arc<Signals> {
        Arc::clone(&self.signals)
    }

    /// Hands a parcel over, waiting for memory; its outcome comes later.
    pub(crate) async fn put(&self, parcel: Parcel) -> Result<(), Gone> {
        let bytes = u32::try_from(parcel.batch.payload.len()).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory)
            .acquire_many_owned(bytes.clamp(1, self.memory_bytes))
            .await
            .map_err(|_| Gone)?;
        self.ask(Command::Put(Box::new(parcel), memory)).await
    }

    /// Returns up to which number all batches of a stream are durable.
    pub(crate) async fn watermark(
        &self,
        session: SessionId,
        stream: StreamKind,
    ) -> Result<u64, Gone> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Watermark(session, stream, reply)).await?;
        answer.await.map_err(|_| Gone)
    }

    /// Begins reading a stream anew, with the first entry that is not settled.
    pub(crate) async fn rewind(&self, stream: StreamKind) -> Result<(), Gone> {
        self.ask(Command::Rewind(stream)).await
    }

    /// Returns the next entries of a stream, about so many bytes; none when there are none yet.
    pub(crate) async fn read(&self, stream: StreamKind, bytes: usize) -> Result<Page, Gone> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Read(stream, bytes, reply)).await?;
        answer.await.map_err(|_| Gone)
    }

    /// Lets go of entries that an aggregator has made durable.
    pub(crate) async fn settle(
        &self,
        stream: StreamKind,
        entries: Vec<EntryId>,
    ) -> Result<(), Gone> {
        if entries.is_empty() {
            return Ok(());
        }
        self.ask(Command::Settle(stream, entries)).await
    }

    /// Lets time pass.
    pub(crate) async fn tick(&self) -> Result<(), Gone> {
        self.ask(Command::Tick).await
    }

    /// Tells whether a stream takes no more.
    pub(crate) fn is_full(&self, stream: StreamKind) -> bool {
        self.signals.is_full(stream)
    }

    /// Hears when a stream becomes full, and when it has room again.
    pub(crate) fn watch_full(&self, stream: StreamKind) -> watch::Receiver<bool> {
        self.signals.watch_full(stream)
    }

    /// Hears when there is more to read of a stream.
    pub(crate) fn arrivals(&self, stream: StreamKind) -> watch::Receiver<u64> {
        self.signals.arrivals(stream)
    }

    /// Returns how full the spool is.
    pub(crate) fn stats(&self) -> StoreStats {
        self.signals.stats()
    }

    async fn ask(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }
}

fn index(stream: StreamKind) -> usize {
    match stream {
        StreamKind::Metrics => 0,
        StreamKind::Logs => 1,
        StreamKind::Events => 2,
    }
}
