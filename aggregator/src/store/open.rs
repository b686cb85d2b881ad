//! How an aggregator finds its data again: stores, checkpoints, then the journals' tails.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use weft_disk::Disk;
use weft_journal::{Position, ReplayError, ReplayReport};
use weft_logdb::LogDb;
use weft_model::Millis;
use weft_proto::delivery::Dedup;
use weft_stdx::Clock;
use weft_tsdb::Tsdb;

use super::flush::{COVERED, SAMPLES_CHECKPOINT, read_covered};
use super::take::chain;
use super::{Counts, Store};
use crate::config::{Config, SelectorRetention};
use crate::dictionaries::{Kept, Statement};
use crate::drops::Drops;
use crate::heads::{Covered, Sessions};
use crate::lane::{Checkpoint, Lane};

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
    /// A journal cannot be read.
    #[error("replay journal")]
    Replay(#[from] ReplayError),
    /// The samples cannot be opened.
    #[error("open samples")]
    Samples(#[from] weft_tsdb::OpenError),
    /// The lines cannot be opened.
    #[error("open lines")]
    Lines(#[from] weft_logdb::OpenError),
}

impl Store {
    /// Opens all that is kept below the data directory, and applies what the journals hold beyond
    /// the last checkpoint.
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
        let journal = |name: &str| dir.join("journal").join(name);
        let (samples, _) = Lane::open(Arc::clone(&disk), &journal("samples"))?;
        let (lines, _) = Lane::open(Arc::clone(&disk), &journal("lines"))?;
        let dictionaries = Kept::open(Arc::clone(&disk), &journal("dictionaries"))?;
        let store = Store {
            tsdb: Arc::new(tsdb),
            logdb: Arc::new(logdb),
            drops: Arc::new(Drops::default()),
            counts: Counts::default(),
            host_name: host_name.to_owned(),
            samples,
            lines,
            dictionaries,
            sessions: Mutex::new(Sessions::default()),
            covered: Mutex::new(Covered::default()),
            flushing: Mutex::new(()),
            disk,
            dir: dir.clone(),
            clock,
            damaged: AtomicU64::new(0),
        };
        store.recall_dictionaries()?;
        store.recall_samples()?;
        store.recall_lines()?;
        Ok(store)
    }

    fn recall_dictionaries(&self) -> Result<(), OpenError> {
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
        })?;
        self.note("dictionaries", &report, 0);
        Ok(())
    }

    fn recall_samples(&self) -> Result<(), OpenError> {
        let path = self.dir.join("journal").join(SAMPLES_CHECKPOINT);
        let checkpoint = self
            .disk
            .read(&path)
            .ok()
            .and_then(|bytes| Checkpoint::from_bytes(&bytes));
        let position = resume(&self.samples, checkpoint);
        let mut unread = 0;
        let report = self.samples.journal.replay(position, |record| {
            unread += u64::from(!self.replay_samples(record.position, record.kind, record.payload));
            ControlFlow::Continue(())
        })?;
        self.note("samples", &report, unread);
        Ok(())
    }

    fn recall_lines(&self) -> Result<(), OpenError> {
        let path = self.dir.join("journal").join(COVERED);
        let bytes = self.disk.read(&path).unwrap_or_default();
        let (checkpoint, covered) = match read_covered(&bytes) {
            Some((checkpoint, covered)) => (Some(checkpoint), Covered::decode(covered)),
            None => (None, Covered::default()),
        };
        *self.covered.lock().unwrap_or_else(PoisonError::into_inner) = covered;
        let position = resume(&self.lines, checkpoint);
        let mut unread = 0;
        let report = self.lines.journal.replay(position, |record| {
            unread += u64::from(!self.replay_lines(record.position, record.kind, record.payload));
            ControlFlow::Continue(())
        })?;
        self.note("lines", &report, unread);
        Ok(())
    }

    /// Says what a replay found, and counts what was damaged.
    fn note(&self, journal: &str, report: &ReplayReport, unread: u64) {
        let damage = report.damage;
        let lost = damage.runs + damage.segments_missing + unread;
        if lost > 0 {
            self.damaged.fetch_add(lost, Ordering::Relaxed);
            let (runs, bytes, segments) = (damage.runs, damage.bytes, damage.segments_missing);
            tracing::error!(
                journal,
                runs,
                bytes,
                segments,
                unread,
                "journal damaged: what could not be read was skipped"
            );
        }
        tracing::info!(journal, records = report.records, "journal replayed");
    }
}

/// Lets a lane go on from a checkpoint, and returns where to begin reading its journal.
fn resume(lane: &Lane, checkpoint: Option<Checkpoint>) -> Position {
    let Some(checkpoint) = checkpoint else {
        return Position::default();
    };
    match Dedup::decode(&checkpoint.admitted) {
        Ok(admitted) => {
            lane.resume(admitted);
            checkpoint.position
        }
        Err(error) => {
            tracing::error!(
                error = chain(&error),
                "checkpoint unreadable: the whole journal is read"
            );
            Position::default()
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
        ..weft_tsdb::Config::default()
    };
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
