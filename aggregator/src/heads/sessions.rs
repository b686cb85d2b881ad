//! The metrics sessions of agents: their dictionaries, and which series their numbers mean.
//!
//! In: dictionary parts and metrics payloads, in any order. Out: samples in the TSDB, or the epoch
//! of the dictionary that is missing. A payload whose dictionary is missing waits for it.
//! Bound: [`SESSIONS_MAX`] sessions, the one not heard from for longest is forgotten first; a
//! session numbers at most [`weft_proto::payload::SERIES_MAX`] series; [`WAITING_BYTES_MAX`] of
//! payloads wait, the oldest of the session at hand is dropped first and counted.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use weft_journal::Position;
use weft_model::{Labels, LabelsBuilder, METRIC_NAME, Millis, SessionId};
use weft_proto::payload::{
    DictError, DictLookup, DictPart, Dictionaries, PayloadError, Samples, SeriesPart, decode_dict,
    decode_metrics, metrics_needs,
};
use weft_tsdb::{Rejected, SeriesRef, Tsdb};

use crate::drops::{Drops, LeftOut};

/// How many sessions are kept.
const SESSIONS_MAX: usize = 100_000;

/// How many bytes of payloads wait for dictionaries, of all sessions together.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// How many numberings of a session are kept: its present one and one that still arrives.
const NUMBERINGS_MAX: usize = 2;

/// What became of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is in the store.
    Stored {
        /// Samples taken.
        samples: u64,
    },
    /// It needs a dictionary that has not arrived.
    NeedsDict {
        /// The dictionary's epoch.
        epoch: u32,
    },
    /// The store had no room for all of it; storing it once more does no harm.
    Full,
}

/// Where samples go, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Into<'a> {
    pub(crate) tsdb: &'a Tsdb,
    pub(crate) drops: &'a Drops,
    pub(crate) now: Millis,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: HashMap<SessionId, Session>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Session {
    dictionaries: Dictionaries,
    /// The series of each numbering, by their number.
    numberings: Vec<(u32, Vec<Series>)>,
    /// Payloads whose dictionary has not arrived, with their places in the journal.
    waiting: VecDeque<(Position, Bytes)>,
    last_heard: Millis,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Labels,
    at: Option<SeriesRef>,
}

impl Sessions {
    /// Takes in a part of a dictionary, and stores what waited for it; `added` are labels that
    /// collectors gave on the way. Returns how many samples were stored.
    pub(crate) fn define(
        &mut self,
        id: SessionId,
        added: &Labels,
        payload: &[u8],
        into: Into<'_>,
    ) -> Result<u64, DictError> {
        let part = decode_dict(payload)?;
        let session = self.session(id, into.now);
        session.dictionaries.apply(&part)?;
        if let DictPart::Series(part) = part {
            set_metadata(&part, into.tsdb);
            session.number(part, added);
        }
        let waiting = std::mem::take(&mut session.waiting);
        let mut stored = 0;
        for (position, payload) in waiting {
            self.waiting_bytes -= payload.len();
            match self.store(id, &payload, position, into) {
                Ok(Applied::Stored { samples }) => stored += samples,
                Ok(Applied::NeedsDict { .. }) => {}
                Ok(Applied::Full) => self.wait(id, &payload, position, into.drops),
                Err(_) => into.drops.batch("malformed"),
            }
        }
        Ok(stored)
    }

    /// Stores the samples of a payload, or lets it wait for the dictionary that it needs.
    pub(crate) fn store(
        &mut self,
        id: SessionId,
        payload: &Bytes,
        position: Position,
        into: Into<'_>,
    ) -> Result<Applied, PayloadError> {
        let needs = metrics_needs(payload)?;
        let session = self.session(id, into.now);
        let known = session
            .dictionaries
            .table(needs.epoch)
            .is_some_and(|it| it.len() >= needs.series);
        if known {
            let samples = decode_metrics(payload, &session.dictionaries)?;
            if let Some(applied) = session.store(&samples, into) {
                return Ok(applied);
            }
        }
        self.wait(id, payload, position, into.drops);
        Ok(Applied::NeedsDict { epoch: needs.epoch })
    }

    /// Returns the place in the journal of the oldest payload that waits.
    pub(crate) fn oldest_waiting(&self) -> Option<Position> {
        let first = |session: &Session| session.waiting.iter().map(|(position, _)| *position).min();
        self.sessions.values().filter_map(first).min()
    }

    /// Tells whether a session is remembered.
    pub(crate) fn is_known(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// Forgets sessions that were not heard from since `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        self.sessions
            .retain(|_, session| session.last_heard >= before || !session.waiting.is_empty());
    }

    fn wait(&mut self, id: SessionId, payload: &Bytes, position: Position, drops: &Drops) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.waiting.push_back((position, payload.clone()));
        self.waiting_bytes += payload.len();
        while self.waiting_bytes > WAITING_BYTES_MAX {
            let Some((_, dropped)) = session.waiting.pop_front() else {
                return;
            };
            self.waiting_bytes -= dropped.len();
            drops.batch("dictionary_missing");
        }
    }

    fn session(&mut self, id: SessionId, now: Millis) -> &mut Session {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&id) {
            let oldest = self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.last_heard);
            if let Some(forgotten) = oldest
                .map(|(id, _)| *id)
                .and_then(|id| self.sessions.remove(&id))
            {
                self.waiting_bytes -= forgotten
                    .waiting
                    .iter()
                    .map(|(_, it)| it.len())
                    .sum::<usize>();
            }
        }
        let session = self.sessions.entry(id).or_insert_with(|| Session {
            dictionaries: Dictionaries::new(),
            numberings: Vec::new(),
            waiting: VecDeque::new(),
            last_heard: now,
        });
        session.last_heard = session.last_heard.max(now);
        session
    }
}

impl Session {
    /// Notes which series the numbers of a part mean.
    fn number(&mut self, part: SeriesPart, added: &Labels) {
        let known = self
            .numberings
            .iter()
            .position(|(numbering, _)| *numbering == part.numbering);
        let at = known.unwrap_or_else(|| {
            if self.numberings.len() == NUMBERINGS_MAX {
                let oldest = self
                    .numberings
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, it)| it.0);
                let oldest = oldest.map_or(0, |(at, _)| at);
                self.numberings.swap_remove(oldest);
            }
            self.numberings.push((part.numbering, Vec::new()));
            self.numberings.len() - 1
        });
        let series = &mut self.numberings[at].1;
        let first = part.first as usize;
        let unknown = Series {
            labels: Labels::empty(),
            at: None,
        };
        series.resize(series.len().max(first + part.series.len()), unknown);
        for (slot, definition) in series[first..].iter_mut().zip(part.series) {
            if slot.labels.is_empty() {
                slot.labels = merged(&definition.labels, added);
            }
        }
    }

    /// Appends all samples; nothing when the numbering is unknown.
    fn store(&mut self, samples: &Samples, into: Into<'_>) -> Option<Applied> {
        let numbering = samples.numbering;
        let (_, series) = self
            .numberings
            .iter_mut()
            .find(|(known, _)| *known == numbering)?;
        let mut storing = Storing {
            tsdb: into.tsdb,
            series,
            run: Vec::new(),
            numbers: Vec::new(),
            left_out: LeftOut::default(),
            taken: 0,
        };
        for tick in samples.ticks() {
            storing.tick(tick.time, tick.series, tick.values);
        }
        if storing.left_out.has(Rejected::HeadFull.as_str()) {
            return Some(Applied::Full);
        }
        storing.left_out.count(into.drops);
        Some(Applied::Stored {
            samples: storing.taken,
        })
    }
}

/// The samples of one payload on their way into the store.
struct Storing<'a> {
    tsdb: &'a Tsdb,
    series: &'a mut [Series],
    run: Vec<(SeriesRef, Millis, f64)>,
    /// Which series each sample of the run is of.
    numbers: Vec<u32>,
    left_out: LeftOut,
    taken: u64,
}

impl Storing<'_> {
    fn tick(&mut self, time: Millis, numbers: &[u32], values: &[f64]) {
        self.run.clear();
        self.numbers.clear();
        for (number, value) in numbers.iter().zip(values) {
            let series = self.series.get_mut(*number as usize);
            match series.map_or(Err(Rejected::Labels), |it| it.place(self.tsdb)) {
                Ok(at) => {
                    self.run.push((at, time, *value));
                    self.numbers.push(*number);
                }
                Err(reason) => self.left_out.add(reason.as_str(), 1),
            }
        }
        let report = self.tsdb.append_many(&self.run);
        self.taken += report.taken;
        for (at, reason) in report.rejected {
            match (reason, self.run[at]) {
                (Rejected::Stale, (_, time, value)) => self.again(self.numbers[at], time, value),
                (reason, _) => self.left_out.add(reason.as_str(), 1),
            }
        }
    }

    /// Appends a sample of a series that the store has forgotten.
    fn again(&mut self, number: u32, time: Millis, value: f64) {
        let series = &mut self.series[number as usize];
        series.at = None;
        let at = series.place(self.tsdb);
        match at.and_then(|at| self.tsdb.append(at, time, value)) {
            Ok(()) => self.taken += 1,
            Err(reason) => self.left_out.add(reason.as_str(), 1),
        }
    }
}

impl Series {
    /// Returns where the series is in the store, and interns it if that is not known.
    fn place(&mut self, tsdb: &Tsdb) -> Result<SeriesRef, Rejected> {
        if let Some(at) = self.at {
            return Ok(at);
        }
        let at = tsdb.intern(&self.labels)?;
        self.at = Some(at);
        Ok(at)
    }
}

/// Returns the labels with those that collectors added, which override none.
pub(crate) fn merged(labels: &Labels, added: &Labels) -> Labels {
    if added.is_empty() {
        return labels.clone();
    }
    let mut builder = LabelsBuilder::from(labels);
    for (name, value) in added.iter().filter(|(name, _)| labels.get(name).is_empty()) {
        builder.set(name, value);
    }
    builder.build()
}

fn set_metadata(part: &SeriesPart, tsdb: &Tsdb) {
    let mut done = vec![false; part.families.len()];
    for series in &part.series {
        let family = series.family as usize;
        if let Some(seen) = done.get_mut(family).filter(|seen| !**seen) {
            *seen = true;
            tsdb.set_metadata(
                series.labels.get(METRIC_NAME),
                part.families[family].clone(),
            );
        }
    }
}
