//! How the journals stay short: what they hold is made durable in the stores, then trimmed.
//!
//! The order is what keeps data safe: checkpoint, store, checkpoint on the disk, trim. A crash in
//! between means that records are applied again, which changes nothing. While a journal's tail is
//! replayed, a checkpoint is where the replay has come to.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weft_matcher::LabelMatcher;
use weft_model::Millis;

use super::Store;
use super::take::{TakeError, chain};
use crate::lane::Checkpoint;

/// How long a session is remembered after it was last heard: longer than any spool waits.
const SESSION_MILLIS: i64 = 7 * 86_400_000;

/// How long a flush that was asked for waits for the replay.
const REPLAY_WAIT_MAX: Duration = Duration::from_secs(60);

/// Bytes of the samples' journal beyond which it is flushed at once: what a replay has to read.
const SAMPLES_JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// Bytes of the lines' journal beyond which it is flushed at once.
const LINES_JOURNAL_BYTES_MAX: u64 = 512 << 20;

/// Where the checkpoint of the samples lane is kept, below `journal/`.
pub(crate) const SAMPLES_CHECKPOINT: &str = "samples.checkpoint";

/// Where the checkpoint of the lines lane is kept.
pub(crate) const COVERED: &str = "lines.checkpoint";

impl Store {
    /// Makes all that was taken durable in the stores, and trims the journals.
    pub(crate) fn flush(&self) -> Result<(), TakeError> {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = self.flush_samples();
        let lines = self.flush_lines();
        samples.and(lines)
    }

    /// Does what [`Store::flush`] does, for those who asked for it: after the replay, so that it
    /// covers all that was acknowledged.
    pub(crate) fn flush_all(&self) -> Result<(), TakeError> {
        for lane in [&self.samples, &self.lines] {
            if !lane.replay.wait(REPLAY_WAIT_MAX) {
                return Err(TakeError::Busy("the journal is still being replayed"));
            }
        }
        self.flush()
    }

    /// Tells whether the samples' journal has grown so much, or their memory become so full, that
    /// it should not wait for the next flush.
    pub(crate) fn must_flush_samples(&self) -> bool {
        self.full.load(Relaxed) || self.samples.kept_bytes() > SAMPLES_JOURNAL_BYTES_MAX
    }

    /// Tells whether the lines' journal has grown so much that it should not wait for the next
    /// flush.
    pub(crate) fn must_flush_lines(&self) -> bool {
        self.lines.kept_bytes() > LINES_JOURNAL_BYTES_MAX
    }

    /// Makes all samples that were taken durable in the TSDB, and trims their journal.
    pub(crate) fn flush_samples_only(&self) -> Result<(), TakeError> {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush_samples()
    }

    /// Seals blocks of lines that are full or old, and drops what is too old.
    pub(crate) fn maintain_lines(&self) {
        if let Err(error) = self.logdb.maintain(self.now().to_nanos()) {
            tracing::warn!(error = chain(&error), "log store not maintained");
        }
    }

    /// Merges, drops what is too old, forgets who is gone. Returns whether there is more to do.
    pub(crate) fn maintain(&self) -> bool {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let before = now.plus(-SESSION_MILLIS);
        self.samples.inbox().expire(before);
        self.lines.inbox().expire(before);
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget(before);
        self.covered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget(before);
        self.compact_dictionaries();
        match self.tsdb.maintain(now) {
            Ok(report) => {
                for fault in &report.set_aside {
                    tracing::error!(error = chain(fault), "part set aside");
                }
                report.more
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "samples not merged");
                false
            }
        }
    }

    fn compact_dictionaries(&self) {
        if self.replaying() {
            // Which sessions live is not known yet.
            return;
        }
        // Held meanwhile, so that no dictionary is defined between the old journal and the new.
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let compacted = self
            .dictionaries
            .compact(|session| sessions.is_known(session));
        if let Err(error) = compacted {
            tracing::warn!(error = chain(&error), "dictionaries not compacted");
        }
    }

    /// Deletes samples.
    pub(crate) fn delete_samples(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
    ) -> Result<(), TakeError> {
        // What the journal holds would come back with the next start.
        self.flush_all()?;
        self.tsdb
            .delete(matchers, start, end)
            .map(|_| ())
            .map_err(internal)
    }

    /// Makes a snapshot of the samples below `snapshots/` and returns its name.
    pub(crate) fn snapshot(&self) -> Result<String, TakeError> {
        self.flush_all()?;
        let name = self.now().to_string().replace([':', '.'], "-");
        let dir = self.dir.join("snapshots").join(&name);
        self.tsdb.snapshot(&dir).map_err(internal)?;
        Ok(name)
    }

    fn flush_samples(&self) -> Result<(), TakeError> {
        let waiting = || {
            self.sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .oldest_waiting()
        };
        let (mut checkpoint, waiting) = self.samples.checkpoint(self.now(), waiting)?;
        if let Some(waiting) = waiting {
            checkpoint.position = checkpoint.position.min(waiting);
        }
        self.tsdb.flush(self.now()).map_err(internal)?;
        self.full.store(false, Relaxed);
        self.dictionaries.sync().map_err(internal)?;
        self.keep(SAMPLES_CHECKPOINT, &checkpoint.to_bytes())?;
        self.samples.trim(checkpoint.position).map_err(internal)
    }

    fn flush_lines(&self) -> Result<(), TakeError> {
        let covered = || {
            self.covered
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .encode()
        };
        let (checkpoint, covered) = self.lines.checkpoint(self.now(), covered)?;
        self.logdb.flush(self.now().to_nanos()).map_err(internal)?;
        self.keep(COVERED, &covered_bytes(&checkpoint, &covered))?;
        self.lines.trim(checkpoint.position).map_err(internal)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), TakeError> {
        let path = self.dir.join("journal").join(name);
        self.disk.write_atomic(&path, bytes).map_err(internal)
    }
}

/// Returns what is kept of the lines lane: the checkpoint, and which offsets of which files are
/// stored, with a checksum over both.
fn covered_bytes(checkpoint: &Checkpoint, covered: &[u8]) -> Vec<u8> {
    let checkpoint = checkpoint.to_bytes();
    let mut bytes = (checkpoint.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&checkpoint);
    bytes.extend_from_slice(covered);
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Reads what [`covered_bytes`] returned; nothing when it is damaged.
pub(crate) fn read_covered(bytes: &[u8]) -> Option<(Checkpoint, &[u8])> {
    let (bytes, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(bytes) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (checkpoint, covered) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((Checkpoint::from_bytes(checkpoint)?, covered))
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> TakeError {
    TakeError::Internal(Box::new(error))
}
