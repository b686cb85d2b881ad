//! From the sampler's ticks to durable, numbered batches.
//!
//! In: frames, shaped on the sampler's thread. Out: batches in the spool; the lane is woken.
//! Bound: [`WAITING_MAX`] ticks wait for the disk; one that finds no room is dropped and counted.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use weft_model::{Labels, Millis, SessionId, StreamKind};
use weft_proto::batch::Encoded;
use weft_proto::v1::Encoding;
use weft_spool::{Config, Full, NewBatch, Spool};
use weft_stdx::Clock;

use crate::config::OutletConfig;
use crate::intake::host::Frame;
use crate::shape::metrics::MetricsShaper;
use crate::status::StatusBoard;
use crate::telemetry::Telemetry;

/// Ticks that wait to be written.
const WAITING_MAX: usize = 64;

/// How long to wait before a spool that could not be opened is tried again; short enough that a
/// stop of the agent is noticed.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// How often what is too old is dropped.
const EXPIRE_EVERY_MS: i64 = 60_000;

/// Space of the file system that is left to others.
const FREE_BYTES_MIN: u64 = 128 * 1024 * 1024;

/// The shaper of ticks, reached from the sampler and from the lane that learns what is missed.
#[derive(Debug)]
pub(crate) struct MetricsLine {
    shaper: Mutex<MetricsShaper>,
    payloads: Mutex<Option<Sender<Vec<Encoded>>>>,
    telemetry: Telemetry,
}

impl MetricsLine {
    /// Returns a line for the target with these labels, whose dictionaries count from
    /// `first_dictionary`, and its other end.
    pub(crate) fn new(
        labels: Labels,
        first_dictionary: u32,
        telemetry: Telemetry,
    ) -> (MetricsLine, Receiver<Vec<Encoded>>) {
        let (payloads, receiver) = channel(WAITING_MAX);
        let line = MetricsLine {
            shaper: Mutex::new(MetricsShaper::new(labels, first_dictionary)),
            payloads: Mutex::new(Some(payloads)),
            telemetry,
        };
        (line, receiver)
    }

    /// Shapes a tick and hands it on.
    pub(crate) fn tick(&self, frame: &Frame<'_>) {
        let mut shaper = self.shaper();
        let payloads = shaper.shape(frame);
        self.telemetry
            .count_dropped("series_unencodable", shaper.take_refused());
        self.hand_on(payloads, &mut shaper);
    }

    /// Sends the definitions again that a receiver asked for; returns whether they are known.
    pub(crate) fn restate(&self, epoch: u32) -> bool {
        let mut shaper = self.shaper();
        let payloads = shaper.restate(epoch);
        let known = !payloads.is_empty();
        self.hand_on(payloads, &mut shaper);
        known
    }

    /// Makes the next tick send all definitions again, because a batch was lost on the way.
    fn restate_with_next(&self) {
        self.shaper().restate_with_next();
    }

    /// Ends the line: the other end is told once all is taken.
    pub(crate) fn close(&self) {
        *self.payloads.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn hand_on(&self, payloads: Vec<Encoded>, shaper: &mut MetricsShaper) {
        if payloads.is_empty() {
            return;
        }
        let sender = self.payloads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else {
            return;
        };
        if let Err(TrySendError::Full(lost) | TrySendError::Closed(lost)) =
            sender.try_send(payloads)
        {
            self.telemetry
                .count_dropped("spool_stalled", samples(&lost));
            shaper.restate_with_next();
        }
    }

    fn shaper(&self) -> MutexGuard<'_, MetricsShaper> {
        self.shaper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the ticks of a line into the spool.
pub(crate) struct Spooler {
    /// The directory of the spool.
    pub(crate) dir: PathBuf,
    /// The bounds of the spool.
    pub(crate) config: OutletConfig,
    /// The session that numbers the batches.
    pub(crate) session: SessionId,
    /// Where the opened spool is put.
    pub(crate) spool: Arc<OnceLock<Spool>>,
    /// Where the ticks come from; it ends when nobody else has it.
    pub(crate) line: Weak<MetricsLine>,
    /// The other end of the line.
    pub(crate) payloads: Receiver<Vec<Encoded>>,
    /// Tells the time.
    pub(crate) clock: Clock,
    /// Counts.
    pub(crate) telemetry: Telemetry,
    /// The status of the agent.
    pub(crate) status: StatusBoard,
}

/// Is called after something became durable.
pub(crate) type Spooled = Box<dyn Fn() + Send>;

impl Spooler {
    /// Opens the spool and writes what comes, until the line is closed. Blocks its thread.
    pub(crate) fn run(mut self, spooled: Spooled) {
        let slot = Arc::clone(&self.spool);
        let Some(spool) = self.open(&slot) else {
            return;
        };
        spooled();
        let mut expired = i64::MIN;
        while let Some(payloads) = self.payloads.blocking_recv() {
            self.write(spool, &payloads);
            spooled();
            let now = self.clock.millis();
            if now >= expired.saturating_add(EXPIRE_EVERY_MS) {
                expired = now;
                if let Err(error) = spool.expire(Millis(now)) {
                    tracing::warn!(%error, "cannot expire spool");
                }
            }
        }
    }

    /// Opens the spool, however long that takes; ticks that find no room meanwhile are dropped.
    /// Nothing when the line is closed before.
    fn open<'a>(&mut self, slot: &'a OnceLock<Spool>) -> Option<&'a Spool> {
        loop {
            match Spool::open(&self.dir, spool_config(&self.config)) {
                Ok((spool, report)) => {
                    let now = Millis(self.clock.millis());
                    match spool.fill_holes(self.session, now) {
                        Ok(0) => {}
                        Ok(holes) => tracing::warn!(holes, "batches were lost with the power"),
                        Err(error) => tracing::error!(%error, "cannot tell of lost batches"),
                    }
                    tracing::info!(
                        entries = report.entries,
                        bytes = report.bytes,
                        "spool is open"
                    );
                    return Some(slot.get_or_init(|| spool));
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "spool is not available");
                    let now = Millis(self.clock.millis());
                    self.status.note_error(now, format!("{error}"));
                }
            }
            std::thread::sleep(REOPEN_AFTER);
            if !self.drop_waiting() {
                return None;
            }
        }
    }

    /// Drops what waits; returns whether the line is still open.
    fn drop_waiting(&mut self) -> bool {
        loop {
            match self.payloads.try_recv() {
                Ok(lost) => {
                    self.telemetry
                        .count_dropped("spool_unavailable", samples(&lost));
                    self.restate_with_next();
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn write(&self, spool: &Spool, payloads: &[Encoded]) {
        let now = Millis(self.clock.millis());
        for (at, encoded) in payloads.iter().enumerate() {
            let meta = (encoded.encoding as i32).to_le_bytes();
            let batch = NewBatch {
                session: self.session,
                stream: StreamKind::Metrics,
                items: encoded.items,
                first: encoded.first,
                last: encoded.last,
                meta: &meta,
                payload: &encoded.payload,
            };
            if let Err(error) = spool.append_next(&batch, now) {
                // Samples are of no use without the definitions before them.
                self.telemetry
                    .count_dropped("spool_append", samples(&payloads[at..]));
                self.restate_with_next();
                self.fail(now, &error);
                break;
            }
            self.telemetry.count_batch("metrics");
        }
        if let Err(error) = spool.sync(StreamKind::Metrics) {
            self.fail(now, &error);
        }
        let bytes = spool.stats(StreamKind::Metrics).bytes;
        self.telemetry.spool(bytes);
        self.status.update(|status| status.spool_bytes = bytes);
    }

    /// Makes the next tick send all definitions again, because some were lost.
    fn restate_with_next(&self) {
        if let Some(line) = self.line.upgrade() {
            line.restate_with_next();
        }
    }

    fn fail(&self, now: Millis, error: &dyn std::error::Error) {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(%error, cause, "cannot write to spool");
        self.status.note_error(now, error.to_string());
    }
}

/// Returns the encoding that the spool kept of a batch.
pub(crate) fn meta_encoding(meta: &[u8]) -> Encoding {
    let number = meta.try_into().map(i32::from_le_bytes).unwrap_or_default();
    Encoding::try_from(number).unwrap_or_default()
}

fn spool_config(config: &OutletConfig) -> Config {
    Config {
        metrics_bytes_max: config.spool_bytes_max,
        metrics_full: Full::DropOldest,
        // The other queues stay empty: logs wait in their files.
        logs_bytes_max: 1024 * 1024,
        events_bytes_max: 1024 * 1024,
        free_bytes_min: FREE_BYTES_MIN,
        age_max: Some(config.spool_age_max),
        ..Config::default()
    }
}

fn samples(payloads: &[Encoded]) -> u64 {
    let of_samples = payloads
        .iter()
        .filter(|encoded| encoded.encoding == Encoding::MetricsV1);
    of_samples.map(|encoded| u64::from(encoded.items)).sum()
}
