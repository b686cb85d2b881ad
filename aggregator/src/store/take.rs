//! How data gets in: admitted, journaled, applied, and acknowledged after the sync.
//!
//! A record is in the journal before it is in a store, and both before a checkpoint can be taken.
//! While the journal's tail is replayed, what is taken is journaled only: the replay comes to it
//! in its turn. What cannot be decoded is counted as dropped, not tried again.
//! Bound: the store's memory, and [`BEHIND_BYTES_MAX`](crate::lane::BEHIND_BYTES_MAX) of records
//! that wait for the replay; beyond either, senders are told to come back.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prost::Message;
use weft_api::prometheus::{Received, Written};
use weft_exposition::loki::Push;
use weft_exposition::remote_write::Version;
use weft_journal::{AppendError, SyncError};
use weft_model::StreamKind;
use weft_proto::convert;
use weft_proto::delivery::Offer;
use weft_proto::v1::{Batch, NackReason};
use weft_tsdb::Rejected;

use super::arrived::Arrived;
use super::{Store, Taken, Verdict};
use crate::heads::{lines, samples};
use crate::lane::Lane;

/// Kinds of journal records.
pub(super) mod kind {
    pub(in crate::store) const BATCH: u8 = 1;
    pub(in crate::store) const REMOTE_WRITE_1: u8 = 2;
    pub(in crate::store) const REMOTE_WRITE_2: u8 = 3;
    pub(in crate::store) const PUSH: u8 = 4;
    /// Holds nothing; see `pass_lost_tail`.
    pub(in crate::store) const FILLER: u8 = 5;
    pub(in crate::store) const REMOTE_WRITE_1_SNAPPY: u8 = 6;
    pub(in crate::store) const REMOTE_WRITE_2_SNAPPY: u8 = 7;
}

/// How long a sender waits when the disk is full.
const RETRY_FULL_MS: u32 = 2000;

/// What a sender is told that comes back later.
pub(super) const FULL: Verdict = Verdict::Refused {
    reason: NackReason::Full,
    retry_after_ms: RETRY_FULL_MS,
};

/// How often a request is prepared anew because its series left the head meanwhile.
pub(super) const PREPARE_TRIES: usize = 3;

/// Why data was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// It makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// It cannot be made durable at the moment.
    #[error("take data: the journal cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no room for it at the moment.
    #[error("take data: {0}")]
    Busy(&'static str),
    /// Something is broken here.
    #[error("take data")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<AppendError> for TakeError {
    fn from(error: AppendError) -> TakeError {
        match error {
            AppendError::TooLarge { .. } => TakeError::Malformed(error.to_string()),
            AppendError::Sync(_) => TakeError::Unavailable(Box::new(error)),
        }
    }
}

impl From<SyncError> for TakeError {
    fn from(error: SyncError) -> TakeError {
        TakeError::Unavailable(Box::new(error))
    }
}

impl TakeError {
    /// Returns how long a sender waits before it tries again, where that makes sense.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            TakeError::Unavailable(_) | TakeError::Busy(_) => {
                Some(Duration::from_millis(RETRY_FULL_MS.into()))
            }
            TakeError::Malformed(_) | TakeError::Internal(_) => None,
        }
    }
}

impl Store {
    /// Takes batches of any sessions, and returns once each has its verdict; those that are
    /// durable are so on the disk.
    pub(crate) fn take(&self, batches: Vec<Batch>) -> Vec<Taken> {
        let mut taken: Vec<Taken> = batches
            .into_iter()
            .filter_map(|it| self.take_one(it))
            .collect();
        let now = self.now();
        let synced = self.samples.sync(now).and_then(|()| self.lines.sync(now));
        if let Err(error) = synced {
            tracing::error!(error = chain(&error), "batches are not durable");
            for one in taken
                .iter_mut()
                .filter(|one| !matches!(one.verdict, Verdict::Refused { .. }))
            {
                one.verdict = FULL;
            }
        }
        taken
    }

    /// Takes a remote-write request; its body is let go before the wait for the disk.
    pub(crate) fn take_remote_write(&self, received: Received) -> Result<Written, TakeError> {
        let (kind, record) = match (received.version, &received.snappy) {
            (Version::One, Some(snappy)) => (kind::REMOTE_WRITE_1_SNAPPY, snappy),
            (Version::Two, Some(snappy)) => (kind::REMOTE_WRITE_2_SNAPPY, snappy),
            (Version::One, None) => (kind::REMOTE_WRITE_1, &received.body),
            (Version::Two, None) => (kind::REMOTE_WRITE_2, &received.body),
        };
        let written = {
            let _applying = self.samples.applying();
            let written = if self.samples.replay.is_running() {
                require_pace(&self.samples)?;
                let inspected = samples::inspect(received.version, &received.body);
                inspected.map_err(|error| TakeError::Malformed(error.to_string()))?
            } else {
                self.write(received.version, &received.body)?
            };
            self.samples.append(kind, &[record])?;
            written
        };
        drop(received);
        self.samples.sync(self.now())?;
        self.counts.samples.fetch_add(written.samples, Relaxed);
        Ok(written)
    }

    /// Puts what a request holds into the store.
    fn write(&self, version: Version, body: &[u8]) -> Result<Written, TakeError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let prepared = samples::prepare(version, body, &self.tsdb)
                .map_err(|error| TakeError::Malformed(error.to_string()))?;
            let appended = prepared.append(&self.tsdb);
            if appended.has(Rejected::HeadFull) {
                self.full.store(true, Relaxed);
                return Err(TakeError::Busy("the head is full until it is written"));
            }
            if tries == PREPARE_TRIES || !appended.has(Rejected::Stale) {
                return Ok(appended.count(&self.drops));
            }
        }
    }

    /// Takes lines that were pushed over HTTP.
    pub(crate) fn take_push(&self, push: &Push<'_>) -> Result<(), TakeError> {
        let record = lines::push_record(push);
        {
            let _applying = self.lines.applying();
            let _in_order = self.lines.in_order();
            require_pace(&self.lines)?;
            if !self.has_room_for_lines() {
                return Err(TakeError::Busy("too many lines wait to be written"));
            }
            let position = self.lines.append(kind::PUSH, &[&record])?;
            if !self.lines.replay.is_running() {
                self.count_lines(lines::store_push(push, position, self.lines_go()));
            }
        }
        Ok(self.lines.sync(self.now())?)
    }

    /// Admits, journals and applies one batch. A batch without a session cannot be answered.
    fn take_one(&self, batch: Batch) -> Option<Taken> {
        let session = convert::session_id(&batch.session_id).ok()?;
        let taken = |verdict| {
            Some(Taken {
                session,
                seq: batch.seq,
                verdict,
            })
        };
        let mut arrived = match Arrived::of(&batch) {
            Ok(arrived) => arrived,
            Err(error) => {
                tracing::warn!(
                    origin = batch.origin,
                    error = chain(&error),
                    "batch refused"
                );
                self.drops.batch("malformed");
                return taken(Verdict::Refused {
                    reason: error.nack_reason(),
                    retry_after_ms: 0,
                });
            }
        };
        let lane = self.lane(arrived.key.stream);
        let _applying = lane.applying();
        let _in_order = (arrived.key.stream == StreamKind::Logs).then(|| lane.in_order());
        if lane.is_behind() || !self.has_room_for(arrived.key.stream) {
            return taken(FULL);
        }
        let position = {
            // Held until the record is in the journal: who finds the batch appended may then
            // acknowledge it after the next sync.
            let mut inbox = lane.inbox();
            match inbox.offer_gap(arrived.key, arrived.last_seq) {
                Offer::Store => {}
                Offer::AckAgain | Offer::Wait => {
                    self.counts.duplicates.fetch_add(1, Relaxed);
                    return taken(Verdict::Durable);
                }
                Offer::TooFarAhead => return taken(FULL),
            }
            arrived.unseen = inbox.unseen(arrived.key, arrived.last_seq);
            match lane.append(kind::BATCH, &[&batch.encode_to_vec()]) {
                Ok(position) => {
                    inbox.appended_gap(arrived.key, arrived.last_seq, position, self.now());
                    position
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "batch not journaled");
                    return taken(FULL);
                }
            }
        };
        self.counts.batches.fetch_add(1, Relaxed);
        if lane.replay.is_running() {
            self.count_gap(&arrived);
            return taken(Verdict::Durable);
        }
        let verdict = self.apply(&arrived, &batch, position);
        if verdict != FULL {
            return taken(verdict);
        }
        // It is in the journal, and will not be in the store unless there is a crash before the
        // next flush.
        self.drops.batch(Rejected::HeadFull.as_str());
        taken(Verdict::Durable)
    }

    /// Tells whether there is room in memory for one more record of a kind.
    fn has_room_for(&self, stream: StreamKind) -> bool {
        match stream {
            StreamKind::Logs => self.has_room_for_lines(),
            StreamKind::Metrics | StreamKind::Events => !self.full.load(Relaxed),
        }
    }
}

/// Refuses what the replay of a lane could not keep up with.
fn require_pace(lane: &Lane) -> Result<(), TakeError> {
    if lane.is_behind() {
        return Err(TakeError::Busy("the journal is still being replayed"));
    }
    Ok(())
}

/// Returns an error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    text
}
