//! Opening: what is on the disk becomes the first view.
//!
//! In: a directory. Out: a store and a report. Only footers and meta frames are read, so that it
//! takes little time; what does not hold is set aside. Files that an interrupted write or merge
//! left are removed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::sync::{Arc, Mutex};

use hashbrown::HashSet;
use weft_disk::{Disk, Entry};
use weft_model::Millis;

use super::ingest::{Drops, Metadata};
use super::maintain::Maintenance;
use super::{Counters, Inner, Tsdb};
use crate::cache::Cache;
use crate::changes::Changes;
use crate::config::Config;
use crate::deletion::Deletions;
use crate::error::{OpenError, PartError};
use crate::head::Head;
use crate::head::exemplars::Exemplars;
use crate::part::Part;
use crate::part::output::UNFINISHED;
use crate::side_files;
use crate::status::OpenReport;
use crate::view::{Served, Views};

/// The ending of the names of parts.
pub(crate) const FINISHED: &str = "part";

/// The ending of the names of parts that do not hold.
pub(crate) const SET_ASIDE: &str = "corrupt";

/// Returns the path of a part.
pub(crate) fn part_path(dir: &Path, file: u64) -> PathBuf {
    dir.join(format!("{file:016x}.{FINISHED}"))
}

/// Returns the number in a part's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let (stem, _) = name.split_once('.')?;
    u64::from_str_radix(stem, 16).ok()
}

/// Tells whether a file name has this ending.
pub(crate) fn ends(entry: &Entry, ending: &str) -> bool {
    entry
        .name
        .rsplit_once('.')
        .is_some_and(|(_, found)| found == ending)
}

impl Tsdb {
    /// Opens the store in a directory, which is made if it is missing. `now` bounds which samples
    /// are taken until the next flush or maintenance says another time. That the directory is
    /// used by one process only is the caller's to ensure.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: Config,
        now: Millis,
    ) -> Result<(Tsdb, OpenReport), OpenError> {
        let failed = |source| OpenError::Io {
            path: dir.to_owned(),
            source,
        };
        disk.create_dir(dir).map_err(failed)?;
        let cache = Arc::new(Cache::new(config.cache_bytes));
        let mut report = OpenReport::default();
        let opened = open_parts(&*disk, dir, &cache, &mut report)?;
        let (mut deletions, bad_file) = Deletions::load(&*disk, dir).map_err(failed)?;
        report.set_aside.extend(bad_file);
        for part in &opened.parts {
            deletions.pass(part.meta.identity.deletions);
        }
        let flushes = opened.parts.iter().map(|part| part.meta.identity.flushes.1);
        let flushed = flushes.chain(deletions.last_flush()).max();
        let parts = serve(&*disk, opened.parts, &mut deletions, &mut report)?;
        let pending = deletions.len();
        let maintenance = Maintenance {
            next_file: opened.next_file,
            next_flush: flushed.map_or(1, |flush| flush + 1),
            deletions,
            has_old_exemplars: disk.exists(&dir.join(side_files::EXEMPLARS_FILE)),
            ..Maintenance::default()
        };
        report.parts = parts.len();
        report.bytes = parts.iter().map(|served| served.part.bytes).sum();
        let side = side_files::load(&*disk, dir, &config).map_err(failed)?;
        report.set_aside.extend(side.faults);
        let mut exemplars = Exemplars::default();
        let old = side.exemplars.into_iter();
        old.for_each(|(series, exemplar)| exemplars.push(series, exemplar));
        let inner = Inner {
            head: Head::new(&config),
            changes: Changes::new(
                config
                    .retention_millis
                    .saturating_add(config.future_max_millis),
            ),
            views: Views::new(parts),
            cache,
            maintenance: Mutex::new(maintenance),
            now: AtomicI64::new(now.0),
            counters: Counters::default(),
            deletions_pending: AtomicUsize::new(pending),
            drops: Mutex::new(Drops::default()),
            metadata: Mutex::new(Metadata {
                by_metric: side.metadata,
                changed: false,
            }),
            exemplars: Mutex::new(exemplars),
            exemplars_from: AtomicI64::new(i64::MIN),
            disk,
            dir: dir.to_owned(),
            config,
        };
        Ok((
            Tsdb {
                inner: Arc::new(inner),
            },
            report,
        ))
    }
}

/// Parts that hold, and the first number that no file has.
struct Opened {
    parts: Vec<Part>,
    next_file: u64,
}

fn open_parts(
    disk: &dyn Disk,
    dir: &Path,
    cache: &Arc<Cache>,
    report: &mut OpenReport,
) -> Result<Opened, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let entries = disk.list(dir).map_err(failed(dir))?;
    let numbers = entries.iter().filter_map(|entry| number_of(&entry.name));
    let next_file = numbers.max().map_or(1, |last| last + 1);
    let mut parts = Vec::new();
    for entry in &entries {
        if ends(entry, UNFINISHED) {
            disk.remove(&entry.path).map_err(failed(&entry.path))?;
            report.leftovers += 1;
        } else if ends(entry, FINISHED) {
            match Part::open(disk, &entry.path, cache.clone()) {
                Ok(part) => parts.push(part),
                Err(PartError::Io { path, source }) => return Err(OpenError::Io { path, source }),
                Err(PartError::Version { path, version }) => {
                    return Err(OpenError::Version { path, version });
                }
                Err(fault) => {
                    let aside = entry.path.with_extension(SET_ASIDE);
                    disk.rename(&entry.path, &aside).map_err(failed(&aside))?;
                    report.set_aside.push(fault);
                }
            }
        }
    }
    let replaced: HashSet<u64> = parts
        .iter()
        .flat_map(|part| part.meta.identity.replaces.iter().copied())
        .collect();
    for part in parts.extract_if(.., |part| replaced.contains(&part.number())) {
        disk.remove(&part.path).map_err(failed(&part.path))?;
        report.leftovers += 1;
    }
    disk.sync_dir(dir).map_err(failed(dir))?;
    Ok(Opened { parts, next_file })
}

/// Lays the deletions that wait over the parts. A part whose index does not hold is set aside.
fn serve(
    disk: &dyn Disk,
    parts: Vec<Part>,
    deletions: &mut Deletions,
    report: &mut OpenReport,
) -> Result<Vec<Arc<Served>>, OpenError> {
    let mut served = Vec::new();
    for part in parts {
        match deletions.cuts_of(&part) {
            Ok(cuts) => served.push(Arc::new(Served::new(Arc::new(part), cuts, None))),
            Err(fault) => {
                let aside = part.path.with_extension(SET_ASIDE);
                let renamed = disk.rename(&part.path, &aside);
                renamed.map_err(|source| OpenError::Io {
                    path: aside,
                    source,
                })?;
                report.set_aside.push(fault);
            }
        }
    }
    deletions.retain_needed(&served);
    Ok(served)
}
