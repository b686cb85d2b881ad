//! What an aggregator keeps: two journals, two stores, and the rules between them.
//!
//! ```text
//! batch, remote write ──▶ samples lane: admit → journal → TSDB head ──flush──▶ parts
//! batch, push ──────────▶ lines lane:   admit → journal → log head  ──flush──▶ blocks
//! ```
//!
//! In: batches and requests. Out: an answer once they are durable.
//! A flush makes durable in the store what the journal held, then trims the journal.
//! Bound: the journals grow until the next flush; when the disk is full nothing is acknowledged.

mod flush;
mod open;
mod take;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use weft_disk::Disk;
use weft_logdb::LogDb;
use weft_model::{Millis, SessionId, StreamKind};
use weft_proto::v1::{Ack, NackReason};
use weft_stdx::Clock;
use weft_tsdb::Tsdb;

use crate::dictionaries::Kept;
use crate::drops::Drops;
use crate::heads::{Covered, Sessions};
use crate::lane::Lane;

pub use self::open::OpenError;
pub(crate) use take::{TakeError, chain};

/// The stores with their journals.
pub(crate) struct Store {
    pub(crate) tsdb: Arc<Tsdb>,
    pub(crate) logdb: Arc<LogDb>,
    pub(crate) drops: Arc<Drops>,
    pub(crate) counts: Counts,
    pub(crate) host_name: String,
    samples: Lane,
    lines: Lane,
    /// The dictionaries of live sessions, kept apart because they outlive the journal.
    dictionaries: Kept,
    sessions: Mutex<Sessions>,
    covered: Mutex<Covered>,
    /// Held by whoever flushes: two at a time would only be in each other's way.
    flushing: Mutex<()>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    clock: Clock,
    damaged: AtomicU64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// What was taken since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) samples: AtomicU64,
    pub(crate) lines: AtomicU64,
    pub(crate) line_bytes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) duplicates: AtomicU64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) session: SessionId,
    pub(crate) seq: u64,
    pub(crate) verdict: Verdict,
}

/// How a batch was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is durable, now or since long.
    Durable,
    /// It is durable, and waits for this dictionary of its session.
    NeedsDict { epoch: u32 },
    /// It is not taken.
    Refused {
        reason: NackReason,
        retry_after_ms: u32,
    },
}

impl Store {
    /// Returns the present time.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.millis())
    }

    /// Returns up to which number the batches of a session are durable.
    pub(crate) fn durable_seq(&self, session: SessionId, stream: StreamKind) -> u64 {
        self.lane(stream)
            .inbox()
            .durable()
            .watermark(session, stream)
    }

    /// Returns the acknowledgement of all that is durable of a session's stream.
    pub(crate) fn ack(&self, session: SessionId, stream: StreamKind, credit_bytes: u64) -> Ack {
        self.lane(stream).inbox().ack(session, stream, credit_bytes)
    }

    /// Notes that a process of a session has started; false when a later one has started before.
    pub(crate) fn fence(&self, session: SessionId, stream: StreamKind, epoch: u32) -> bool {
        self.lane(stream).inbox().fence(session, epoch, self.now())
    }

    /// Returns how many records of the journals were damaged when they were read.
    pub(crate) fn records_damaged(&self) -> u64 {
        self.damaged.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Returns the bytes of both journals.
    pub(crate) fn journal_bytes(&self) -> u64 {
        self.samples.journal.bytes() + self.lines.journal.bytes()
    }

    fn lane(&self, stream: StreamKind) -> &Lane {
        match stream {
            StreamKind::Metrics | StreamKind::Events => &self.samples,
            StreamKind::Logs => &self.lines,
        }
    }
}
