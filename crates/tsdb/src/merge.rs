//! Merges parts of one day into one.
//!
//! In: parts in the order of writing, each with what is deleted of it. Out: one part, written
//! under an unfinished name, or none if nothing is left. The dictionaries are merged first, so
//! that series are compared by numbers. Bound: the index of the result, the dictionaries, and one
//! series' samples of a day, or of two hours where a series fills many pages.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_disk::Disk;
use weft_model::{Exemplar, METRIC_NAME};

use crate::cache::Cache;
use crate::config::DAY_MILLIS;
use crate::db::{Inner, listed, part_path};
use crate::error::WriteError;
use crate::head::exemplars::OfSeries;
use crate::part::dictionary::Dictionary;
use crate::part::frame::Packing;
use crate::part::writer::WINDOW_MILLIS;
use crate::part::{Identity, Part, PartWriter, Recent, RecentExemplars, Written};
use crate::run::SeriesRun;
use crate::selection::overlay_served;
use crate::view::Served;

/// What is kept decoded of each source: merging reads everything once, in order.
const CACHE_BYTES: usize = 8 << 20;

/// From this level on parts live long enough to be compressed.
const DENSE_LEVEL: u32 = 2;

/// From this level on parts are those of a whole day, which have roll-ups and are kept for long.
const DAY_LEVEL: u32 = 3;

/// From so many pages on a series is merged window by window.
const PAGES_AT_ONCE: usize = 8;

/// A source and its next series.
struct Cursor {
    served: Served,
    /// The source's pairs as numbers of the merged dictionary.
    translation: Vec<u32>,
    series: u32,
    pairs: Vec<u32>,
    exemplars: RecentExemplars,
    /// Which of the pairs names the metric.
    metric: Option<u32>,
    used: Recent,
}

pub(crate) fn merge_parts(
    db: &Inner,
    sources: &[Arc<Served>],
    identity: Identity,
    exemplars_from: i64,
) -> Result<Option<Written>, WriteError> {
    let disk = &*db.disk;
    let path = part_path(&db.dir, identity.file);
    let is_of_day = identity.level >= DAY_LEVEL;
    let packing = match identity.level {
        _ if is_of_day => Packing::Densest,
        level if level >= DENSE_LEVEL => Packing::Dense,
        _ => Packing::Plain,
    };
    let mut cursors = open_sources(disk, sources)?;
    let mut writer = PartWriter::create(disk, &path, identity, packing)?;
    if is_of_day && db.config.rollups {
        writer.roll_up();
    }
    let most = cursors
        .iter()
        .map(|cursor| cursor.served.part.meta.series)
        .max();
    writer.reserve(most.unwrap_or_default() as usize);
    match merge_series(&mut cursors, &mut writer, exemplars_from) {
        Ok(()) if writer.series() == 0 => {
            writer.discard();
            Ok(None)
        }
        Ok(()) => writer.finish().map(Some),
        Err(e) => {
            writer.discard();
            Err(e)
        }
    }
}

fn open_sources(disk: &dyn Disk, sources: &[Arc<Served>]) -> Result<Vec<Cursor>, WriteError> {
    let open = |served: &Arc<Served>| {
        let cache = Arc::new(Cache::new(CACHE_BYTES));
        let part = Arc::new(Part::open(disk, &served.part.path, cache)?);
        let translation = vec![0; part.meta.pairs as usize];
        let served = served.read_by(part);
        Ok(Cursor {
            served,
            translation,
            series: 0,
            pairs: Vec::new(),
            exemplars: RecentExemplars::default(),
            metric: None,
            used: Recent::default(),
        })
    };
    sources.iter().map(open).collect()
}

fn merge_series(
    cursors: &mut [Cursor],
    writer: &mut PartWriter<'_>,
    exemplars_from: i64,
) -> Result<(), WriteError> {
    let metrics = merge_dictionaries(cursors, &mut writer.dictionary)?;
    for cursor in cursors.iter_mut() {
        cursor.load(&metrics)?;
    }
    let mut alike = Vec::new();
    let mut run = SeriesRun::default();
    loop {
        find_least(cursors, &mut alike);
        if alike.is_empty() {
            return Ok(());
        }
        let begun = write_series(cursors, &alike, &mut run, writer)?;
        let exemplars = exemplars_of(cursors, &alike, exemplars_from)?;
        if !exemplars.is_empty() {
            if !begun {
                writer.begin(cursors[alike[0]].pairs.iter().copied())?;
            }
            writer.add_exemplars(&exemplars)?;
        }
        for &at in &alike {
            cursors[at].series += 1;
            cursors[at].load(&metrics)?;
        }
    }
}

/// Numbers the pairs of all sources together, by name and value. Returns the numbers of metric
/// names.
fn merge_dictionaries(
    cursors: &mut [Cursor],
    dictionary: &mut Dictionary,
) -> Result<std::ops::Range<u32>, WriteError> {
    let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::new();
    for cursor in cursors.iter() {
        let from = pairs.len();
        cursor.served.part.each_pair_of_all(|_, name, value| {
            pairs.push((name.into(), value.into()));
        })?;
        if from > 0 {
            pairs.sort_unstable();
            pairs.dedup();
        }
    }
    for (name, value) in &pairs {
        dictionary.intern(name, value);
    }
    for Cursor {
        served,
        translation,
        ..
    } in cursors
    {
        let mut at = 0;
        served.part.each_pair_of_all(|pair, name, value| {
            while (&*pairs[at].0, &*pairs[at].1) != (name, value) {
                at += 1;
            }
            translation[pair as usize] = at as u32;
        })?;
    }
    let below = |name: &str| pairs.partition_point(|(known, _)| &**known < name) as u32;
    let above = |name: &str| pairs.partition_point(|(known, _)| &**known <= name) as u32;
    Ok(below(METRIC_NAME)..above(METRIC_NAME))
}

impl Cursor {
    fn is_done(&self) -> bool {
        self.series >= self.served.part.meta.series
    }

    /// Reads the labels of the present series.
    fn load(&mut self, metrics: &std::ops::Range<u32>) -> Result<(), WriteError> {
        if self.is_done() {
            return Ok(());
        }
        self.served
            .part
            .pairs_of(self.series, &mut self.pairs, &mut self.used)?;
        for pair in &mut self.pairs {
            *pair = self.translation[*pair as usize];
        }
        self.metric = self
            .pairs
            .iter()
            .copied()
            .find(|pair| metrics.contains(pair));
        Ok(())
    }

    /// Compares by metric name, then by label sets.
    fn compare(&self, other: &Cursor) -> Ordering {
        self.metric
            .cmp(&other.metric)
            .then_with(|| self.pairs.cmp(&other.pairs))
    }
}

/// Finds the cursors that stand at the least series.
fn find_least(cursors: &[Cursor], alike: &mut Vec<usize>) {
    alike.clear();
    for (at, cursor) in cursors
        .iter()
        .enumerate()
        .filter(|(_, cursor)| !cursor.is_done())
    {
        let order = alike
            .first()
            .map_or(Ordering::Equal, |first| cursor.compare(&cursors[*first]));
        if order == Ordering::Less {
            alike.clear();
        }
        if order != Ordering::Greater {
            alike.push(at);
        }
    }
}

/// Writes the samples of one series from all sources that have it. Returns whether there are any.
fn write_series(
    cursors: &mut [Cursor],
    alike: &[usize],
    run: &mut SeriesRun,
    writer: &mut PartWriter<'_>,
) -> Result<bool, WriteError> {
    let source = &cursors[alike[0]];
    let pages: usize = alike
        .iter()
        .map(|at| cursors[*at].served.part.pages_of(cursors[*at].series))
        .sum();
    let day = source
        .served
        .part
        .meta
        .identity
        .day
        .saturating_mul(DAY_MILLIS);
    let step = if pages > PAGES_AT_ONCE {
        WINDOW_MILLIS
    } else {
        DAY_MILLIS
    };
    let mut begun = false;
    for start in (0..DAY_MILLIS / step).map(|at| day.saturating_add(at * step)) {
        read_all(cursors, alike, start, start.saturating_add(step - 1), run)?;
        if run.is_empty() {
            continue;
        }
        if !begun {
            writer.begin(cursors[alike[0]].pairs.iter().copied())?;
            begun = true;
        }
        writer.add(run)?;
    }
    Ok(begun)
}

/// Returns the exemplars of one series, what was written later over what was written before.
fn exemplars_of(
    cursors: &mut [Cursor],
    alike: &[usize],
    from: i64,
) -> Result<Vec<Exemplar>, WriteError> {
    let mut all = OfSeries::new();
    let mut of_one = Vec::new();
    for &at in alike {
        let Cursor {
            served,
            series,
            exemplars,
            ..
        } = &mut cursors[at];
        of_one.clear();
        served.part.exemplars_of(*series, exemplars, &mut of_one)?;
        let stays = |it: &Exemplar| it.time.0 >= from && !served.hides(*series, it.time.0);
        for exemplar in of_one.drain(..).filter(stays) {
            all.insert((exemplar.time, exemplar.labels), exemplar.value);
        }
    }
    Ok(listed(all))
}

fn read_all(
    cursors: &mut [Cursor],
    alike: &[usize],
    start: i64,
    end: i64,
    run: &mut SeriesRun,
) -> Result<(), WriteError> {
    run.clear();
    for &at in alike {
        let Cursor {
            served,
            series,
            used,
            ..
        } = &mut cursors[at];
        overlay_served(served, *series, (start, end), run, used)?;
    }
    Ok(())
}
