//! Which parts are merged, and when: 15 minutes, then 2 hours, then a day become one part each.
//!
//! In: the parts and the time. Out: one merge at most. Parts of one day only are merged, and with
//! them all that lie between them in time and in the order of writing, so that what counts over
//! what does not change. Bound: on disk, the sources' bytes again, and the reserve on top.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Inner;
use super::maintain::Maintenance;
use crate::config::DAY_MILLIS;
use crate::error::{PartError, WriteError};
use crate::merge::merge_parts;
use crate::part::Identity;
use crate::status::MaintainReport;
use crate::view::{Coverage, Served};

/// The stretch of time that a part of each level covers.
const SPANS: [i64; 3] = [15 * 60_000, 2 * 3_600_000, DAY_MILLIS];

/// How long after its end a stretch is merged: what comes a little late is waited for.
const GRACE_MILLIS: i64 = 3 * 60_000;

/// How many parts of a level are merged before their stretch has ended.
const CROWD: usize = 16;

/// How many parts are merged at once; of more, the ones written first.
const FAN_IN: usize = 64;

/// The share of new bytes at which a large part is worth writing again.
const NEW_SHARE: u64 = 4;

/// Parts to be merged, in the order of writing.
struct Choice {
    sources: Vec<Arc<Served>>,
    level: u32,
}

impl Inner {
    pub(super) fn merge_next(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintainReport,
    ) -> Result<(), WriteError> {
        let now = self.admission().now;
        let view = self.views.present();
        let choices = choices(&view.parts, now);
        let Some(first) = choices.first() else {
            return self.forget_deletions(maintenance);
        };
        let space = self
            .disk
            .space(&self.dir)
            .map_err(|e| WriteError::io(&self.dir, e))?;
        let room = space.free.saturating_sub(self.config.reserve_bytes);
        let bytes = |choice: &Choice| choice.sources.iter().map(|s| s.part.bytes).sum::<u64>();
        let Some(choice) = choices.iter().find(|choice| bytes(choice) <= room) else {
            report.merges_without_space += choices.len();
            return Ok(());
        };
        report.more = choices.len() > 1 || first.level < SPANS.len() as u32;
        match self.merge(maintenance, choice, report) {
            // The part is noted as corrupt and set aside by the next call.
            Err(WriteError::Part(fault)) if fault.is_corrupt() => {
                note_corrupt(&choice.sources, &fault);
                report.more = true;
                Ok(())
            }
            result => result,
        }
    }

    fn merge(
        &self,
        maintenance: &mut Maintenance,
        choice: &Choice,
        report: &mut MaintainReport,
    ) -> Result<(), WriteError> {
        let identities = || {
            choice
                .sources
                .iter()
                .map(|served| &served.part.meta.identity)
        };
        let files: Vec<u64> = identities().map(|identity| identity.file).collect();
        let identity = Identity {
            file: maintenance.next_file,
            day: identities()
                .map(|identity| identity.day)
                .next()
                .unwrap_or_default(),
            level: choice.level,
            flushes: (
                identities()
                    .map(|identity| identity.flushes.0)
                    .min()
                    .unwrap_or_default(),
                identities()
                    .map(|identity| identity.flushes.1)
                    .max()
                    .unwrap_or_default(),
            ),
            deletions: maintenance.deletions.last_number(),
            replaces: [&files, &*maintenance.unremoved].concat(),
        };
        maintenance.next_file += 1;
        let from = self.exemplars_from();
        let written = merge_parts(self, &choice.sources, identity, from)?;
        report.merges += 1;
        report.parts_merged += files.len();
        let replaced = |served: &Arc<Served>| files.contains(&served.part.number());
        let mut parts = self.views.present().parts.clone();
        parts.retain(|served| !replaced(served));
        if let Some(written) = written {
            report.bytes_written += written.bytes;
            let opened = self.publish_files(std::slice::from_ref(&written));
            let opened = opened.inspect_err(|_| {
                self.withdraw_unpublished(maintenance, std::slice::from_ref(&written));
            })?;
            let covered = covered(&choice.sources);
            let served = |part| Arc::new(Served::new(Arc::new(part), Vec::new(), covered));
            parts.extend(opened.into_iter().map(served));
        }
        self.publish(maintenance, parts);
        self.remove_files(maintenance, &files)?;
        self.forget_deletions(maintenance)
    }

    /// Forgets deletions that are carried out everywhere.
    fn forget_deletions(&self, maintenance: &mut Maintenance) -> Result<(), WriteError> {
        if maintenance
            .deletions
            .retain_needed(&self.views.present().parts)
        {
            let stored = maintenance.deletions.store(&*self.disk, &self.dir);
            stored.map_err(|e| WriteError::io(&self.dir, e))?;
            self.deletions_pending
                .store(maintenance.deletions.len(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Notes at the part that is served what reading it for the merge has shown.
fn note_corrupt(sources: &[Arc<Served>], fault: &PartError) {
    if let PartError::Corrupt { path, reason } = fault {
        for served in sources.iter().filter(|served| served.part.path == *path) {
            served.part.fault(crate::error::Malformed(reason));
        }
    }
}

fn covered(sources: &[Arc<Served>]) -> Option<Coverage> {
    let (first, rest) = sources.split_first()?;
    let begin = first.coverage.filter(|_| first.is_covered());
    rest.iter()
        .fold(begin, |covered, served| served.covered_with(covered))
}

/// Returns what may be merged, the most useful first.
fn choices(parts: &[Arc<Served>], now: i64) -> Vec<Choice> {
    let mut by_day: BTreeMap<i64, Vec<Arc<Served>>> = BTreeMap::new();
    for served in parts {
        by_day
            .entry(served.part.meta.identity.day)
            .or_default()
            .push(served.clone());
    }
    let mut found: Vec<Choice> = Vec::new();
    for day in by_day.values() {
        // What becomes part of a larger stretch at once need not be merged on the way to it.
        let from = found.len();
        for (level, span) in SPANS.iter().enumerate().rev() {
            for choice in of_level(day, level as u32 + 1, *span, now) {
                if !found[from..].iter().any(|larger| larger.has(&choice)) {
                    found.push(choice);
                }
            }
        }
        let alone = with_cuts(day).into_iter();
        let alone: Vec<Choice> = alone
            .filter(|choice| !found[from..].iter().any(|larger| larger.has(choice)))
            .collect();
        found.extend(alone);
    }
    // Small merges first: they free most files for least work.
    found.sort_by_key(|choice| choice.sources.iter().map(|s| s.part.bytes).sum::<u64>());
    found
}

impl Choice {
    /// Tells whether all sources of another choice are among this one's.
    fn has(&self, other: &Choice) -> bool {
        let known = |served: &Arc<Served>| self.sources.iter().any(|own| Arc::ptr_eq(own, served));
        other.sources.iter().all(known)
    }
}

/// Returns the merges of a day into parts of one level: stretches that have ended, and of others
/// the parts of the level below, when they crowd.
fn of_level(day: &[Arc<Served>], level: u32, span: i64, now: i64) -> Vec<Choice> {
    let level_of = |served: &Arc<Served>| served.part.meta.identity.level;
    let mut windows: BTreeMap<i64, Vec<Arc<Served>>> = BTreeMap::new();
    for served in day.iter().filter(|served| level_of(served) <= level) {
        let window = served.part.meta.sketch.min_time.div_euclid(span);
        windows.entry(window).or_default().push(served.clone());
    }
    let mut found = Vec::new();
    for (window, mut sources) in windows {
        let end = (window + 1)
            .saturating_mul(span)
            .saturating_add(GRACE_MILLIS);
        let has_new = sources.iter().any(|served| level_of(served) < level);
        let due = end <= now && has_new && sources.len() > 1 && worth_it(&sources, level);
        if !due {
            sources.retain(|served| level_of(served) + 1 == level);
            if sources.len() < CROWD {
                continue;
            }
        }
        let whole = due && sources.len() <= FAN_IN;
        sources.sort_by_key(|served| served.order());
        sources.truncate(FAN_IN);
        let level = if whole { level } else { level - 1 };
        found.push(Choice {
            sources: closed(day, sources),
            level,
        });
    }
    found
}

/// Tells whether enough is new to write what was merged before again.
fn worth_it(sources: &[Arc<Served>], level: u32) -> bool {
    let bytes = |merged: bool| {
        let of = sources
            .iter()
            .filter(|s| (s.part.meta.identity.level == level) == merged);
        of.map(|served| served.part.bytes).sum::<u64>()
    };
    bytes(false) * NEW_SHARE >= bytes(true)
}

/// Returns the parts of which samples must go: each is written again alone.
fn with_cuts(day: &[Arc<Served>]) -> Vec<Choice> {
    let cut = day.iter().filter(|served| served.is_to_be_rewritten());
    let alone = |served: &Arc<Served>| Choice {
        sources: vec![served.clone()],
        level: served.part.meta.identity.level,
    };
    cut.map(alone).collect()
}

/// Adds the parts that lie between the sources both in time and in the order of writing.
fn closed(day: &[Arc<Served>], mut sources: Vec<Arc<Served>>) -> Vec<Arc<Served>> {
    loop {
        let sketch = |served: &Arc<Served>| served.part.meta.sketch;
        let start = sources
            .iter()
            .map(|s| sketch(s).min_time)
            .min()
            .unwrap_or(i64::MAX);
        let end = sources
            .iter()
            .map(|s| sketch(s).max_time)
            .max()
            .unwrap_or(i64::MIN);
        let first = sources.iter().map(|s| s.order()).min().unwrap_or_default();
        let last = sources.iter().map(|s| s.order()).max().unwrap_or_default();
        let missing = day.iter().filter(|served| {
            (first..=last).contains(&served.order())
                && served.part.overlaps(start, end)
                && !sources.iter().any(|known| Arc::ptr_eq(known, served))
        });
        let missing: Vec<Arc<Served>> = missing.cloned().collect();
        if missing.is_empty() {
            sources.sort_by_key(|served| served.order());
            return sources;
        }
        sources.extend(missing);
    }
}
