//! What an aggregator keeps: two journals, two stores, and the rules between them.
//!
//! ```text
//! batch, remote write ──▶ samples lane: admit → journal → TSDB head ──flush──▶ parts
//! batch, push ──────────▶ lines lane:   admit → journal → log head  ──flush──▶ blocks
//! ```
//!
//! In: batches and requests. Out: an answer once they are durable.
//! At the start the stores are opened, and the journals' tails replayed while all else goes on.
//! A flush makes durable in the store what the journal held, then trims the journal.
//! Bound: the journals grow until the next flush; when the disk is full nothing is acknowledged.

mod apply;
mod arrived;
mod flush;
mod open;
mod replay;
mod take;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
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

pub(crate) use self::flush::{COVERED, SAMPLES_CHECKPOINT, read_covered};
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
    /// The bytes of the journals that waited for the replay at the start.
    replay_bytes: u64,
    damaged: AtomicU64,
    /// Whether samples had no room in memory since the last flush.
    full: AtomicBool,
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

/// How far the replay of the journals is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReplayStatus {
    /// Whether it goes on.
    pub running: bool,
    /// How much of the bytes is done.
    pub percent: u64,
    /// Records applied.
    pub records: u64,
    /// How long it took, or has taken.
    pub seconds: f64,
    /// The first and the last segment of the samples' journal.
    pub segments: (u64, u64),
    /// The segment that is being read.
    pub segment: u64,
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
        self.damaged.load(Relaxed)
    }

    /// Tells whether samples that were acknowledged may be missing from answers, because the
    /// journal is still being replayed.
    pub(crate) fn replaying(&self) -> bool {
        self.samples.replay.is_running()
    }

    /// Returns what an answer must carry while samples may be missing from it. To be asked before
    /// the answer is made.
    pub(crate) fn replay_warning(&self) -> Option<String> {
        let percent = self.replaying().then(|| self.replay_status().percent)?;
        Some(format!(
            "journal replay in progress: {percent} % done, recent samples may be missing"
        ))
    }

    /// Returns how far the replay of the journals is.
    pub(crate) fn replay_status(&self) -> ReplayStatus {
        let lanes = [&self.samples, &self.lines];
        let all = self.replay_bytes;
        let left: u64 = lanes.iter().map(|lane| lane.waiting_bytes()).sum();
        let running = lanes.iter().any(|lane| lane.replay.is_running());
        let done = 100 * u128::from(all.saturating_sub(left)) / u128::from(all.max(1));
        let took = lanes.iter().map(|lane| lane.replay.took_millis()).max();
        let at = if running {
            self.samples.replay.applied_to()
        } else {
            self.samples.journal.end()
        };
        ReplayStatus {
            running,
            // A hundred only when it is over.
            percent: if running { (done as u64).min(99) } else { 100 },
            records: lanes.iter().map(|lane| lane.replay.records()).sum(),
            seconds: took.unwrap_or_default() as f64 / 1000.0,
            segments: (
                self.samples.replay.from().segment.max(1),
                self.samples.journal.end().segment,
            ),
            segment: at.segment.max(1),
        }
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
