//! The thread that follows log files.
//!
//! In: acknowledgements. Out: sealed batches on a bounded channel; when it is full, nothing more is
//! read, and only directories are still looked at, so that no file is missed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use weft_disk::Disk;
use weft_model::Nanos;
use weft_stdx::Clock;

use super::tailer::{LogBatch, Moment, Tailer};
use super::watch::{Changes, Waker};
use crate::config::TailConfig;
use crate::status::StatusBoard;
use crate::telemetry::Telemetry;

/// How long to wait after the kernel failed to tell of changes.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A running tailer.
#[derive(Debug)]
pub(crate) struct Tail {
    thread: Option<JoinHandle<()>>,
    acks: Acks,
    stop: Arc<AtomicBool>,
}

/// Tells the tailer what is durable downstream; a clone tells the same one.
#[derive(Clone, Debug)]
pub(crate) struct Acks {
    durable_seq: Arc<AtomicU64>,
    waker: Waker,
}

/// Where the tailer reports to.
pub(crate) struct TailHooks {
    /// Sealed batches.
    pub batches: Sender<LogBatch>,
    /// Called after a batch was handed on.
    pub handed_on: Box<dyn Fn() + Send>,
    /// Counts.
    pub telemetry: Telemetry,
    /// The status of the agent.
    pub status: StatusBoard,
}

impl Acks {
    /// Notes that all batches up to `durable_seq` are durable.
    pub(crate) fn acked(&self, durable_seq: u64) {
        self.durable_seq.fetch_max(durable_seq, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Notes that there is room on the channel of batches again.
    pub(crate) fn room(&self) {
        self.waker.wake();
    }
}

impl Tail {
    /// Starts to follow the files that `config` names, for the node `node`, with its positions in
    /// the directory `state`.
    pub(crate) fn start(
        config: TailConfig,
        node: &str,
        (disk, state): (Arc<dyn Disk>, &Path),
        clock: Clock,
        hooks: TailHooks,
    ) -> io::Result<Tail> {
        let tailer = Tailer::open(config, node, disk, &state.join("positions"))?;
        let acks = Acks {
            durable_seq: Arc::default(),
            waker: tailer.waker(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            tailer,
            clock,
            hooks,
            durable_seq: Arc::clone(&acks.durable_seq),
            stop: Arc::clone(&stop),
            rate: Rate::default(),
        };
        let thread = Builder::new()
            .name("weft-tailer".to_owned())
            .spawn(move || worker.run())?;
        Ok(Tail {
            thread: Some(thread),
            acks,
            stop,
        })
    }

    /// Returns the way to acknowledge batches.
    pub(crate) fn acks(&self) -> Acks {
        self.acks.clone()
    }

    /// Stops reading, hands on what was read if there is room, writes the positions down, and
    /// waits for the thread.
    pub(crate) fn stop(mut self) {
        self.request_stop();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("tailer thread panicked");
        }
    }

    fn request_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.acks.waker.wake();
    }
}

impl Drop for Tail {
    /// Lets the thread end by itself.
    fn drop(&mut self) {
        self.request_stop();
    }
}

struct Worker {
    tailer: Tailer,
    clock: Clock,
    hooks: TailHooks,
    durable_seq: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    rate: Rate,
}

/// Lines over the last seconds.
#[derive(Debug, Default)]
struct Rate {
    since: Option<std::time::Instant>,
    lines: u64,
}

impl Worker {
    fn run(mut self) {
        let mut changes = Changes::default();
        while !self.stop.load(Ordering::Acquire) {
            self.tailer.acked(self.durable_seq.load(Ordering::Acquire));
            let wait = self.tailer.turn(self.moment(), &changes);
            self.hand_on();
            self.report();
            changes = self.tailer.wait(wait).unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot wait for changes of log directories");
                std::thread::sleep(AFTER_ERROR);
                Changes {
                    overflow: true,
                    ..Changes::default()
                }
            });
        }
        self.tailer.acked(self.durable_seq.load(Ordering::Acquire));
        self.tailer.close();
        self.hand_on();
    }

    fn moment(&self) -> Moment {
        Moment {
            instant: self.clock.instant(),
            now: Nanos(self.clock.nanos()),
        }
    }

    fn hand_on(&mut self) {
        let Some(batch) = self.tailer.take_batch() else {
            return;
        };
        match self.hooks.batches.try_send(batch) {
            Ok(()) => (self.hooks.handed_on)(),
            // The lines stay in their files and will be read again after a restart.
            Err(TrySendError::Closed(batch) | TrySendError::Full(batch)) => {
                self.tailer.put_back(batch);
            }
        }
    }

    fn report(&mut self) {
        let (tally, acked) = self.tailer.take_tally();
        let survey = self.tailer.last_survey();
        self.hooks.telemetry.count_logs(&tally, acked);
        self.hooks.telemetry.survey_logs(&survey);
        self.rate.lines += tally.lines;
        let now = self.clock.instant();
        let since = *self.rate.since.get_or_insert(now);
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        if seconds < 1.0 {
            return;
        }
        let lines_per_second = self.rate.lines as f64 / seconds;
        self.rate = Rate {
            since: Some(now),
            lines: 0,
        };
        self.hooks.status.update(|status| {
            status.streams = survey.streams;
            status.lag_bytes = survey.lag_bytes;
            status.lines_per_second = lines_per_second;
        });
    }
}
