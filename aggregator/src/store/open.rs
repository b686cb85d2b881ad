//! How an aggregator finds its data again: stores, checkpoints, and which batches the journals'
//! tails have. It can be asked then; the tails themselves are replayed afterwards.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use weft_disk::Disk;
use weft_journal::Position;
use weft_logdb::LogDb;
use weft_model::Millis;
use weft_proto::delivery::Dedup;
use weft_proto::v1::Batch;
use weft_stdx::Clock;
use weft_tsdb::Tsdb;

use super::arrived::Arrived;
use super::flush::{COVERED, SAMPLES_CHECKPOINT, read_covered};
use super::take::{chain, kind};
use super::{Counts, Store};
use crate::config::{Config, SelectorRetention};
use crate::dictionaries::{Kept, Statement};
use crate::drops::Drops;
use crate::heads::{Covered, Sessions, lines::place};
use crate::lane::{Checkpoint, Lane};

/// How much of the lines' journal a crash can lose of what the log store has seen: what waits to be
/// written, and the rest of the segment before it.
const LOST_BYTES_MAX: usize = 64 << 20;

/// The size of a record that fills the journal up.
const FILLER_BYTES: usize = 64 << 10;

/// Why an aggregator's data cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory cannot be made or used.
    #[error("use directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A journal cannot be opened.
    #[error("open journal")]
    Journal(#[from] weft_journal::OpenError),
    /// The samples cannot be opened.
    #[error("open samples")]
    Samples(#[from] weft_tsdb::OpenError),
    /// The lines cannot be opened.
    #[error("open lines")]
    Lines(#[from] weft_logdb::OpenError),
}

impl Store {
    /// Opens all that is kept below the data directory. What the journals hold beyond the last
    /// checkpoint is not in the stores before [`Store::replay`].
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        config: &Config,
        host_name: &str,
        clock: Clock,
    ) -> Result<Store, OpenError> {
        let dir = &config.data;
        for name in ["journal/samples", "journal/lines", "tsdb", "logdb"] {
            let path = dir.join(name);
            disk.create_dir(&path)
                .map_err(|source| OpenError::Directory { path, source })?;
        }
        let now = Millis(clock.millis());
        let (tsdb, parts) = Tsdb::open(
            Arc::clone(&disk),
            &dir.join("tsdb"),
            samples_config(config),
            now,
        )?;
        for fault in &parts.set_aside {
            tracing::error!(error = chain(fault), "part set aside");
        }
        let (logdb, blocks) =
            LogDb::open(&dir.join("logdb"), lines_config(config), now.to_nanos())?;
        for aside in &blocks.aside {
            let path = aside.path.display();
            tracing::error!(%path, error = chain(&aside.reason), "partition set aside");
        }
        let journal = dir.join("journal");
        let dictionaries = Kept::open(Arc::clone(&disk), &journal.join("dictionaries"))?;
        let samples = read_checkpoint(&disk, &journal);
        let (lines, covered) = read_covered_offsets(&disk, &journal);
        let lane = |name: &str, from| Lane::open(Arc::clone(&disk), &journal.join(name), from, now);
        let (samples, lines) = (lane("samples", samples)?, lane("lines", lines)?);
        let store = Store {
            replay_bytes: samples.waiting_bytes() + lines.waiting_bytes(),
            tsdb: Arc::new(tsdb),
            logdb: Arc::new(logdb),
            drops: Arc::new(Drops::default()),
            counts: Counts::default(),
            host_name: host_name.to_owned(),
            samples,
            lines,
            dictionaries,
            sessions: Mutex::new(Sessions::default()),
            covered: Mutex::new(covered),
            flushing: Mutex::new(()),
            disk,
            dir: dir.clone(),
            clock,
            damaged: AtomicU64::new(0),
            full: AtomicBool::new(false),
        };
        for lane in [&store.samples, &store.lines] {
            recall_admitted(lane, now);
        }
        pass_lost_tail(&store.lines, store.logdb.reached(), now);
        Ok(store)
    }

    /// Tells the sessions their dictionaries; what cannot be read, they will ask for again.
    pub(super) fn recall_dictionaries(&self) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let report = self.dictionaries.replay(|statement| {
            let Statement {
                session,
                added,
                payload,
            } = statement;
            if let Err(error) = sessions.define(*session, added, payload, self.samples_go()) {
                tracing::debug!(error = chain(&error), "old dictionary not applied");
            }
        });
        match report {
            Ok(report) => self.count_damage("dictionaries", report.damage, 0),
            Err(error) => tracing::error!(error = chain(&error), "dictionaries not read"),
        }
    }
}

/// Notes which batches the journal's tail has, so that none is taken twice before the replay
/// comes to it. Other records are passed over.
fn recall_admitted(lane: &Lane, now: Millis) {
    let mut inbox = lane.inbox();
    let from = lane.replay.from();
    let report = lane.journal.replay_only(kind::BATCH, from, |record| {
        let batch = Batch::decode(record.payload).ok();
        if let Some(arrived) = batch.and_then(|batch| Arrived::of(&batch).ok()) {
            inbox.appended_gap(arrived.key, arrived.last_seq, record.position, now);
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = report {
        tracing::error!(
            error = chain(&error),
            "journal not read: batches may be stored twice"
        );
    }
    inbox.durable_to(lane.journal.durable(), now);
}

/// Moves the end of the lines' journal past all that the log store has seen of it. A block may have
/// become durable just before the record of its lines did: after a crash in between, the record's
/// place would be given to a new one, whose lines would be taken for known.
fn pass_lost_tail(lane: &Lane, reached: u64, now: Millis) {
    let filler = vec![0; FILLER_BYTES];
    let mut filled = 0;
    while place(lane.journal.end()) <= reached && filled < LOST_BYTES_MAX {
        if let Err(error) = lane.append(kind::FILLER, &[&filler]) {
            tracing::error!(error = chain(&error), "journal of lines not filled up");
            return;
        }
        filled += FILLER_BYTES;
    }
    if place(lane.journal.end()) <= reached {
        tracing::error!("journal of lines is far behind the log store: was it removed?");
    }
    if filled > 0
        && let Err(error) = lane.sync(now)
    {
        tracing::error!(error = chain(&error), "journal of lines not filled up");
    }
}

/// Returns where the samples' journal is to be read from, and what was admitted before.
fn read_checkpoint(disk: &Arc<dyn Disk>, journal: &Path) -> (Position, Dedup) {
    let bytes = disk.read(&journal.join(SAMPLES_CHECKPOINT)).ok();
    resume(bytes.and_then(|bytes| Checkpoint::from_bytes(&bytes)))
}

/// Returns the same for the lines, and which offsets of which files are stored.
fn read_covered_offsets(disk: &Arc<dyn Disk>, journal: &Path) -> ((Position, Dedup), Covered) {
    let bytes = disk.read(&journal.join(COVERED)).unwrap_or_default();
    match read_covered(&bytes) {
        Some((checkpoint, covered)) => (resume(Some(checkpoint)), Covered::decode(covered)),
        None => (resume(None), Covered::default()),
    }
}

fn resume(checkpoint: Option<Checkpoint>) -> (Position, Dedup) {
    let Some(checkpoint) = checkpoint else {
        return Default::default();
    };
    match Dedup::decode(&checkpoint.admitted) {
        Ok(admitted) => (checkpoint.position, admitted),
        Err(error) => {
            tracing::error!(
                error = chain(&error),
                "checkpoint unreadable: the whole journal is read"
            );
            Default::default()
        }
    }
}

fn samples_config(config: &Config) -> weft_tsdb::Config {
    let rule = |rule: &SelectorRetention| weft_tsdb::Retention {
        matchers: rule.matchers.clone(),
        retention_millis: millis(rule.retention),
    };
    let mut samples = weft_tsdb::Config {
        retention_millis: millis(config.metrics.retention),
        retention_by: config.metrics.retention_by.iter().map(rule).collect(),
        retention_bytes: config.metrics.retention_bytes,
        rollups: config.metrics.rollups,
        head_bytes_max: config.metrics.head_bytes_max,
        exemplars_max: config.metrics.exemplars_max,
        ..weft_tsdb::Config::default()
    };
    if let Some(retention) = config.metrics.exemplars_retention {
        samples.exemplars_retention_millis = millis(retention);
    }
    samples.budgets.series_max = config.metrics.series_max;
    samples
}

fn lines_config(config: &Config) -> weft_logdb::Config {
    weft_logdb::Config {
        retention: millis(config.logs.retention).saturating_mul(1_000_000),
        retention_bytes: config.logs.retention_bytes.unwrap_or(u64::MAX),
        ..weft_logdb::Config::default()
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
