//! The lines' journal: one thread, because the log store wants its records in order.
//!
//! In: runs of records. Out: lines in the log store, each once.

use std::ops::ControlFlow;

use bytes::Bytes;
use prost::Message;
use weft_journal::Position;
use weft_proto::v1::{Batch, Encoding};
use weft_runtime::Shutdown;

use super::super::Store;
use super::super::arrived::Arrived;
use super::super::take::{chain, kind};
use super::{LAST_BYTES, PAUSE, Raw, Round, Run, guarded, pause};
use crate::heads::lines;

/// Replays until all is applied or the stop is requested.
pub(super) fn replay(store: &Store, stop: &Shutdown) {
    let replay = LinesReplay(store);
    loop {
        while replay.step(stop).is_continue() {}
        if stop.is_requested() {
            return;
        }
        match replay.finish() {
            Round::Live => return store.say_replayed("lines", &store.lines),
            Round::More => {}
            Round::Blocked | Round::Full => {
                store.maintain_lines();
                if pause(stop, PAUSE).is_none() {
                    return;
                }
            }
        }
    }
}

/// A replay that goes on; it is where its lane says.
pub(in crate::store) struct LinesReplay<'s>(pub(in crate::store) &'s Store);

impl LinesReplay<'_> {
    /// Applies one run; breaks off when there is none, or the stop is requested.
    pub(in crate::store) fn step(&self, stop: &Shutdown) -> ControlFlow<()> {
        let (store, lane) = (self.0, &self.0.lines);
        let from = lane.replay.applied_to();
        let Some(run) = Run::read_anyhow(lane, from, stop).filter(|run| run.end > from) else {
            return ControlFlow::Break(());
        };
        let mut unread = 0;
        for raw in &run.records {
            while !store.has_room_for_lines() {
                store.maintain_lines();
                if pause(stop, PAUSE).is_none() {
                    return ControlFlow::Break(());
                }
            }
            let _applying = lane.applying();
            unread += self.apply(raw);
            lane.replayed(raw.position, 1, store.now());
        }
        store.count_damage("lines", run.damage, unread);
        let _applying = lane.applying();
        lane.replayed(run.end, 0, store.now());
        ControlFlow::Continue(())
    }

    /// Applies one record; returns 1 if it could not be read.
    fn apply(&self, raw: &Raw) -> u64 {
        let read = guarded(raw.position, || match raw.kind {
            kind::BATCH => self.apply_batch(raw.position, raw.payload.clone()),
            kind::PUSH => {
                let into = self.0.lines_go();
                lines::replay_push(&raw.payload, raw.position, into).is_some()
            }
            kind::FILLER => true,
            _ => false,
        });
        u64::from(read != Some(true))
    }

    fn apply_batch(&self, position: Position, payload: Bytes) -> bool {
        let Ok(batch) = Batch::decode(payload) else {
            return false;
        };
        let Ok(arrived) = Arrived::of(&batch) else {
            return false;
        };
        let is_new = position >= self.0.lines.replay.found_to();
        // A gap was counted when it came.
        if !(is_new && batch.encoding() == Encoding::GapV1) {
            self.0.apply(&arrived, &batch, position);
        }
        true
    }

    /// Applies the rest while senders are held up, if it is short, and goes live.
    pub(in crate::store) fn finish(&self) -> Round {
        let (store, lane) = (self.0, &self.0.lines);
        if lane.waiting_bytes() > LAST_BYTES {
            return Round::More;
        }
        let nobody = lane.nobody_applying();
        if let Err(error) = lane.sync(store.now()) {
            tracing::warn!(error = chain(&error), "replay waits: journal not written");
            return Round::Blocked;
        }
        loop {
            let from = lane.replay.applied_to();
            let Ok(run) = Run::read(lane, from) else {
                return Round::More;
            };
            if run.end <= from {
                lane.end_replay(&nobody);
                return Round::Live;
            }
            if !store.has_room_for_lines() {
                return Round::Full;
            }
            let unread = run.records.iter().map(|raw| self.apply(raw)).sum();
            store.count_damage("lines", run.damage, unread);
            lane.replayed(run.end, run.records.len() as u64, store.now());
        }
    }
}
