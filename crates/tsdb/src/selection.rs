//! The series that fulfil some matchers, ready to be read.
//!
//! In: matchers and a stretch of time. Out: label sets and samples by place, head and parts laid
//! over each other. A selection may be kept and read from several threads; what it can still ask
//! for is not given back meanwhile. Bound: a number of series; 4 bytes each of those in the head,
//! 12 for each run of neighbours in a part, and of each part the few frames used last.

use std::sync::Arc;

use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, Millis};

mod hint;
mod join;
mod newest;
mod read;
mod readers;
mod rollups;

pub(crate) use read::overlay_served;

use crate::db::{Inner, earliest_of};
use crate::error::ReadError;
use crate::identity::SeriesHash;
use crate::matching::matching;
use crate::view::{Served, View};
use join::{Join, Placement};
use readers::Readers;

/// Marks a series that the head does not have.
const NO_SLOT: u32 = u32::MAX;

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
    readers: Readers,
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
            readers: Readers::default(),
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
        Ok(self.with_reader(|reader| part.labels(series, reader.recent(ordinal)))?)
    }

    /// Hands out name and value of each label of a series, in order of the names, without making a
    /// label set where the head has the series.
    pub fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) -> Result<(), ReadError> {
        match self.slot(at) {
            Some(slot) => {
                let index = self.db.head.index();
                index
                    .texts_of(slot)
                    .for_each(|(name, value)| each(name, value));
            }
            None => {
                let labels = self.labels(at)?;
                labels.iter().for_each(|(name, value)| each(name, value));
            }
        }
        Ok(())
    }

    fn served(&self, ordinal: usize) -> &Served {
        &self.view.parts[self.parts[ordinal].part as usize]
    }
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

/// Returns the parts that a reader must ask. Parts of which the head has all samples need not be,
/// unless one that was written before them has samples at the same times, too: then it takes both
/// to know what was written over what.
pub(crate) fn asked_parts(view: &View, start: i64, end: i64) -> Vec<u32> {
    let mut asked: Vec<u32> = Vec::new();
    for (number, served) in view.parts.iter().enumerate() {
        let (part, sketch) = (&served.part, &served.part.meta.sketch);
        if !part.overlaps(start, end) {
            continue;
        }
        let meets = |before: &u32| {
            let before = &view.parts[*before as usize].part;
            before.overlaps(sketch.min_time, sketch.max_time)
        };
        if !served.is_covered() || asked.iter().any(meets) {
            asked.push(number as u32);
        }
    }
    asked
}

pub(crate) fn bounded(found: usize, most: usize) -> Result<(), ReadError> {
    if found > most {
        Err(ReadError::TooManySeries { found, most })
    } else {
        Ok(())
    }
}
