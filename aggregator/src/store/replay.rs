//! How the journals' tails come back into the stores, while the stores serve and take in.
//!
//! ```text
//! journal ──▶ run of records ──▶ prepared by several threads ──▶ applied in turn ──▶ live
//! ```
//!
//! In: a store that was just opened. Out: the same with all that its journals hold, also what was
//! journaled meanwhile: the lane goes over to direct application while nobody is between journal
//! and store. A record that cannot be applied, or panics, is skipped and counted.
//! Bound: one run of [`RUN_BYTES`] or one record for each thread; the head's own memory, which is
//! flushed when it is used up.

mod lines;
mod samples;
mod turn;

#[cfg(test)]
pub(super) use self::{lines::LinesReplay, samples::SamplesReplay};

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use weft_journal::{Damage, Position, ReplayError};
use weft_runtime::Shutdown;

use super::Store;
use super::take::chain;
use crate::lane::Lane;

/// Records are read, prepared and applied in runs of about so many bytes.
const RUN_BYTES: usize = 64 << 10;

/// With at most so many bytes left, senders are held up while the rest is applied.
const LAST_BYTES: u64 = 1 << 20;

/// How long to wait before trying again what the disk or the memory did not allow.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for room in the head after a flush.
const PAUSE_ROOM: Duration = Duration::from_millis(5);

/// How long to wait before a flush that failed is tried again.
const PAUSE_FLUSH: Duration = Duration::from_secs(2);

/// How often a segment that cannot be read is tried before it is skipped.
const READ_TRIES: usize = 10;

impl Store {
    /// Applies what the journals hold beyond their checkpoints, with at most `threads` threads for
    /// samples and one for lines. Returns when all is applied, or the stop is requested.
    pub(crate) fn replay(&self, threads: usize, stop: &Shutdown) {
        thread::scope(|scope| {
            scope.spawn(|| lines::replay(self, stop));
            self.recall_dictionaries();
            samples::replay(self, threads, stop);
        });
    }

    /// Counts what was not readable in a journal.
    pub(super) fn count_damage(&self, journal: &str, damage: Damage, unread: u64) {
        let lost = damage.runs + damage.segments_missing + unread;
        if lost == 0 {
            return;
        }
        self.damaged.fetch_add(lost, Relaxed);
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

    /// Says that a replay is over.
    fn say_replayed(&self, journal: &str, lane: &Lane) {
        let (records, millis) = (lane.replay.records(), lane.replay.took_millis());
        tracing::info!(journal, records, millis, "journal replayed");
    }
}

/// How a round of a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// There may be more.
    More,
    /// All is applied and the lane is live.
    Live,
    /// The disk has to take what waits first.
    Blocked,
    /// The head has no room until it is flushed.
    Full,
}

/// One record as the journal has it.
#[derive(Clone, Debug)]
struct Raw {
    position: Position,
    kind: u8,
    payload: Bytes,
}

/// Records that follow each other.
#[derive(Debug, Default)]
struct Run {
    records: Vec<Raw>,
    /// Where to go on.
    end: Position,
    damage: Damage,
}

impl Run {
    /// Reads a run; it ends where it begins when nothing more is durable.
    fn read(lane: &Lane, from: Position) -> Result<Run, ReplayError> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        let report = lane.journal.replay(from, |record| {
            bytes += record.payload.len();
            records.push(Raw {
                position: record.position,
                kind: record.kind,
                payload: Bytes::copy_from_slice(record.payload),
            });
            if bytes < RUN_BYTES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(Run {
            records,
            end: report.end,
            damage: report.damage,
        })
    }

    /// Does what [`Run::read`] does, again and again where that fails; a segment that stays
    /// unreadable is skipped and counted. Nothing when the stop is requested.
    fn read_anyhow(lane: &Lane, from: Position, stop: &Shutdown) -> Option<Run> {
        let mut tries = 0;
        loop {
            let error = match Run::read(lane, from) {
                Ok(run) => return Some(run),
                Err(error) => error,
            };
            tries += 1;
            tracing::error!(error = chain(&error), tries, "journal not read");
            if tries == READ_TRIES {
                let next = Position::new(from.segment + 1, 0);
                return Some(Run {
                    end: next.min(lane.journal.durable()).max(from),
                    damage: Damage {
                        segments_missing: 1,
                        ..Damage::default()
                    },
                    ..Run::default()
                });
            }
            pause(stop, PAUSE)?;
        }
    }
}

/// Waits a while; nothing when the stop is requested.
fn pause(stop: &Shutdown, time: Duration) -> Option<()> {
    let mut left = time;
    while !stop.is_requested() && !left.is_zero() {
        let bit = left.min(PAUSE);
        thread::park_timeout(bit);
        left -= bit;
    }
    (!stop.is_requested()).then_some(())
}

/// Calls what must not end the replay by panicking.
fn guarded<T>(position: Position, work: impl FnOnce() -> T) -> Option<T> {
    // What a panic leaves behind is what a poisoned lock would: each store goes on with it.
    let said = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let panic = text.unwrap_or_default();
        tracing::error!(%position, panic, "a record panicked: skipped");
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(said).ok()
}
