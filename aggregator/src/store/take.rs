//! How data gets in: admitted, journaled, applied, and acknowledged after the sync.
//!
//! A record is in the journal before it is in a store, and both before a checkpoint can be taken.
//! What cannot be decoded is counted as dropped, not tried again.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use prost::Message;
use weft_api::prometheus::{Received, Written};
use weft_exposition::loki::Push;
use weft_exposition::remote_write::Version;
use weft_journal::{AppendError, Position, SyncError};
use weft_model::limits::HTTP_BODY_BYTES_MAX;
use weft_model::{Labels, SessionId, StreamKind};
use weft_proto::batch::{self, BatchError, BatchKey};
use weft_proto::convert;
use weft_proto::delivery::Offer;
use weft_proto::payload::decode_logs;
use weft_proto::v1::{Batch, Encoding, Gap, NackReason};

use super::{Store, Taken, Verdict};
use crate::dictionaries::Statement;
use crate::heads::{Applied, Into, IntoLines, Stored, lines, samples};
use crate::lane::Lane;

/// Kinds of journal records.
pub(super) mod kind {
    pub(in crate::store) const BATCH: u8 = 1;
    pub(in crate::store) const REMOTE_WRITE_1: u8 = 2;
    pub(in crate::store) const REMOTE_WRITE_2: u8 = 3;
    pub(in crate::store) const PUSH: u8 = 4;
    pub(in crate::store) const REMOTE_WRITE_1_SNAPPY: u8 = 6;
    pub(in crate::store) const REMOTE_WRITE_2_SNAPPY: u8 = 7;
}

/// Bytes of lines in memory beyond which no more are taken: below the log store's own limit by
/// more than a record, so that what is in the journal always finds room in the store.
const LINES_BYTES_MAX: usize = 384 << 20;

/// How long a sender waits when the disk is full.
const RETRY_FULL_MS: u32 = 2000;

/// Why data was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// It makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// It cannot be made durable at the moment.
    #[error("take data: the journal cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
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
            let verdict = Verdict::Refused {
                reason: NackReason::Full,
                retry_after_ms: RETRY_FULL_MS,
            };
            for one in taken
                .iter_mut()
                .filter(|one| !matches!(one.verdict, Verdict::Refused { .. }))
            {
                one.verdict = verdict;
            }
        }
        taken
    }

    /// Takes a remote-write request.
    pub(crate) fn take_remote_write(&self, received: &Received) -> Result<Written, TakeError> {
        let (kind, record) = match (received.version, &received.snappy) {
            (Version::One, Some(snappy)) => (kind::REMOTE_WRITE_1_SNAPPY, snappy),
            (Version::Two, Some(snappy)) => (kind::REMOTE_WRITE_2_SNAPPY, snappy),
            (Version::One, None) => (kind::REMOTE_WRITE_1, &received.body),
            (Version::Two, None) => (kind::REMOTE_WRITE_2, &received.body),
        };
        let written = {
            let _applying = self.samples.applying();
            let stored = samples::store(received.version, &received.body, &self.tsdb, &self.drops);
            let written = stored.map_err(|error| TakeError::Malformed(error.to_string()))?;
            self.samples.append(kind, &[record])?;
            written
        };
        self.samples.sync(self.now())?;
        self.counts.samples.fetch_add(written.samples, Relaxed);
        Ok(written)
    }

    /// Takes lines that were pushed over HTTP.
    pub(crate) fn take_push(&self, push: &Push<'_>) -> Result<(), TakeError> {
        let record = lines::push_record(push);
        {
            let _applying = self.lines.applying();
            let _in_order = self.lines.in_order();
            if !self.has_room_for_lines() {
                return Err(TakeError::Unavailable(
                    "too many lines wait to be written".into(),
                ));
            }
            let position = self.lines.append(kind::PUSH, &[&record])?;
            self.count_lines(lines::store_push(push, position, self.lines_go()));
        }
        Ok(self.lines.sync(self.now())?)
    }

    /// Applies a record of the samples journal again. Returns whether it could be read.
    pub(super) fn replay_samples(&self, position: Position, kind: u8, payload: &[u8]) -> bool {
        let stored =
            |version, body: &[u8]| samples::store(version, body, &self.tsdb, &self.drops).is_ok();
        let expanded = |version| expand(payload).is_some_and(|body| stored(version, &body));
        match kind {
            kind::BATCH => {
                self.replay_batch(&self.samples, position, Bytes::copy_from_slice(payload))
            }
            kind::REMOTE_WRITE_1 => stored(Version::One, payload),
            kind::REMOTE_WRITE_2 => stored(Version::Two, payload),
            kind::REMOTE_WRITE_1_SNAPPY => expanded(Version::One),
            kind::REMOTE_WRITE_2_SNAPPY => expanded(Version::Two),
            _ => false,
        }
    }

    /// Applies a record of the lines journal again. Returns whether it could be read.
    pub(super) fn replay_lines(&self, position: Position, kind: u8, payload: &[u8]) -> bool {
        match kind {
            kind::BATCH => {
                self.replay_batch(&self.lines, position, Bytes::copy_from_slice(payload))
            }
            kind::PUSH => lines::replay_push(payload, position, self.lines_go()).is_some(),
            _ => false,
        }
    }

    fn replay_batch(&self, lane: &Lane, position: Position, payload: Bytes) -> bool {
        let Ok(batch) = Batch::decode(payload) else {
            return false;
        };
        let Ok(arrived) = Arrived::of(&batch) else {
            return false;
        };
        lane.inbox()
            .appended_gap(arrived.key, arrived.last_seq, position, self.now());
        self.apply(&arrived, &batch, position);
        true
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
        let full = Verdict::Refused {
            reason: NackReason::Full,
            retry_after_ms: RETRY_FULL_MS,
        };
        if arrived.key.stream == StreamKind::Logs && !self.has_room_for_lines() {
            return taken(full);
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
                Offer::TooFarAhead => return taken(full),
            }
            arrived.unseen = inbox.unseen(arrived.key, arrived.last_seq);
            match lane.append(kind::BATCH, &[&batch.encode_to_vec()]) {
                Ok(position) => {
                    inbox.appended_gap(arrived.key, arrived.last_seq, position, self.now());
                    position
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "batch not journaled");
                    return taken(full);
                }
            }
        };
        self.counts.batches.fetch_add(1, Relaxed);
        taken(self.apply(&arrived, &batch, position))
    }

    /// Tells whether the log store can hold one more record in memory, whatever its size.
    fn has_room_for_lines(&self) -> bool {
        self.logdb.usage().head_bytes < LINES_BYTES_MAX
    }

    /// Puts what a journaled batch holds into its store.
    fn apply(&self, arrived: &Arrived, batch: &Batch, position: Position) -> Verdict {
        let key = arrived.key;
        let Ok(added) = convert::labels(&batch.labels) else {
            return self.malformed(batch, "labels over the limit");
        };
        match batch.encoding() {
            Encoding::DictV1 => self.define(key.session, &added, batch),
            Encoding::MetricsV1 => self.store_samples(key.session, batch, position),
            Encoding::LogsV1 => self.store_lines(&added, batch, position),
            Encoding::GapV1 => {
                if let Some(gap) = &arrived.gap {
                    self.drops
                        .gap(key.stream, &gap.reason, arrived.items_lost(gap.items));
                }
                Verdict::Durable
            }
            Encoding::Unspecified => self.malformed(batch, "unknown encoding"),
        }
    }

    /// Returns where samples go, and when.
    pub(super) fn samples_go(&self) -> Into<'_> {
        Into {
            tsdb: &self.tsdb,
            drops: &self.drops,
            now: self.now(),
        }
    }

    fn define(&self, session: SessionId, added: &Labels, batch: &Batch) -> Verdict {
        let statement = Statement {
            session,
            added: added.clone(),
            payload: &batch.payload,
        };
        let kept = self.dictionaries.append(&statement);
        if let Err(error) = kept {
            tracing::error!(error = chain(&error), "dictionary not kept");
        }
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match sessions.define(session, added, &batch.payload, self.samples_go()) {
            Ok(samples) => {
                self.counts.samples.fetch_add(samples, Relaxed);
                Verdict::Durable
            }
            Err(error) => self.malformed(batch, &chain(&error)),
        }
    }

    fn store_samples(&self, session: SessionId, batch: &Batch, position: Position) -> Verdict {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match sessions.store(session, &batch.payload, position, self.samples_go()) {
            Ok(Applied::Stored { samples }) => {
                self.counts.samples.fetch_add(samples, Relaxed);
                Verdict::Durable
            }
            Ok(Applied::NeedsDict { epoch }) => Verdict::NeedsDict { epoch },
            Err(error) => self.malformed(batch, &chain(&error)),
        }
    }

    fn store_lines(&self, added: &Labels, batch: &Batch, position: Position) -> Verdict {
        let parts = match decode_logs(&batch.payload) {
            Ok(parts) => parts,
            Err(error) => return self.malformed(batch, &chain(&error)),
        };
        let mut covered = self.covered.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = covered.store(parts, added, position, self.lines_go());
        self.count_lines(stored);
        Verdict::Durable
    }

    /// Returns where lines go, and when.
    fn lines_go(&self) -> IntoLines<'_> {
        IntoLines {
            logdb: &self.logdb,
            drops: &self.drops,
            now: self.now(),
        }
    }

    /// Counts a batch that can never be applied; trying again would change nothing.
    fn malformed(&self, batch: &Batch, what: &str) -> Verdict {
        tracing::warn!(
            origin = batch.origin,
            seq = batch.seq,
            what,
            "batch dropped"
        );
        self.drops.batch("malformed");
        Verdict::Refused {
            reason: NackReason::Malformed,
            retry_after_ms: 0,
        }
    }

    fn count_lines(&self, stored: Stored) {
        self.counts.lines.fetch_add(stored.lines, Relaxed);
        self.counts.line_bytes.fetch_add(stored.bytes, Relaxed);
        self.counts.duplicates.fetch_add(stored.trimmed, Relaxed);
    }
}

/// Decompresses a request that was journaled as it came.
fn expand(snappy: &[u8]) -> Option<Vec<u8>> {
    let bytes = snap::raw::decompress_len(snappy).ok()?;
    if bytes > HTTP_BODY_BYTES_MAX {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(snappy).ok()
}

/// A batch whose fields make sense.
struct Arrived {
    key: BatchKey,
    /// Greater than the batch's own number when it is a gap that stands for more than one.
    last_seq: u64,
    gap: Option<Gap>,
    /// How many of the numbers are new here.
    unseen: u64,
}

impl Arrived {
    fn of(batch: &Batch) -> Result<Arrived, BatchError> {
        let key = batch::check(batch)?;
        if batch.encoding() != Encoding::GapV1 {
            return Ok(Arrived {
                key,
                last_seq: key.seq,
                gap: None,
                unseen: 1,
            });
        }
        let (gap, last_seq) = batch::decode_gap(batch)?;
        let unseen = last_seq.saturating_sub(key.seq).saturating_add(1);
        Ok(Arrived {
            key,
            last_seq,
            gap: Some(gap),
            unseen,
        })
    }

    /// Returns the share of a gap's items that are in batches which are not here: what came
    /// another way is not lost.
    fn items_lost(&self, items: u64) -> u64 {
        let all = self.last_seq.saturating_sub(self.key.seq).saturating_add(1);
        let lost = u128::from(items) * u128::from(self.unseen) / u128::from(all.max(1));
        u64::try_from(lost).unwrap_or(u64::MAX)
    }
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
