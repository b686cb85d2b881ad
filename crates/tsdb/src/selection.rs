//! The series that fulfil some matchers, ready to be read.
//!
//! In: matchers and a stretch of time. Out: label sets and samples by place, head and parts laid
//! over each other. A selection may be kept and read from several threads; what it can still ask
//! for is not given back meanwhile. Bound: a number of series; 4 bytes each of those in the head,
//! 12 for each run of neighbours in a part, and of each part the few frames used last.

use std::sync::{Arc, Mutex};

use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, Millis};

mod join;
mod rollups;

use crate::db::{Inner, earliest_of};
use crate::error::{PartError, ReadError};
use crate::head::Head;
use crate::head::shard;
use crate::identity::SeriesHash;
use crate::matching::matching;
use crate::part::{Newest, Recent};
use crate::run::SeriesRun;
use crate::view::{Served, View};
use join::{Join, Placement};

/// Marks a series that the head does not have.
const NO_SLOT: u32 = u32::MAX;

/// How many threads may read side by side and each find the frames it used last.
const READERS: usize = 8;

/// How many neighbours are mostly read by one thread.
const NEIGHBOURS: usize = 256;

/// Selected series.
pub struct Selection {
    db: Arc<Inner>,
    view: Arc<View>,
    start: i64,
    end: i64,
    series: usize,
    /// The series' slots in the head, or [`NO_SLOT`]; empty if the head has none of them.
    slots: Vec<u32>,
    /// From when on samples are given of the series that the head has, where retention differs by
    /// series and the range reaches beyond some; else empty.
    earliest: Vec<i64>,
    /// The parts that have some of the series, in the order of the view.
    parts: Vec<Asked>,
    /// The parts by their latest times, latest first.
    latest_first: Vec<usize>,
    /// The frames that were used last, by thread as well as it goes, and by part.
    used: [Mutex<Vec<Recent>>; READERS],
}

/// A part and which of its series are selected.
struct Asked {
    /// Its place in the view.
    part: u32,
    placement: Placement,
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

/// What a series has beside its floats; times are in milliseconds and ascend.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Native histograms with their times.
    pub histograms: Vec<(i64, FloatHistogram)>,
    /// Times and start timestamps of the samples of either kind that have one.
    pub starts: Vec<(i64, i64)>,
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
        let most = db.config.selected_series_max;
        bounded(slots.len(), most)?;
        let mut lists = Vec::new();
        for number in asked_parts(&view, start, end) {
            let list = matching(&*view.parts[number as usize].part, matchers)?;
            bounded(list.len(), most)?;
            if !list.is_empty() {
                lists.push((number, list));
            }
        }
        let now = db.admission().now;
        let earliest = earliest_of(&index, &slots, &db.config, now, start)?;
        let joined = joined(&view, lists, &slots, most, |slot| index.hash_of(slot))?;
        drop(index);
        let earliest = by_place(earliest, &slots, &joined.slots);
        let parts = joined.parts;
        let mut latest_first: Vec<usize> = (0..parts.len()).collect();
        let latest = |at: &usize| {
            view.parts[parts[*at].part as usize]
                .part
                .meta
                .sketch
                .max_time
        };
        latest_first.sort_by_key(|at| std::cmp::Reverse(latest(at)));
        Ok(Selection {
            db: db.clone(),
            view,
            start,
            end,
            series: joined.series,
            slots: joined.slots,
            earliest,
            parts,
            latest_first,
            used: std::array::from_fn(|_| Mutex::default()),
        })
    }

    /// Returns how many series there are. Some may turn out to have no sample in the range.
    pub fn len(&self) -> usize {
        self.series
    }

    /// Tells whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.series == 0
    }

    /// Returns the series' slot in the head, if it has one.
    fn slot(&self, at: usize) -> Option<u32> {
        assert!(at < self.series, "the selection has {} series", self.series);
        self.slots.get(at).copied().filter(|slot| *slot != NO_SLOT)
    }

    /// Returns the labels of a series.
    ///
    /// # Panics
    ///
    /// Here and below, if `at` is not less than [`Selection::len`].
    pub fn labels(&self, at: usize) -> Result<Labels, ReadError> {
        if let Some(slot) = self.slot(at) {
            return Ok(self.db.head.index().labels(slot));
        }
        let place = |asked: &Asked| asked.placement.find(at as u32);
        let mut places = self.parts.iter().enumerate();
        let (ordinal, series) = places
            .find_map(|(ordinal, asked)| Some((ordinal, place(asked)?)))
            .expect("a series is somewhere");
        let part = &self.served(ordinal).part;
        Ok(self.with_recent(at, ordinal, |used| part.labels(series, used))?)
    }

    /// Appends the floats of a series in the selection's range, ascending by time, in
    /// milliseconds.
    pub fn read(
        &self,
        at: usize,
        times: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Result<(), ReadError> {
        self.read_both(at, times, values).map(drop)
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
        self.read_all(at, times, values)
            .map(|beside| beside.histograms)
    }

    /// Appends the floats of a series and returns what else it has, reading it once.
    pub fn read_all(
        &self,
        at: usize,
        times: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Result<Beside, ReadError> {
        let SeriesRun {
            floats,
            histograms,
            starts,
        } = self.run(at, self.start, self.end)?;
        if times.capacity() == 0 && values.capacity() == 0 {
            (*times, *values) = (floats.times, floats.values);
        } else {
            times.extend_from_slice(&floats.times);
            values.extend_from_slice(&floats.values);
        }
        Ok(Beside { histograms, starts })
    }

    /// Returns the newest sample of a series that is not after one time nor before another, within
    /// the selection's range. A histogram counts over a float of its time.
    pub fn newest(
        &self,
        at: usize,
        at_or_before: Millis,
        not_before: Millis,
    ) -> Result<Newest, ReadError> {
        let from = not_before.0.max(self.start);
        let from = self
            .earliest
            .get(at)
            .map_or(from, |earliest| from.max(*earliest));
        let until = at_or_before.0.min(self.end);
        let in_parts = || {
            self.parts
                .iter()
                .any(|asked| asked.placement.find(at as u32).is_some())
        };
        match self.slot(at) {
            None => {
                if let Some(newest) = self.newest_in_parts(at, from, until)? {
                    return Ok(newest);
                }
            }
            Some(slot) if !in_parts() => {
                let (shard, local) = Head::place(slot);
                match self.db.head.shard(shard).newest(local, from, until) {
                    shard::Newest::None => return Ok(Newest::None),
                    shard::Newest::Sample(time, value) => return Ok(Newest::Float(time, value)),
                    shard::Newest::Ask => {}
                }
            }
            Some(_) => {}
        }
        let run = self.run(at, from, until)?;
        let SeriesRun {
            floats, histograms, ..
        } = &run;
        let float = floats.times.last().zip(floats.values.last());
        let histogram = histograms.last().map(|(time, _)| *time);
        Ok(match (float, histogram) {
            (Some((time, value)), histogram) if histogram < Some(*time) => {
                match run.start_at(*time) {
                    0 => Newest::Float(*time, *value),
                    _ => Newest::Started(*time, *value),
                }
            }
            (_, Some(time)) => Newest::Histogram(time),
            (_, None) => Newest::None,
        })
    }

    /// Returns the newest sample that any part has, asking those with later times first; nothing
    /// if something of the series is deleted.
    fn newest_in_parts(
        &self,
        at: usize,
        from: i64,
        until: i64,
    ) -> Result<Option<Newest>, ReadError> {
        let mut newest = (Newest::None, 0);
        for &ordinal in &self.latest_first {
            let served = self.served(ordinal);
            let known = newest.0.time().unwrap_or(from);
            if served.part.meta.sketch.max_time < known {
                break;
            }
            let Some(series) = self.parts[ordinal].placement.find(at as u32) else {
                continue;
            };
            if served.has_cut(series) {
                return Ok(None);
            }
            let found = self.with_recent(at, ordinal, |used| {
                served.part.newest(series, known, until, used)
            })?;
            newest = newer(newest, (found, ordinal));
        }
        Ok(Some(newest.0))
    }

    fn served(&self, ordinal: usize) -> &Served {
        &self.view.parts[self.parts[ordinal].part as usize]
    }

    /// Hands out the frames of a part that were used last, or none while another thread has them.
    fn with_recent<R>(&self, at: usize, ordinal: usize, each: impl FnOnce(&mut Recent) -> R) -> R {
        match self.used[at / NEIGHBOURS % READERS].try_lock() {
            Ok(mut used) => {
                if used.len() <= ordinal {
                    used.resize_with(self.parts.len(), Recent::default);
                }
                each(&mut used[ordinal])
            }
            Err(_) => each(&mut Recent::default()),
        }
    }

    /// Lays over each other: what the head has flushed, the parts, what it has not flushed, its
    /// side. What is flushed is in the parts too, which know of what was written over it.
    fn run(&self, at: usize, start: i64, end: i64) -> Result<SeriesRun, ReadError> {
        let start = self
            .earliest
            .get(at)
            .map_or(start, |earliest| start.max(*earliest));
        let mut run = SeriesRun::default();
        let mut over = SeriesRun::default();
        let mut side = SeriesRun::default();
        if let Some(slot) = self.slot(at) {
            let (shard, local) = Head::place(slot);
            let layers = self.db.head.shard(shard).layers(local, start, end);
            run = layers.flushed;
            over = layers.unflushed;
            side = layers.side;
        }
        for (ordinal, asked) in self.parts.iter().enumerate() {
            let Some(series) = asked.placement.find(at as u32) else {
                continue;
            };
            let served = self.served(ordinal);
            self.with_recent(at, ordinal, |used| {
                overlay_served(served, series, (start, end), &mut run, used)
            })?;
        }
        run.overlay(over);
        run.overlay(side);
        Ok(run)
    }
}

/// Returns the newer of two samples, each with the place of its part in the order of writing.
fn newer(a: (Newest, usize), b: (Newest, usize)) -> (Newest, usize) {
    let is_histogram = |newest: Newest| matches!(newest, Newest::Histogram(_));
    let key = |(newest, ordinal): (Newest, usize)| (newest.time(), is_histogram(newest), ordinal);
    if key(a) < key(b) { b } else { a }
}

/// Series of parts and of the head, numbered together.
struct Joined {
    series: usize,
    slots: Vec<u32>,
    parts: Vec<Asked>,
}

/// Numbers the series of each part and the slots of the head, as many as are allowed. Series that
/// are in one place only need not be compared.
fn joined(
    view: &View,
    lists: Vec<(u32, Vec<u32>)>,
    slots: &[u32],
    most: usize,
    hash_of: impl Fn(u32) -> SeriesHash,
) -> Result<Joined, ReadError> {
    let mut parts = Vec::new();
    if let ([(part, list)], true) = (lists.as_slice(), slots.is_empty()) {
        let (part, placement) = (*part, Placement::of(list));
        parts.push(Asked { part, placement });
        return Ok(Joined {
            series: list.len(),
            slots: Vec::new(),
            parts,
        });
    }
    if lists.is_empty() {
        return Ok(Joined {
            series: slots.len(),
            slots: slots.to_vec(),
            parts,
        });
    }
    let mut join = Join::default();
    for (part, list) in lists {
        let mut joined = join.list();
        let source = &view.parts[part as usize].part;
        source.each_hash(&list, |series, hash| joined.add(series, hash))?;
        let placement = joined.finish();
        bounded(join.len(), most)?;
        parts.push(Asked { part, placement });
    }
    let slots = join_slots(&mut join, slots, hash_of);
    bounded(join.len(), most)?;
    Ok(Joined {
        series: join.len(),
        slots,
        parts,
    })
}

/// Returns the slots by place, or none if there are none.
fn join_slots(join: &mut Join, slots: &[u32], hash_of: impl Fn(u32) -> SeriesHash) -> Vec<u32> {
    if slots.is_empty() {
        return Vec::new();
    }
    let places: Vec<u32> = slots
        .iter()
        .map(|slot| join.place(hash_of(*slot)))
        .collect();
    let mut by_place = vec![NO_SLOT; join.len()];
    for (place, slot) in places.into_iter().zip(slots) {
        by_place[place as usize] = *slot;
    }
    by_place
}

/// Puts what is said of each slot into the order of the selection.
fn by_place(of_slots: Vec<i64>, slots: &[u32], places: &[u32]) -> Vec<i64> {
    if of_slots.is_empty() || places == slots {
        return of_slots;
    }
    let of_place = |slot: &u32| {
        slots
            .binary_search(slot)
            .map_or(i64::MIN, |at| of_slots[at])
    };
    places.iter().map(of_place).collect()
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
    let is_whole = served.hidden().next().is_none();
    if is_whole && run.last_time().is_none_or(|last| last < begins) {
        return served.part.read(series, start, end, run, used);
    }
    let mut newer = SeriesRun::default();
    served.part.read(series, start, end, &mut newer, used)?;
    for cut in served.hidden() {
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
