//! The samples' journal: read and prepared by several threads, applied in its order.
//!
//! In: runs of records. Out: samples in the TSDB, each series' in the order of the journal.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use prost::Message;
use weft_exposition::remote_write::Version;
use weft_journal::Position;
use weft_model::limits::HTTP_BODY_BYTES_MAX;
use weft_proto::v1::{Batch, Encoding};
use weft_runtime::Shutdown;
use weft_tsdb::Rejected;

use super::super::Store;
use super::super::arrived::Arrived;
use super::super::take::{FULL, PREPARE_TRIES, chain, kind};
use super::turn::Turns;
use super::{LAST_BYTES, PAUSE, PAUSE_FLUSH, PAUSE_ROOM, Raw, Round, Run, guarded, pause};
use crate::heads::samples::{Prepared, prepare};

/// Replays until all is applied or the stop is requested.
pub(super) fn replay(store: &Store, threads: usize, stop: &Shutdown) {
    let replay = SamplesReplay::new(store);
    loop {
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| replay.work(stop));
            }
            replay.work(stop);
        });
        if stop.is_requested() {
            return;
        }
        match replay.finish() {
            Round::Live => return store.say_replayed("samples", &store.samples),
            Round::More => {}
            Round::Blocked => {
                if pause(stop, PAUSE).is_none() {
                    return;
                }
            }
            Round::Full => {
                if replay.make_room(stop).is_none() {
                    return;
                }
            }
        }
    }
}

/// A replay that goes on.
pub(in crate::store) struct SamplesReplay<'s> {
    store: &'s Store,
    source: Mutex<Source>,
    turns: Turns,
    /// Set when a run was given up: none may be applied after it.
    given_up: AtomicBool,
}

/// What is read next.
struct Source {
    next: Position,
    number: u64,
}

/// A record that is ready to be applied.
enum Ready {
    Request {
        version: Version,
        body: Bytes,
        prepared: Box<Prepared>,
    },
    Batch(Box<(Arrived, Batch)>),
    Unreadable,
}

/// A run that is ready to be applied, and how far it is.
struct ReadyRun {
    records: Vec<(Position, Ready)>,
    done: usize,
    unread: u64,
    run: Run,
}

/// The head has no room; the same can be tried again after a flush.
struct Full;

impl<'s> SamplesReplay<'s> {
    pub(in crate::store) fn new(store: &'s Store) -> SamplesReplay<'s> {
        let source = Source {
            next: store.samples.replay.applied_to(),
            number: 0,
        };
        SamplesReplay {
            store,
            source: Mutex::new(source),
            turns: Turns::default(),
            given_up: AtomicBool::new(false),
        }
    }

    fn work(&self, stop: &Shutdown) {
        while !stop.is_requested() && self.step(stop) {}
    }

    /// Reads, prepares and applies one run; false when there is none, or the stop is requested.
    pub(in crate::store) fn step(&self, stop: &Shutdown) -> bool {
        let Some((number, run)) = self.take_run(stop) else {
            return false;
        };
        let mut ready = self.prepare_run(run);
        let _turn = self.turns.wait(number);
        if self.given_up.load(Relaxed) {
            return false;
        }
        let mut waited = Some(());
        loop {
            let applied = {
                let _applying = self.store.samples.applying();
                self.apply_run(&mut ready)
            };
            let room = match applied {
                Ok(()) => return true,
                Err(Full) => waited.and_then(|()| self.make_room(stop)),
            };
            // Readers may hold what a flush would give back: no hurry the next time.
            waited = pause(stop, PAUSE_ROOM);
            if room.is_none() {
                self.given_up.store(true, Relaxed);
                return false;
            }
        }
    }

    fn take_run(&self, stop: &Shutdown) -> Option<(u64, Run)> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let run = Run::read_anyhow(&self.store.samples, source.next, stop)?;
        if run.end <= source.next {
            return None;
        }
        let number = source.number;
        *source = Source {
            next: run.end,
            number: number + 1,
        };
        Some((number, run))
    }

    fn prepare_run(&self, mut run: Run) -> ReadyRun {
        let records = std::mem::take(&mut run.records);
        let records = records.into_iter().map(|raw| {
            let position = raw.position;
            let ready = guarded(position, || self.prepare(raw));
            (position, ready.unwrap_or(Ready::Unreadable))
        });
        ReadyRun {
            records: records.collect(),
            done: 0,
            unread: 0,
            run,
        }
    }

    fn prepare(&self, raw: Raw) -> Ready {
        let (version, body) = match raw.kind {
            kind::BATCH => return read_batch(raw.payload),
            kind::REMOTE_WRITE_1 => (Version::One, Some(raw.payload)),
            kind::REMOTE_WRITE_2 => (Version::Two, Some(raw.payload)),
            kind::REMOTE_WRITE_1_SNAPPY => (Version::One, expand(&raw.payload)),
            kind::REMOTE_WRITE_2_SNAPPY => (Version::Two, expand(&raw.payload)),
            _ => return Ready::Unreadable,
        };
        let Some(body) = body else {
            return Ready::Unreadable;
        };
        match prepare(version, &body, &self.store.tsdb) {
            Ok(prepared) => Ready::Request {
                version,
                body,
                prepared: Box::new(prepared),
            },
            Err(_) => Ready::Unreadable,
        }
    }

    /// Applies what is left of a run, and notes it when it is done.
    fn apply_run(&self, ready: &mut ReadyRun) -> Result<(), Full> {
        while let Some((position, record)) = ready.records.get_mut(ready.done) {
            let position = *position;
            match guarded(position, || self.apply(position, record)) {
                Some(Err(Full)) => return Err(Full),
                Some(Ok(true)) => {}
                Some(Ok(false)) | None => ready.unread += 1,
            }
            ready.done += 1;
        }
        let (store, run) = (self.store, &ready.run);
        store.count_damage("samples", run.damage, ready.unread);
        let records = ready.records.len() as u64;
        store.samples.replayed(run.end, records, store.now());
        Ok(())
    }

    /// Applies one record; false when it could not be read.
    fn apply(&self, position: Position, record: &mut Ready) -> Result<bool, Full> {
        match record {
            Ready::Unreadable => Ok(false),
            Ready::Batch(batch) => self.apply_batch(position, &batch.0, &batch.1),
            Ready::Request {
                version,
                body,
                prepared,
            } => {
                let (tsdb, drops) = (&self.store.tsdb, &self.store.drops);
                for _ in 1..PREPARE_TRIES {
                    let appended = prepared.append(tsdb);
                    if appended.has(Rejected::HeadFull) {
                        return Err(Full);
                    }
                    if !appended.has(Rejected::Stale) {
                        appended.count(drops);
                        return Ok(true);
                    }
                    match prepare(*version, body, tsdb) {
                        Ok(again) => **prepared = again,
                        Err(_) => return Ok(false),
                    }
                }
                prepared.append(tsdb).count(drops);
                Ok(true)
            }
        }
    }

    fn apply_batch(
        &self,
        position: Position,
        arrived: &Arrived,
        batch: &Batch,
    ) -> Result<bool, Full> {
        let is_new = position >= self.store.samples.replay.found_to();
        if is_new && batch.encoding() == Encoding::GapV1 {
            // Counted when it came.
            return Ok(true);
        }
        match self.store.apply(arrived, batch, position) {
            FULL => Err(Full),
            _ => Ok(true),
        }
    }

    /// Makes room in the head by a flush; returns when that has succeeded, and nothing when the
    /// stop is requested.
    fn make_room(&self, stop: &Shutdown) -> Option<()> {
        loop {
            match self.store.flush_samples_only() {
                Ok(()) => {
                    self.store.maintain();
                    return (!stop.is_requested()).then_some(());
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "replay waits: flush failed");
                    pause(stop, PAUSE_FLUSH)?;
                }
            }
        }
    }

    /// Applies the rest while senders are held up, if it is short, and goes live.
    pub(in crate::store) fn finish(&self) -> Round {
        let (store, lane) = (self.store, &self.store.samples);
        if lane.waiting_bytes() > LAST_BYTES {
            return Round::More;
        }
        let nobody = lane.nobody_applying();
        if let Err(error) = lane.sync(store.now()) {
            tracing::warn!(error = chain(&error), "replay waits: journal not written");
            return Round::Blocked;
        }
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Ok(run) = Run::read(lane, source.next) else {
                return Round::More;
            };
            if run.end <= source.next {
                lane.end_replay(&nobody);
                return Round::Live;
            }
            let end = run.end;
            if self.apply_run(&mut self.prepare_run(run)).is_err() {
                return Round::Full;
            }
            source.next = end;
        }
    }
}

fn read_batch(payload: Bytes) -> Ready {
    let Ok(batch) = Batch::decode(payload) else {
        return Ready::Unreadable;
    };
    match Arrived::of(&batch) {
        Ok(arrived) => Ready::Batch(Box::new((arrived, batch))),
        Err(_) => Ready::Unreadable,
    }
}

/// Decompresses a request that was journaled as it came.
fn expand(snappy: &[u8]) -> Option<Bytes> {
    let bytes = snap::raw::decompress_len(snappy).ok()?;
    if bytes > HTTP_BODY_BYTES_MAX {
        return None;
    }
    let body = snap::raw::Decoder::new().decompress_vec(snappy).ok()?;
    Some(Bytes::from(body))
}
