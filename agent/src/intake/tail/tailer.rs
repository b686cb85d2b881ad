//! All streams together: discovery, turns, batches, acknowledgements.
//!
//! In: the moment, changes in directories, acknowledgements. Out: at most one sealed batch at a
//! time, and how long nothing will happen. It waits for nothing itself, so that a test can lead it
//! through any order of events.

mod scan;
mod upkeep;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_disk::Disk;
use weft_model::Nanos;
use weft_proto::batch::Encoded;

use super::follower::{Follower, POLL_MAX, Turn};
use super::ledger::{Ledger, Note};
use super::positions::Positions;
use super::segment::READ_BYTES;
use super::tally::Tally;
use super::watch::{Changes, Waker, Watcher};
use crate::config::TailConfig;
use crate::shape::logs::LogBatcher;

/// A sealed batch of lines.
#[derive(Clone, Debug)]
pub(crate) struct LogBatch {
    /// Its number, contiguous from 1 since the tailer was opened.
    pub seq: u64,
    /// The payload and what it holds.
    pub encoded: Encoded,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The monotonic clock.
    pub(super) instant: Instant,
    /// The wall clock.
    pub(super) now: Nanos,
}

/// What was learned by looking at sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Followed streams.
    pub(crate) streams: u64,
    /// Bytes that are in files and not acknowledged.
    pub(crate) lag_bytes: u64,
    /// Bytes of files that have no name and are held open.
    pub(crate) pinned_bytes: u64,
}

/// Follows all streams.
#[derive(Debug)]
pub(super) struct Tailer {
    config: TailConfig,
    node: String,
    followers: Vec<Follower>,
    paths: HashSet<PathBuf>,
    watcher: Watcher,
    positions: Positions,
    ledger: Ledger,
    batcher: LogBatcher,
    sealed: Option<LogBatch>,
    buffer: Vec<u8>,
    tally: Tally,
    acked_lines: u64,
    survey: Survey,
    /// The follower whose turn is next, so that a busy one does not starve the others.
    next_turn: usize,
    scanned: bool,
    due: Due,
}

/// When chores are due; nothing means now.
#[derive(Debug, Default)]
struct Due {
    scan: Option<Instant>,
    survey: Option<Instant>,
    write: Option<Instant>,
    sync: Option<Instant>,
}

impl Tailer {
    /// Returns a tailer that keeps its positions in the file `positions`.
    pub(super) fn open(
        config: TailConfig,
        node: &str,
        disk: Arc<dyn Disk>,
        positions: &std::path::Path,
    ) -> io::Result<Tailer> {
        let (positions, cut) = Positions::open(disk, positions)?;
        if cut > 0 {
            tracing::warn!(
                bytes = cut,
                "the end of the file of positions was damaged, and cut off"
            );
        }
        Ok(Tailer {
            config,
            node: node.to_owned(),
            followers: Vec::new(),
            paths: HashSet::new(),
            watcher: Watcher::new()?,
            positions,
            ledger: Ledger::default(),
            batcher: LogBatcher::default(),
            sealed: None,
            buffer: vec![0; READ_BYTES],
            tally: Tally::default(),
            acked_lines: 0,
            survey: Survey::default(),
            next_turn: 0,
            scanned: false,
            due: Due::default(),
        })
    }

    /// Returns what ends a wait early.
    pub(super) fn waker(&self) -> Waker {
        self.watcher.waker()
    }

    /// Waits for a change in a directory, for the waker or for `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) -> io::Result<Changes> {
        self.watcher.wait(timeout)
    }

    /// Does what is due; returns for how long nothing is, unless something changes.
    pub(super) fn turn(&mut self, moment: Moment, changes: &Changes) -> Duration {
        if changes.overflow || is_due(self.due.scan, moment) {
            self.scan(moment, None);
        } else if !changes.dirs.is_empty() {
            self.scan(moment, Some(&changes.dirs));
        }
        if is_due(self.due.survey, moment) {
            self.survey(moment);
        }
        self.read(moment);
        if self
            .batcher
            .age(moment.instant)
            .is_some_and(|age| age >= self.config.batch_age)
        {
            self.seal();
        }
        self.keep_positions(moment);
        self.until_next(moment)
    }

    /// Takes the sealed batch; reading goes on after it.
    pub(super) fn take_batch(&mut self) -> Option<LogBatch> {
        self.sealed.take()
    }

    /// Puts a batch back that could not be handed on.
    pub(super) fn put_back(&mut self, batch: LogBatch) {
        self.sealed = Some(batch);
    }

    /// Notes that all batches up to `durable_seq` are durable downstream.
    pub(super) fn acked(&mut self, durable_seq: u64) {
        let (notes, lines) = self.ledger.acked(durable_seq);
        self.acked_lines += lines;
        for note in notes {
            match note {
                Note::States(identity, states) => self.positions.merge(&identity, states),
                Note::Gone(identity) => self.positions.forget(&identity),
            }
        }
    }

    /// Seals what was read, whatever its age, and writes the positions down.
    pub(super) fn close(&mut self) {
        if self.sealed.is_none() {
            self.seal();
        }
        if let Err(error) = self.positions.write().and_then(|()| self.positions.sync()) {
            tracing::warn!(%error, "cannot write positions");
        }
    }

    /// Takes what was counted since the last call, with the lines that were acknowledged.
    pub(super) fn take_tally(&mut self) -> (Tally, u64) {
        (
            std::mem::take(&mut self.tally),
            std::mem::take(&mut self.acked_lines),
        )
    }

    /// Returns what the last survey found.
    pub(super) fn last_survey(&self) -> Survey {
        self.survey
    }

    fn read(&mut self, moment: Moment) {
        let count = self.followers.len();
        for _ in 0..count {
            if self.sealed.is_some() || self.ledger.bytes() >= self.config.in_flight_bytes {
                return;
            }
            self.next_turn %= count;
            let follower = &mut self.followers[self.next_turn];
            self.next_turn += 1;
            if follower.is_due(moment.instant) {
                follower.poll(&mut Turn {
                    now: moment.now,
                    instant: moment.instant,
                    buffer: &mut self.buffer,
                    batcher: &mut self.batcher,
                    tally: &mut self.tally,
                });
            }
            if self.batcher.bytes() >= self.config.batch_bytes {
                self.seal();
            }
        }
    }

    /// Seals the batch that is being filled, unless one is sealed already.
    fn seal(&mut self) {
        if self.sealed.is_some() {
            return;
        }
        let (lines, raw_bytes) = (self.batcher.lines() as u64, self.batcher.bytes() as u64);
        let encoded = self.batcher.seal();
        let notes = self.take_notes();
        match encoded {
            Some(encoded) => {
                let seq = self
                    .ledger
                    .push((encoded.payload.len(), raw_bytes), lines, notes);
                self.sealed = Some(LogBatch { seq, encoded });
            }
            None => {
                self.tally.unencodable += lines;
                self.ledger.note(notes);
            }
        }
    }

    fn take_notes(&mut self) -> Vec<Note> {
        let mut notes = Vec::new();
        for follower in &mut self.followers {
            let states = follower.take_states();
            if !states.is_empty() {
                notes.push(Note::States(follower.spec().identity.clone(), states));
            }
        }
        notes
    }

    fn until_next(&self, moment: Moment) -> Duration {
        let is_full = self.sealed.is_some() || self.ledger.bytes() >= self.config.in_flight_bytes;
        let mut next = POLL_MAX;
        if !is_full {
            for follower in &self.followers {
                let wait = follower.next_poll().map_or(Duration::ZERO, |at| {
                    at.saturating_duration_since(moment.instant)
                });
                next = next.min(wait);
            }
        }
        if let Some(age) = self
            .batcher
            .age(moment.instant)
            .filter(|_| self.sealed.is_none())
        {
            next = next.min(self.config.batch_age.saturating_sub(age));
        }
        next
    }
}

fn is_due(at: Option<Instant>, moment: Moment) -> bool {
    at.is_none_or(|at| at <= moment.instant)
}
