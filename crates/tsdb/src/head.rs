//! The samples of the last while, in memory: where samples enter and recent questions end.
//!
//! In: series by their labels, samples by series. Out: runs of samples, and what a flush has to
//! write. Bound: the series budgets, and [`Config::head_bytes_max`](crate::Config).
//!
//! Locks are taken in this order: index, then one shard, then one part of the raw table.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use weft_model::{FloatHistogram, Labels, limits};

pub(crate) mod block;
pub(crate) mod chunk;
pub(crate) mod exemplars;
pub(crate) mod index;
pub(crate) mod log;
mod matching;
pub(crate) mod pairs;
pub(crate) mod postings;
pub(crate) mod raw;
pub(crate) mod reading;
pub(crate) mod resets;
pub(crate) mod shard;
pub(crate) mod side;
pub(crate) mod starts;

use crate::config::Config;
use crate::error::Rejected;
use crate::identity::hash_labels;
use crate::status::HeadExtent;
use index::{Found, Index};
use raw::{RawKey, RawTable};
use shard::{Appended, Shard};

/// How many shards there are.
pub(crate) const SHARDS: usize = 16;

/// A series in the head. It stays valid while samples are appended now and then; once the series
/// has left the head it is refused as [`Rejected::Stale`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef {
    slot: u32,
    generation: u32,
}

/// What became of several samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendReport {
    /// Samples taken; those that were there already are among them.
    pub taken: u64,
    /// Of these, out of order.
    pub out_of_order: u64,
    /// Of these, there already.
    pub repeated: u64,
    /// Places of the samples refused, with the reason.
    pub rejected: Vec<(usize, Rejected)>,
}

impl AppendReport {
    fn count(&mut self, at: usize, result: Result<Appended, Rejected>) {
        match result {
            Ok(appended) => {
                self.taken += 1;
                self.out_of_order += u64::from(appended == Appended::OutOfOrder);
                self.repeated += u64::from(appended == Appended::Repeated);
            }
            Err(reason) => self.rejected.push((at, reason)),
        }
    }
}

/// One float.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) time: i64,
    /// The start timestamp, 0 for none.
    pub(crate) start: i64,
    pub(crate) value: f64,
}

/// The times that samples may have, and the time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) now: i64,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

impl Admission {
    #[inline]
    pub(crate) fn admit(&self, time: i64) -> Result<(), Rejected> {
        if time < self.earliest {
            return Err(Rejected::TooOld);
        }
        if time > self.latest {
            Err(Rejected::TooNew)
        } else {
            Ok(())
        }
    }
}

/// The head.
pub(crate) struct Head {
    index: RwLock<Index>,
    shards: Vec<Mutex<Shard>>,
    raw: RawTable,
    shard_bytes_max: usize,
}

impl Head {
    pub(crate) fn new(config: &Config) -> Head {
        Head {
            index: RwLock::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            raw: RawTable::new(config.budgets.series_max),
            shard_bytes_max: config.head_bytes_max / SHARDS,
        }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        (0..SHARDS).map(|number| self.shard(number))
    }

    pub(crate) fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the shard of a slot and the place in it: series made one after the other, which
    /// mostly come together, share a block.
    #[inline]
    pub(crate) fn place(slot: u32) -> (usize, u32) {
        let block = slot as usize / block::SERIES;
        let local = block / SHARDS * block::SERIES + slot as usize % block::SERIES;
        (block % SHARDS, local as u32)
    }

    pub(crate) fn intern(&self, labels: &Labels, config: &Config) -> Result<SeriesRef, Rejected> {
        let found = self.find_or_add(labels, config, None)?;
        Ok(SeriesRef {
            slot: found.slot,
            generation: found.generation,
        })
    }

    pub(crate) fn intern_raw(
        &self,
        key: &[u8],
        labels: impl FnOnce() -> Labels,
        config: &Config,
    ) -> Result<SeriesRef, Rejected> {
        let key = RawKey::of(key);
        let known = self.raw.keys().find(key);
        let found = match known {
            Some(found) => found,
            None => self.find_or_add(&labels(), config, Some(key))?,
        };
        Ok(SeriesRef {
            slot: found.slot,
            generation: found.generation,
        })
    }

    /// Interns keys in turn; `labels` gives those of the key at a place.
    pub(crate) fn intern_raw_many<'k>(
        &self,
        keys: impl Iterator<Item = &'k [u8]>,
        mut labels: impl FnMut(usize) -> Labels,
        config: &Config,
        out: &mut Vec<Result<SeriesRef, Rejected>>,
    ) {
        let mut known = None;
        let mut next = 0;
        for (at, bytes) in keys.enumerate() {
            let key = RawKey::of(bytes);
            let keys = known.get_or_insert_with(|| self.raw.keys());
            let found = match keys.find_at(next, key).or_else(|| keys.find(key)) {
                Some(found) => Ok(found),
                None => {
                    // Making a series writes its key.
                    known = None;
                    self.find_or_add(&labels(at), config, Some(key))
                }
            };
            next = found.map_or(next, |found| found.slot.wrapping_add(1));
            out.push(found.map(|found| SeriesRef {
                slot: found.slot,
                generation: found.generation,
            }));
        }
    }

    fn find_or_add(
        &self,
        labels: &Labels,
        config: &Config,
        key: Option<RawKey>,
    ) -> Result<Found, Rejected> {
        let hash = hash_labels(labels);
        let index = self.index();
        if let Some(found) = index.find(hash) {
            if let Some(key) = key {
                self.raw.insert(key, found);
            }
            return Ok(found);
        }
        drop(index);
        check_labels(labels)?;
        let mut index = self.index_mut();
        let found = match index.find(hash) {
            Some(found) => found,
            None => {
                let found = index.add(labels, hash, &config.budgets)?;
                let (shard, local) = Head::place(found.slot);
                self.shard(shard).activate(local, found.generation);
                found
            }
        };
        if let Some(key) = key {
            self.raw.insert(key, found);
        }
        Ok(found)
    }

    /// Appends samples; neighbours that lie in one shard share the taking of its lock.
    pub(crate) fn append(
        &self,
        samples: impl Iterator<Item = (SeriesRef, Point)>,
        admission: Admission,
    ) -> AppendReport {
        let mut report = AppendReport::default();
        let mut held: Option<(usize, MutexGuard<'_, Shard>)> = None;
        let mut full = false;
        for (at, (series, point)) in samples.enumerate() {
            let (number, local) = Head::place(series.slot);
            if held.as_ref().is_none_or(|(held, _)| *held != number) {
                // The lock held is given back before the next one is taken.
                drop(held.take());
                let shard = self.shard(number);
                full = shard.bytes() >= self.shard_bytes_max;
                held = Some((number, shard));
            }
            let (_, shard) = held.as_mut().expect("a shard was just locked");
            let result = match admission.admit(point.time) {
                Ok(()) if full => Err(Rejected::HeadFull),
                Ok(()) => shard.append(local, series.generation, point, admission.now),
                Err(reason) => Err(reason),
            };
            report.count(at, result);
        }
        report
    }

    pub(crate) fn append_histogram(
        &self,
        series: SeriesRef,
        (time, start): (i64, i64),
        histogram: FloatHistogram,
        admission: Admission,
    ) -> AppendReport {
        let (number, local) = Head::place(series.slot);
        let mut shard = self.shard(number);
        let full = shard.bytes() >= self.shard_bytes_max;
        let result = match admission.admit(time).and(check_histogram(&histogram)) {
            Ok(()) if full => Err(Rejected::HeadFull),
            Ok(()) => shard.append_histogram(local, series.generation, (time, start), histogram),
            Err(reason) => Err(reason),
        };
        let mut report = AppendReport::default();
        report.count(0, result);
        report
    }

    /// Returns the slot of a reference, if its series is still there.
    pub(crate) fn slot_of(&self, series: SeriesRef) -> Option<u32> {
        let index = self.index();
        let known = (series.slot as usize) < index.slots();
        let valid = known && index.generation(series.slot) == series.generation;
        valid.then_some(series.slot)
    }

    /// Makes those of `candidates` unfindable that were in no flush since a second, and of which
    /// all is in parts; returns them. Their labels can be asked for until they are freed.
    pub(crate) fn retire_idle(&self, candidates: &[u32], since: u32, now: u32) -> Vec<u32> {
        let mut index = self.index_mut();
        let mut idle = Vec::new();
        for &slot in candidates {
            let (number, local) = Head::place(slot);
            let mut shard = self.shard(number);
            if shard.is_idle(local, since, now) {
                shard.deactivate(local);
                idle.push(slot);
            }
        }
        if !idle.is_empty() {
            let gone: hashbrown::HashSet<u32> = idle.iter().copied().collect();
            index.retire(&idle, &gone);
            self.raw.forget(&gone);
        }
        idle
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shards().map(|shard| shard.bytes()).sum()
    }

    /// Tells whether a shard is so full that what is in parts must make room.
    pub(crate) fn is_pressed(&self) -> bool {
        self.shards()
            .any(|shard| shard.bytes() > self.shard_bytes_max / 2)
    }

    /// Returns what the head holds of its series. It looks at all of them.
    pub(crate) fn extent(&self) -> HeadExtent {
        let mut places: Vec<(usize, u32)> = {
            let slots = self.index().all();
            slots.into_iter().map(Head::place).collect()
        };
        places.sort_unstable();
        let mut extent = HeadExtent::default();
        for shard in places.chunk_by(|a, b| a.0 == b.0) {
            let locked = self.shard(shard[0].0);
            for (_, local) in shard {
                let (chunks, range) = locked.extent(*local);
                extent.chunks += chunks;
                extent.range = joined(extent.range, range);
            }
        }
        extent
    }

    pub(crate) fn samples_unflushed(&self) -> u64 {
        self.shards().map(|shard| shard.samples_unflushed()).sum()
    }
}

/// Returns the range that covers both.
fn joined(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn check_labels(labels: &Labels) -> Result<(), Rejected> {
    let short = |(name, value): (&str, &str)| {
        name.len() <= limits::LABEL_NAME_BYTES_MAX && value.len() <= limits::LABEL_VALUE_BYTES_MAX
    };
    let fits = !labels.is_empty() && labels.len() <= limits::LABELS_MAX && labels.iter().all(short);
    if fits { Ok(()) } else { Err(Rejected::Labels) }
}

/// How many buckets a histogram may have on each side.
const BUCKETS_MAX: usize = 10_000;

fn check_histogram(histogram: &FloatHistogram) -> Result<(), Rejected> {
    let counted =
        |spans: &[weft_model::Span]| spans.iter().map(|span| span.len as usize).sum::<usize>();
    let agrees = |spans: &[weft_model::Span], buckets: &[f64]| {
        spans.len() <= BUCKETS_MAX
            && buckets.len() <= BUCKETS_MAX
            && counted(spans) == buckets.len()
    };
    let fits = agrees(&histogram.positive_spans, &histogram.positive)
        && agrees(&histogram.negative_spans, &histogram.negative)
        && histogram.custom_bounds.len() <= BUCKETS_MAX;
    if fits {
        Ok(())
    } else {
        Err(Rejected::Histogram)
    }
}
