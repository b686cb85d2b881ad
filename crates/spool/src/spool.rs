//! The spool: a queue for each stream, and one ledger.

use std::path::Path;
use std::sync::{Arc, Mutex};

use weft_disk::{Disk, RealDisk};
use weft_journal::Position;
use weft_model::{Millis, RangeSet, SessionId, StreamKind};

use crate::config::Config;
use crate::entry::{Entry, EntryId, NewBatch};
use crate::error::{AckError, AppendError, OpenError, ReadError, SyncError};
use crate::ledger::{Ledger, MemoryLedger, SledLedger};
use crate::queue::Queue;
use crate::stats::Stats;

/// What was found when a spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Batches and gaps that are not acknowledged.
    pub entries: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes at the ends that were being written when the process or the power ended.
    pub cut_bytes: u64,
    /// Bytes that could not be read as entries.
    pub damaged_bytes: u64,
    /// Whether the ledger was broken and begun anew from the segments.
    pub ledger_was_rebuilt: bool,
}

/// A bounded queue of batches that survives a crash, one for each stream.
#[derive(Debug)]
pub struct Spool {
    queues: [Queue; 3],
}

impl Spool {
    /// Opens the spool in a directory of this machine, or makes one: segments in `metrics/`,
    /// `logs/` and `events/`, the ledger in `ledger/`.
    pub fn open(dir: &Path, config: Config) -> Result<(Spool, OpenReport), OpenError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let (ledger, was_rebuilt): (Box<dyn Ledger>, bool) =
            match SledLedger::open(&dir.join("ledger")) {
                Ok(ledger) => {
                    let was_rebuilt = ledger.was_rebuilt();
                    (Box::new(ledger), was_rebuilt)
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "spool goes on without its ledger");
                    (Box::new(MemoryLedger::new()), true)
                }
            };
        let (spool, mut report) = Spool::open_on(disk, dir, config, ledger)?;
        report.ledger_was_rebuilt = was_rebuilt;
        Ok((spool, report))
    }

    /// Opens the spool on any disk, with any ledger.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: Config,
        ledger: Box<dyn Ledger>,
    ) -> Result<(Spool, OpenReport), OpenError> {
        let ledger = Arc::new(Mutex::new(ledger));
        let mut report = OpenReport::default();
        let mut open = |stream: StreamKind| {
            let dir = dir.join(stream.as_str());
            let config = config.queue(stream);
            let opened = Queue::open(Arc::clone(&disk), &dir, stream, config, Arc::clone(&ledger));
            opened.map(|(queue, cut_bytes)| {
                let stats = queue.stats();
                report.entries += stats.entries;
                report.bytes += stats.bytes;
                report.damaged_bytes += stats.damaged_bytes;
                report.cut_bytes += cut_bytes;
                queue
            })
        };
        let [metrics, logs, events] = StreamKind::ALL;
        let queues = [open(metrics)?, open(logs)?, open(events)?];
        Ok((Spool { queues }, report))
    }

    /// Appends a batch under the number that it was born with. It is durable after the next
    /// [`Spool::sync`]. Whether it is a duplicate is for the caller to know.
    pub fn append(
        &self,
        batch: &NewBatch<'_>,
        seq: u64,
        now: Millis,
    ) -> Result<EntryId, AppendError> {
        self.queue(batch.stream).append(batch, seq, now)
    }

    /// Appends a batch that is born here, under the next number of its session, which it returns.
    pub fn append_next(&self, batch: &NewBatch<'_>, now: Millis) -> Result<u64, AppendError> {
        self.queue(batch.stream).append_next(batch, now)
    }

    /// Returns the number that the next batch of a session will have.
    pub fn next_seq(&self, session: SessionId, stream: StreamKind) -> u64 {
        self.queue(stream).next_seq(session)
    }

    /// To be called after opening for a session that is born here: tells of the numbers that were
    /// lost when the power ended, by gaps, so that none is missing further down. Returns how many.
    pub fn fill_holes(&self, session: SessionId, now: Millis) -> Result<u64, AppendError> {
        let filled = self
            .queues
            .iter()
            .map(|queue| queue.fill_holes(session, now));
        filled.sum()
    }

    /// Makes all of a stream that was appended before durable, and returns up to where it is.
    /// Many threads may wait here for one fdatasync.
    pub fn sync(&self, stream: StreamKind) -> Result<Position, SyncError> {
        self.queue(stream).sync()
    }

    /// Makes all that was appended before durable.
    pub fn sync_all(&self) -> Result<(), SyncError> {
        self.queues
            .iter()
            .try_for_each(|queue| queue.sync().map(drop))
    }

    /// Returns the next durable entries of a stream in their order: at least one, if there is any,
    /// then up to `budget_bytes`. They are read once; see [`Spool::rewind`].
    pub fn read(&self, stream: StreamKind, budget_bytes: usize) -> Result<Vec<Entry>, ReadError> {
        self.queue(stream).read(budget_bytes)
    }

    /// Lets all entries of a stream that were read and not acknowledged be read again.
    pub fn rewind(&self, stream: StreamKind) {
        self.queue(stream).rewind();
    }

    /// Notes that entries are durable further down, in any order. Segments in which all is
    /// acknowledged are removed. Ids that are not known, because they were dropped or
    /// acknowledged before, are ignored.
    pub fn ack(&self, stream: StreamKind, ids: &[EntryId]) -> Result<(), AckError> {
        self.queue(stream).ack(ids)
    }

    /// Returns which numbers of each session are durable here, or were once: for knowing
    /// duplicates after a start.
    pub fn sessions(&self, stream: StreamKind) -> Vec<(SessionId, RangeSet)> {
        self.queue(stream).sessions()
    }

    /// To be called now and then: forgets sessions that were not heard of for long, and drops
    /// what is too old.
    pub fn expire(&self, now: Millis) -> Result<(), AppendError> {
        self.queues.iter().try_for_each(|queue| queue.expire(now))
    }

    /// Returns what there is to know of a queue.
    pub fn stats(&self, stream: StreamKind) -> Stats {
        self.queue(stream).stats()
    }

    fn queue(&self, stream: StreamKind) -> &Queue {
        let [metrics, logs, events] = &self.queues;
        match stream {
            StreamKind::Metrics => metrics,
            StreamKind::Logs => logs,
            StreamKind::Events => events,
        }
    }
}
