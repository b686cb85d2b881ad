//! From a journaled batch into the stores.
//!
//! In: batches, as they come or when the replay comes to them. Out: samples and lines in the
//! heads. What cannot be applied is counted as dropped, not tried again.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use weft_journal::Position;
use weft_model::{Labels, SessionId};
use weft_proto::convert;
use weft_proto::payload::decode_logs;
use weft_proto::v1::{Batch, Encoding, NackReason};

use super::arrived::Arrived;
use super::take::{FULL, chain};
use super::{Store, Verdict};
use crate::dictionaries::Statement;
use crate::heads::{Applied, Into, IntoLines, Stored};

/// Bytes of lines in memory beyond which no more are taken: below the log store's own limit by
/// more than a record, so that what is in the journal always finds room in the store.
const LINES_BYTES_MAX: usize = 384 << 20;

impl Store {
    /// Tells whether the log store can hold one more record in memory, whatever its size.
    pub(super) fn has_room_for_lines(&self) -> bool {
        self.logdb.usage().head_bytes < LINES_BYTES_MAX
    }

    /// Puts what a journaled batch holds into its store.
    pub(super) fn apply(&self, arrived: &Arrived, batch: &Batch, position: Position) -> Verdict {
        let key = arrived.key;
        let Ok(added) = convert::labels(&batch.labels) else {
            return self.malformed(batch, "labels over the limit");
        };
        match batch.encoding() {
            Encoding::DictV1 => self.define(key.session, &added, batch),
            Encoding::MetricsV1 => self.store_samples(key.session, batch, position),
            Encoding::LogsV1 => self.store_lines(&added, batch, position),
            Encoding::GapV1 => {
                self.count_gap(arrived);
                Verdict::Durable
            }
            Encoding::Unspecified => self.malformed(batch, "unknown encoding"),
        }
    }

    /// Counts what a sender says it has dropped.
    pub(super) fn count_gap(&self, arrived: &Arrived) {
        if let Some(gap) = &arrived.gap {
            let items = arrived.items_lost(gap.items);
            self.drops.gap(arrived.key.stream, &gap.reason, items);
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
            Ok(Applied::Full) => {
                self.full.store(true, Relaxed);
                FULL
            }
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
    pub(super) fn lines_go(&self) -> IntoLines<'_> {
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

    pub(super) fn count_lines(&self, stored: Stored) {
        self.counts.lines.fetch_add(stored.lines, Relaxed);
        self.counts.line_bytes.fetch_add(stored.bytes, Relaxed);
        self.counts.duplicates.fetch_add(stored.trimmed, Relaxed);
    }
}
