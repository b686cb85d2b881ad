//! The series that fulfil some matchers, ready to be read.
//!
//! In: matchers and a stretch of time. Out: label sets and samples by place, head and parts laid
//! over each other. A selection may be kept and read from several threads; what it can still ask
//! for is not given back meanwhile. Bound: a number of series; about 12 bytes each, 40 where parts
//! are asked, and of each part the few frames used last.

use std::sync::{Arc, Mutex};

use hashbrown::{HashMap, HashTable};
use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, Millis};

use crate::db::Inner;
use crate::error::{PartError, ReadError};
use crate::head::Head;
use crate::head::index::SeriesHash;
use crate::head::shard::Newest;
use crate::matching::matching;
use crate::part::Recent;
use crate::run::SeriesRun;
use crate::view::{Served, View};

/// Marks a series that the head does not have.
const NO_SLOT: u32 = u32::MAX;

/// Selected series.
pub struct Selection {
    db: Arc<Inner>,
    view: Arc<View>,
    start: i64,
    end: i64,
    /// The series' slots in the head, or [`NO_SLOT`].
    slots: Vec<u32>,
    /// For each series, where its places in parts end in `places`; empty if no part is asked.
    ends: Vec<u32>,
    /// Part and number of the series in it; parts ascend.
    places: Vec<(u32, u32)>,
    /// The frames that were used last, by part.
    used: Mutex<HashMap<u32, Recent>>,
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range = (Millis(self.start), Millis(self.end));
        f.debug_struct("Selection")
            .field("series", &self.len())
            .field("range", &range)
            .finish()
    }
}

impl Selection {
    pub(crate) fn select(
        db: Arc<Inner>,
        matchers: &[LabelMatcher],
        start: i64,
        end: i64,
    ) -> Result<Selection, ReadError> {
        let view = db.views.present();
        let index = db.head.index();
        let slots = matching(&*index, matchers)?;
        bounded(slots.len(), db.config.selected_series_max)?;
        let parts = asked_parts(&view, start, end);
        let mut selection = Selection {
            db: db.clone(),
            view,
            start,
            end,
            slots,
            ends: Vec::new(),
            places: Vec::new(),
            used: Mutex::default(),
        };
        if parts.is_empty() {
            return Ok(selection);
        }
        let mut joined = Joined::of(&selection.slots, |slot| index.hash_of(slot));
        drop(index);
        for number in parts {
            let part = &selection.view.parts[number as usize].part;
            for series in matching(&**part, matchers)? {
                joined.add(part.hash(series)?, (number, series));
                bounded(joined.hashes.len(), db.config.selected_series_max)?;
            }
        }
        selection.slots.resize(joined.hashes.len(), NO_SLOT);
        (selection.ends, selection.places) = joined.into_places();
        Ok(selection)
    }

    /// Returns how many series there are. Some may turn out to have no sample in the range.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Tells whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the labels of a series.
    ///
    /// # Panics
    ///
    /// Here and below, if `at` is not less than [`Selection::len`].
    pub fn labels(&self, at: usize) -> Result<Labels, ReadError> {
        match self.slots[at] {
            NO_SLOT => {
                let (part, series) = *self.places(at).first().expect("a series is somewhere");
                let part_of_view = &self.view.parts[part as usize].part;
                Ok(self.with_recent(part, |used| part_of_view.labels(series, used))?)
            }
            slot => Ok(self.db.head.index().labels(slot)),
        }
    }

    /// Appends the floats of a series in the selection's range, ascending by time, in
    /// milliseconds.
    pub fn read(
        &self,
        at: usize,
        times: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Result<(), ReadError> {
        let run = self.run(at, self.start, self.end)?.floats;
        if times.is_empty() && values.is_empty() {
            (*times, *values) = (run.times, run.values);
        } else {
            times.extend_from_slice(&run.times);
            values.extend_from_slice(&run.values);
        }
        Ok(())
    }

    /// Returns the native histograms of a series in the selection's range, ascending by time.
    pub fn read_histograms(&self, at: usize) -> Result<Vec<(i64, FloatHistogram)>, ReadError> {
        Ok(self.run(at, self.start, self.end)?.histograms)
    }

    /// Appends the floats and returns the histograms of a series, reading it once.
    pub fn read_both(
        &self,
        at: usize,
        times: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Result<Vec<(i64, FloatHistogram)>, ReadError> {
        let run = self.run(at, self.start, self.end)?;
        times.extend_from_slice(&run.floats.times);
        values.extend_from_slice(&run.floats.values);
        Ok(run.histograms)
    }

    /// Returns the newest float of a series that is not after one time nor before another, within
    /// the selection's range; nothing if a histogram is newer.
    pub fn newest(
        &self,
        at: usize,
        at_or_before: Millis,
        not_before: Millis,
    ) -> Result<Option<(i64, f64)>, ReadError> {
        let (from, until) = (not_before.0.max(self.start), at_or_before.0.min(self.end));
        if self.slots[at] != NO_SLOT && self.places(at).is_empty() {
            let (shard, local) = Head::place(self.slots[at]);
            match self.db.head.shard(shard).newest(local, from, until) {
                Newest::None => return Ok(None),
                Newest::Sample(time, value) => return Ok(Some((time, value))),
                Newest::Ask => {}
            }
        }
        let SeriesRun { floats, histograms } = self.run(at, from, until)?;
        let newest = floats
            .times
            .last()
            .copied()
            .zip(floats.values.last().copied());
        let histogram = histograms.last().map(|(time, _)| *time);
        Ok(newest.filter(|(time, _)| histogram.is_none_or(|histogram| histogram < *time)))
    }

    fn places(&self, at: usize) -> &[(u32, u32)] {
        let Some(end) = self.ends.get(at) else {
            return &[];
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start as usize..*end as usize]
    }

    /// Hands out the frames of a part that were used last, or none while another thread has them.
    fn with_recent<R>(&self, part: u32, each: impl FnOnce(&mut Recent) -> R) -> R {
        match self.used.try_lock() {
            Ok(mut used) => each(used.entry(part).or_default()),
            Err(_) => each(&mut Recent::default()),
        }
    }

    /// Lays over each other: what the head has flushed, the parts, what it has not flushed, its
    /// side. What is flushed is in the parts too, which know of what was written over it.
    fn run(&self, at: usize, start: i64, end: i64) -> Result<SeriesRun, ReadError> {
        let mut run = SeriesRun::default();
        let mut over = SeriesRun::default();
        let mut side = SeriesRun::default();
        if self.slots[at] != NO_SLOT {
            let (shard, local) = Head::place(self.slots[at]);
            let layers = self.db.head.shard(shard).layers(local, start, end);
            run.floats = layers.flushed;
            over.floats = layers.unflushed;
            side = layers.side;
        }
        for (part, series) in self.places(at) {
            let served = &self.view.parts[*part as usize];
            let range = (start, end);
            self.with_recent(*part, |used| {
                overlay_served(served, *series, range, &mut run, used)
            })?;
        }
        run.overlay(over);
        run.overlay(side);
        Ok(run)
    }
}

/// Lays what a part has of a series, without what is deleted of it, over `run`.
pub(crate) fn overlay_served(
    served: &Served,
    series: u32,
    (start, end): (i64, i64),
    run: &mut SeriesRun,
    used: &mut Recent,
) -> Result<(), PartError> {
    let begins = served.part.meta.sketch.min_time;
    if served.cuts.is_empty() && run.last_time().is_none_or(|last| last < begins) {
        return served.part.read(series, start, end, run, used);
    }
    let mut newer = SeriesRun::default();
    served.part.read(series, start, end, &mut newer, used)?;
    for cut in &served.cuts {
        if cut.series.binary_search(&series).is_ok() {
            newer.cut(cut.start, cut.end);
        }
    }
    run.overlay(newer);
    Ok(())
}

/// Returns the parts that a reader must ask: none when the head has all that those in the range
/// have, else all of them, because they know what was written over what.
pub(crate) fn asked_parts(view: &View, start: i64, end: i64) -> Vec<u32> {
    let within = |number: &usize| view.parts[*number].part.overlaps(start, end);
    let parts: Vec<u32> = (0..view.parts.len())
        .filter(within)
        .map(|number| number as u32)
        .collect();
    let covered = |number: &u32| view.parts[*number as usize].is_covered();
    if parts.iter().all(covered) {
        Vec::new()
    } else {
        parts
    }
}

pub(crate) fn bounded(found: usize, most: usize) -> Result<(), ReadError> {
    if found > most {
        Err(ReadError::TooManySeries { found, most })
    } else {
        Ok(())
    }
}

/// Series of the head and of parts, joined by their hashes.
struct Joined {
    hashes: Vec<SeriesHash>,
    by_hash: HashTable<u32>,
    /// The series, and part and number of it, in order of parts.
    places: Vec<(u32, (u32, u32))>,
}

impl Joined {
    fn of(slots: &[u32], hash_of: impl Fn(u32) -> SeriesHash) -> Joined {
        let hashes: Vec<SeriesHash> = slots.iter().map(|slot| hash_of(*slot)).collect();
        let mut by_hash = HashTable::with_capacity(hashes.len());
        for (at, hash) in hashes.iter().enumerate() {
            by_hash.insert_unique(*hash as u64, at as u32, |at| hashes[*at as usize] as u64);
        }
        Joined {
            hashes,
            by_hash,
            places: Vec::new(),
        }
    }

    fn add(&mut self, hash: SeriesHash, place: (u32, u32)) {
        let hashes = &mut self.hashes;
        let known = self
            .by_hash
            .find(hash as u64, |at| hashes[*at as usize] == hash)
            .copied();
        let at = known.unwrap_or_else(|| {
            hashes.push(hash);
            let at = hashes.len() as u32 - 1;
            self.by_hash
                .insert_unique(hash as u64, at, |at| hashes[*at as usize] as u64);
            at
        });
        self.places.push((at, place));
    }

    fn into_places(mut self) -> (Vec<u32>, Vec<(u32, u32)>) {
        self.places.sort_unstable();
        let mut ends = vec![0; self.hashes.len()];
        for (end, (at, _)) in self.places.iter().enumerate() {
            ends[*at as usize] = end as u32 + 1;
        }
        let mut last = 0;
        for end in &mut ends {
            last = last.max(*end);
            *end = last;
        }
        (
            ends,
            self.places.into_iter().map(|(_, place)| place).collect(),
        )
    }
}
