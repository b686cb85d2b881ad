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

use crate::drops::Drops;

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
            if let Some(samples) = session.store(&samples, into) {
                return Ok(Applied::Stored { samples });
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

    /// Appends all samples; returns how many were taken, or nothing when the numbering is unknown.
    fn store(&mut self, samples: &Samples, into: Into<'_>) -> Option<u64> {
        let numbering = samples.numbering;
        let (_, series) = self
            .numberings
            .iter_mut()
            .find(|(known, _)| *known == numbering)?;
        let mut stored = 0;
        for tick in samples.ticks() {
            for (number, value) in tick.series.iter().zip(tick.values) {
                let taken = match series.get_mut(*number as usize) {
                    Some(series) => series.append(into.tsdb, tick.time, *value),
                    None => Err(Rejected::Labels),
                };
                match taken {
                    Ok(()) => stored += 1,
                    Err(reason) => into.drops.samples(reason.as_str(), 1),
                }
            }
        }
        Some(stored)
    }
}

impl Series {
    /// Appends a sample, and interns the series when the store does not know it or no longer.
    fn append(&mut self, tsdb: &Tsdb, time: Millis, value: f64) -> Result<(), Rejected> {
        if let Some(at) = self.at {
            match tsdb.append(at, time, value) {
                Err(Rejected::Stale) => {}
                done => return done,
            }
        }
        let at = tsdb.intern(&self.labels)?;
        self.at = Some(at);
        tsdb.append(at, time, value)
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
