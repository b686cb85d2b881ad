//! The thread that owns the spool.
//!
//! In: commands. Out: outcomes once durable, pages, signals.
//! Bound: one group of commands at a time: what waits is appended, then synced once. Batches are
//! known again after a restart as far as the spool remembers them.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use weft_disk::{DirLock, Disk, LockError, RealDisk};
use weft_model::{Millis, StreamKind};
use weft_proto::batch::BatchKey;
use weft_proto::delivery::{Dedup, Inbox, Offer};
use weft_proto::v1::NackReason;
use weft_spool::{AppendError, Full, NewBatch, OpenError, Spool};
use weft_stdx::Clock;

use super::page::{Page, held, meta_of};
use super::signals::{Signals, StoreStats};
use super::{Answer, Command, Outcome, Parcel, Verdict};
use crate::config::SpoolConfig;
use crate::telemetry::Telemetry;

/// Bytes that are appended before they are synced, at most about.
const GROUP_BYTES: usize = 8 << 20;

/// When a peer that was refused for now may try again.
const RETRY_MS: u32 = 1000;

/// How long a session is remembered without a sign of it.
const SESSION_AGE_MAX_MS: i64 = 7 * 86_400_000;

/// Of so many ticks one lets go of what is old.
const TICKS_PER_EXPIRY: u32 = 10;

/// A stream that was full has room again below this share, in percent.
const ROOM_PERCENT: u64 = 95;

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Its directory cannot be made or looked at.
    #[error("open spool {}", path.display())]
    Dir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("open spool")]
    Lock(#[from] LockError),
    /// It cannot be read.
    #[error("open spool")]
    Open(#[from] OpenError),
}

/// The spool, and who waits for it.
#[derive(Debug)]
pub(crate) struct Keeper {
    spool: Spool,
    /// Which batches are known; positions count appended batches.
    inbox: Inbox<u64>,
    appended: u64,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    ticks: u32,
    signals: Arc<Signals>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    _lock: DirLock,
}

/// A parcel that is appended and not yet durable.
#[derive(Debug)]
struct Waiting {
    parcel: Parcel,
    _memory: OwnedSemaphorePermit,
}

impl Keeper {
    /// Opens the spool and locks its directory.
    pub(crate) fn open(
        config: &SpoolConfig,
        signals: Arc<Signals>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Result<Keeper, KeeperError> {
        let failed = |source| KeeperError::Dir {
            path: config.dir.clone(),
            source,
        };
        RealDisk.create_dir(&config.dir).map_err(failed)?;
        let lock = DirLock::acquire(&config.dir)?;
        let space = RealDisk.space(&config.dir).map_err(failed)?;
        let bounds = bounds(config, space.total);
        let (spool, report) = Spool::open(&config.dir, bounds)?;
        let (batches, bytes) = (report.entries, report.bytes);
        let (cut, damaged) = (report.cut_bytes, report.damaged_bytes);
        tracing::info!(batches, bytes, cut, damaged, "spool opened");
        let inbox = Inbox::new(known(&spool, Millis(clock.millis())));
        let keeper = Keeper {
            spool,
            inbox,
            appended: 0,
            waiting: Vec::new(),
            waiting_bytes: 0,
            ticks: 0,
            signals,
            telemetry,
            clock,
            _lock: lock,
        };
        keeper.publish();
        Ok(keeper)
    }

    /// Serves commands until all handles are dropped.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            self.handle(command);
            while self.waiting_bytes < GROUP_BYTES {
                match commands.try_recv() {
                    Ok(command) => self.handle(command),
                    Err(_) => break,
                }
            }
            self.sync_waiting();
        }
        self.expire();
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Put(parcel, memory) => self.put(*parcel, memory),
            // Who does not wait for the answer any more needs none.
            Command::Watermark(session, stream, reply) => {
                let _ = reply.send(self.inbox.durable().watermark(session, stream));
            }
            Command::Read(stream, bytes, reply) => {
                let _ = reply.send(self.read(stream, bytes));
            }
            Command::Rewind(stream) => self.spool.rewind(stream),
            Command::Settle(stream, entries) => {
                if let Err(error) = self.spool.ack(stream, &entries) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "spool not trimmed"
                    );
                }
                self.look_for_room(stream);
            }
            Command::Tick => self.tick(),
        }
    }

    fn put(&mut self, parcel: Parcel, memory: OwnedSemaphorePermit) {
        let key = parcel.span.key;
        match self.inbox.offer_gap(key, parcel.span.last_seq) {
            Offer::Store => match self.append(&parcel) {
                Ok(()) => self.wait(parcel, memory),
                Err(error) => self.refuse(parcel, &error),
            },
            Offer::AckAgain => {
                self.telemetry.duplicate(key.stream);
                self.answer(parcel);
            }
            Offer::Wait => {
                self.telemetry.duplicate(key.stream);
                self.wait(parcel, memory);
            }
            Offer::TooFarAhead => self.postpone(parcel),
        }
    }

    fn append(&mut self, parcel: &Parcel) -> Result<(), AppendError> {
        let (batch, span) = (&parcel.batch, parcel.span);
        let now = self.now();
        let new = NewBatch {
            session: span.key.session,
            stream: span.key.stream,
            items: batch.items,
            first: Millis(batch.first_ms),
            last: Millis(batch.last_ms),
            meta: &meta_of(batch),
            payload: &batch.payload,
        };
        self.spool.append(&new, span.key.seq, now)?;
        let position = self.appended;
        self.appended += 1;
        self.inbox
            .appended_gap(span.key, span.last_seq, position, now);
        Ok(())
    }

    fn wait(&mut self, parcel: Parcel, memory: OwnedSemaphorePermit) {
        self.waiting_bytes += parcel.batch.payload.len();
        self.waiting.push(Waiting {
            parcel,
            _memory: memory,
        });
    }

    /// Refuses what the spool does not take.
    fn refuse(&mut self, parcel: Parcel, error: &AppendError) {
        match error {
            AppendError::TooLarge { .. } | AppendError::Seq(_) => {
                let reason = NackReason::TooLarge;
                self.telemetry.refused(reason);
                send(
                    parcel,
                    Verdict::Refused {
                        reason,
                        retry_after_ms: 0,
                    },
                );
            }
            AppendError::Full | AppendError::Sync(_) | AppendError::Read(_) => {
                let stream = parcel.span.key.stream;
                if self.signals.set_full(stream, true) {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(%stream, error, "spool takes no more; agents wait");
                }
                self.postpone(parcel);
            }
        }
    }

    fn postpone(&self, parcel: Parcel) {
        let reason = NackReason::Full;
        self.telemetry.refused(reason);
        let retry_after_ms = RETRY_MS;
        send(
            parcel,
            Verdict::Refused {
                reason,
                retry_after_ms,
            },
        );
    }

    /// Makes durable what waits, and tells so. When the disk fails, all goes on waiting: agents
    /// get no credit, and the next tick tries again.
    fn sync_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Err(error) = self.spool.sync_all() {
            tracing::error!(error = &error as &dyn std::error::Error, "spool not synced");
            for stream in StreamKind::ALL {
                self.signals.set_full(stream, true);
            }
            return;
        }
        self.inbox.durable_to(self.appended, self.now());
        self.waiting_bytes = 0;
        let mut touched = [false; 3];
        for Waiting { parcel, .. } in std::mem::take(&mut self.waiting) {
            let BatchKey { stream, .. } = parcel.span.key;
            touched[super::index(stream)] = true;
            if parcel.answer == Answer::Ack {
                self.telemetry.received(stream, parcel.batch.payload.len());
            }
            self.answer(parcel);
        }
        for (stream, touched) in StreamKind::ALL.into_iter().zip(touched) {
            if touched {
                self.signals.arrived(stream);
            }
        }
    }

    /// Tells a channel that its parcel is durable.
    fn answer(&self, parcel: Parcel) {
        let BatchKey {
            session, stream, ..
        } = parcel.span.key;
        let verdict = match parcel.answer {
            Answer::Ack => Verdict::Durable {
                watermark: self.inbox.durable().watermark(session, stream),
            },
            Answer::Nack(reason) => Verdict::Refused {
                reason,
                retry_after_ms: 0,
            },
        };
        send(parcel, verdict);
    }

    fn read(&mut self, stream: StreamKind, bytes: usize) -> Page {
        match self.spool.read(stream, bytes) {
            Ok(entries) => entries.into_iter().filter_map(held).collect(),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%stream, error, "spool not read");
                Page::new()
            }
        }
    }

    fn tick(&mut self) {
        if self.ticks.is_multiple_of(TICKS_PER_EXPIRY) {
            self.expire();
        }
        self.ticks = self.ticks.wrapping_add(1);
        for stream in StreamKind::ALL {
            self.look_for_room(stream);
        }
        self.publish();
    }

    /// Lets go of what is old. The spool also notes then what is settled, so that a start sends
    /// little of it again.
    fn expire(&mut self) {
        let now = self.now();
        self.inbox.expire(now.plus(-SESSION_AGE_MAX_MS));
        if let Err(error) = self.spool.expire(now) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "spool not expired"
            );
        }
    }

    /// Lets agents send again when there is room; if there is none after all, the next batch
    /// tells.
    fn look_for_room(&self, stream: StreamKind) {
        if !self.signals.is_full(stream) || !self.waiting.is_empty() {
            return;
        }
        let stats = self.spool.stats(stream);
        if stats.bytes < stats.bytes_max / 100 * ROOM_PERCENT
            && self.signals.set_full(stream, false)
        {
            tracing::info!(%stream, "spool has room again");
        }
    }

    fn publish(&self) {
        let mut all = StoreStats::default();
        for stream in StreamKind::ALL {
            let stats = self.spool.stats(stream);
            all.bytes += stats.bytes;
            all.bytes_max += stats.bytes_max;
            all.batches += stats.entries;
            for (reason, dropped) in stats.dropped {
                all.dropped.push((reason, dropped));
            }
        }
        self.signals.set_stats(all);
    }

    fn now(&self) -> Millis {
        Millis(self.clock.millis())
    }
}

/// Hands the outcome of a parcel to its channel.
fn send(parcel: Parcel, verdict: Verdict) {
    let outcome = Outcome {
        span: parcel.span,
        arrived: parcel.arrived,
        verdict,
        _permit: parcel.permit,
    };
    outcome.send(&parcel.outcomes);
}

/// Returns what the spool knows of the batches that it has, or had.
fn known(spool: &Spool, now: Millis) -> Dedup {
    let mut dedup = Dedup::new();
    for stream in StreamKind::ALL {
        for (session, seqs) in spool.sessions(stream) {
            for range in seqs.ranges() {
                let key = BatchKey {
                    session,
                    stream,
                    seq: range.start,
                };
                dedup.note_to(key, range.end - 1, now);
            }
        }
    }
    dedup
}

/// Shares the space out: most of it for logs, which are the largest. At the bound every stream
/// refuses, so that the agents keep their data.
fn bounds(config: &SpoolConfig, disk_bytes: u64) -> weft_spool::Config {
    let metrics = config.bytes_max / 5;
    let events = config.bytes_max / 40;
    weft_spool::Config {
        metrics_bytes_max: metrics,
        logs_bytes_max: config.bytes_max - metrics - events,
        events_bytes_max: events,
        metrics_full: Full::Backpressure,
        logs_full: Full::Backpressure,
        events_full: Full::Backpressure,
        free_bytes_min: config.free_bytes_min.min(disk_bytes / 10),
        age_max: config.age_max,
        ..weft_spool::Config::default()
    }
}
