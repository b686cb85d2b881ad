//! Checks a store at rest: every frame, every list, every series of every part.
//!
//! In: a directory that no store has open. Out: what was looked at and what does not hold.
//! Bound: one part at a time; its frames, decoded, up to a small cache.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashSet;
use weft_disk::Disk;

use crate::cache::Cache;
use crate::config::Config;
use crate::db::{FINISHED, SET_ASIDE, ends};
use crate::deletion::Deletions;
use crate::error::{Malformed, OpenError, PartError};
use crate::identity::hash_labels;
use crate::part::output::UNFINISHED;
use crate::part::rollup::{self, Rollup, RollupBuilder};
use crate::part::{Part, Recent, RecentExemplars, day_of};
use crate::run::SeriesRun;
use crate::side_files;
use crate::status::{CheckFault, CheckReport};

/// What is kept decoded while a part is checked.
const CACHE_BYTES: usize = 32 << 20;

/// Reads everything in the parts below `dir` and compares it with what their indexes say.
pub fn check(disk: &dyn Disk, dir: &Path) -> Result<CheckReport, OpenError> {
    check_each(disk, dir, &mut |_, _| {})
}

/// Does what [`check`] does; `each` is told the path and the size of each part beforehand.
pub fn check_each(
    disk: &dyn Disk,
    dir: &Path,
    each: &mut dyn FnMut(&Path, u64),
) -> Result<CheckReport, OpenError> {
    let mut report = CheckReport::default();
    let failed = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut replaced = HashSet::new();
    let mut sound = Vec::new();
    for entry in disk.list(dir).map_err(failed)? {
        if ends(&entry, SET_ASIDE) {
            report.set_aside += 1;
        } else if ends(&entry, UNFINISHED) {
            report.leftovers.push(entry.path);
        } else if ends(&entry, FINISHED) {
            each(&entry.path, entry.bytes);
            report.parts += 1;
            report.bytes += entry.bytes;
            let cache = Arc::new(Cache::new(CACHE_BYTES));
            let opened = Part::open(disk, &entry.path, cache);
            let is_seen_on_opening = opened.is_err();
            let checked = opened.and_then(|part| {
                check_part(&part, &mut report)?;
                Ok(part.meta.identity)
            });
            match checked {
                Ok(identity) => {
                    replaced.extend(identity.replaces);
                    sound.push((identity.file, entry.path));
                }
                Err(error) => report.faults.push(CheckFault {
                    error,
                    is_seen_on_opening,
                }),
            }
        }
    }
    sound.retain(|(file, _)| replaced.contains(file));
    report
        .leftovers
        .extend(sound.into_iter().map(|(_, path)| path));
    check_small_files(disk, dir, &mut report).map_err(failed)?;
    Ok(report)
}

/// Reads the files beside the parts.
fn check_small_files(disk: &dyn Disk, dir: &Path, report: &mut CheckReport) -> std::io::Result<()> {
    let (_, fault) = Deletions::load(disk, dir)?;
    let side = side_files::load(disk, dir, &Config::default())?;
    let faults = fault.into_iter().chain(side.faults);
    report.faults.extend(faults.map(|error| CheckFault {
        error,
        is_seen_on_opening: true,
    }));
    Ok(())
}

fn check_part(part: &Part, report: &mut CheckReport) -> Result<(), PartError> {
    let fault = |reason| part.fault(Malformed(reason));
    let (mut samples, mut postings, mut exemplars) = (0, 0, 0);
    let (mut of_series, mut used_exemplars) = (Vec::new(), RecentExemplars::default());
    let mut before = None;
    let mut used = Recent::default();
    for series in 0..part.meta.series {
        let labels = part.labels(series, &mut used)?;
        if hash_labels(&labels) != part.hash(series, &mut used)? {
            return Err(fault("a series' hash is not that of its labels"));
        }
        postings += labels.len();
        let key = (labels.name().to_owned(), labels);
        if before.is_some_and(|before| before >= key) {
            return Err(fault("the series are out of order"));
        }
        before = Some(key);
        of_series.clear();
        part.exemplars_of(series, &mut used_exemplars, &mut of_series)?;
        exemplars += of_series.len() as u64;
        let of_samples = check_samples(part, series, &mut used)?;
        samples += of_samples;
        if of_samples == 0 && of_series.is_empty() {
            return Err(fault("a series has neither samples nor exemplars"));
        }
        if of_series
            .iter()
            .any(|it| day_of(it.time.0) != part.meta.identity.day)
        {
            return Err(fault("an exemplar lies outside of the day"));
        }
        if !of_series.is_sorted_by(|a, b| (a.time, &a.labels) < (b.time, &b.labels)) {
            return Err(fault("exemplars do not ascend"));
        }
    }
    if exemplars != part.exemplars_count() {
        return Err(fault("the pages do not have the exemplars that they say"));
    }
    if samples != part.meta.sketch.samples {
        return Err(fault("the pages do not have the samples that they say"));
    }
    if postings != check_postings(part)? {
        return Err(fault("the postings are not those of the label sets"));
    }
    report.series += u64::from(part.meta.series);
    report.samples += samples;
    report.exemplars += exemplars;
    Ok(())
}

fn check_samples(part: &Part, series: u32, used: &mut Recent) -> Result<u64, PartError> {
    let mut run = SeriesRun::default();
    part.read(series, i64::MIN, i64::MAX, &mut run, used)?;
    let mut times = run
        .floats
        .times
        .iter()
        .chain(run.histograms.iter().map(|(time, _)| time));
    if times.any(|time| day_of(*time) != part.meta.identity.day) {
        return Err(part.fault(Malformed("a sample lies outside of the day")));
    }
    check_rollups(part, series, &run, used)?;
    Ok(run.len() as u64)
}

/// Compares the roll-ups of a series with what its samples come to.
fn check_rollups(
    part: &Part,
    series: u32,
    run: &SeriesRun,
    used: &mut Recent,
) -> Result<(), PartError> {
    let day = part.meta.identity.day;
    for entry in &part.meta.rollups {
        let mut expected = RollupBuilder::default();
        expected.add(entry.resolution, run);
        let mut expected = expected.finish();
        let found = part.rollups(series, entry.resolution, used)?;
        // What was written before extents were kept has none.
        if let Some(found) = &found
            && found.iter().all(|bucket| bucket.extent.is_none())
        {
            expected.iter_mut().for_each(|bucket| bucket.extent = None);
        }
        let expected = run.histograms.is_empty().then_some(expected.as_slice());
        let bytes = |buckets: Option<&[Rollup]>| {
            let mut bytes = Vec::new();
            rollup::encode(buckets, entry.resolution, day, &mut bytes);
            bytes
        };
        if bytes(expected) != bytes(found.as_deref()) {
            return Err(part.fault(Malformed("a roll-up is not that of its samples")));
        }
    }
    Ok(())
}

/// Returns how many postings there are, having looked whether each series has the pair.
fn check_postings(part: &Part) -> Result<usize, PartError> {
    let mut count = 0;
    let mut pairs_of_series = Vec::new();
    let mut list = Vec::new();
    let mut used = Recent::default();
    for name in &part.meta.names {
        let values = part.values_of(name)?;
        if values.0.len() != name.pairs as usize {
            return Err(part.fault(Malformed("a name has other values than it says")));
        }
        for pair in name.first_pair..name.first_pair + name.pairs {
            list.clear();
            part.postings(pair, &mut list)?;
            count += list.len();
            for series in &list {
                part.pairs_of(*series, &mut pairs_of_series, &mut used)?;
                if !pairs_of_series.contains(&pair) {
                    return Err(part.fault(Malformed("a series does not have a pair")));
                }
            }
        }
    }
    Ok(count)
}
