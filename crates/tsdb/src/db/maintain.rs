//! Maintenance: gives back memory, carries out retention, merges parts, sets bad ones aside.
//!
//! In: the time. Out: a report. One call does at most one merge, so that the caller can stop in
//! between. Bound: a merge's memory is its index, about 60 bytes a series, and its disk what its
//! sources take, of which it makes sure before.

use std::sync::{Arc, Weak};

use weft_model::Millis;

use super::exemplars::Outnumbered;
use super::expiry::Swept;
use super::open::{SET_ASIDE, part_path};
use super::{Inner, Tsdb};
use crate::deletion::Deletions;
use crate::error::{PartError, WriteError};
use crate::head::SHARDS;
use crate::head::block::second_of;
use crate::status::MaintainReport;
use crate::view::{Coverage, Marks, Served, View};

/// What only the one that flushes, merges, deletes or copies may touch.
#[derive(Default)]
pub(crate) struct Maintenance {
    /// The slots of the head in the order of parts, but for those made since the last flush.
    pub(super) order: Vec<u32>,
    pub(super) next_file: u64,
    pub(super) next_flush: u64,
    pub(super) deletions: Deletions,
    pub(super) swept: Swept,
    pub(super) outnumbered: Outnumbered,
    /// Whether there is a file of exemplars, which earlier versions wrote.
    pub(super) has_old_exemplars: bool,
    /// Views that were replaced while readers held them.
    pub(super) old_views: Vec<Weak<View>>,
    /// What is given back once no view older than the present one is held.
    pub(super) plan: Option<Plan>,
    /// Files that are not served any more and could not be removed yet. What is merged until then
    /// replaces them, too, so that they do not come back with the next start.
    pub(super) unremoved: Vec<u64>,
}

/// Memory to be given back.
pub(super) struct Plan {
    /// What is in the parts of this view may go from the sides.
    view: u64,
    /// Where the logs will begin.
    starts: Marks,
    /// Series that left the index.
    slots: Vec<u32>,
    /// The views that must have gone.
    waits_for: Vec<Weak<View>>,
}

/// In how many candidates series are retired at a time, so that appending is not held up.
const RETIRE_BATCH: usize = 16 * 1024;

impl Tsdb {
    /// Does what is due at this time: call it every minute or so, and again at once while the
    /// report says [`MaintainReport::more`]. It is not an error if the disk has no room for a
    /// merge; that is in the report.
    pub fn maintain(&self, now: Millis) -> Result<MaintainReport, WriteError> {
        self.inner.tell(now);
        let mut maintenance = self.inner.maintenance();
        let maintenance = &mut *maintenance;
        let mut report = MaintainReport::default();
        self.inner.remove_files(maintenance, &[])?;
        self.inner.set_corrupt_aside(maintenance, &mut report)?;
        self.inner.enforce_retention(maintenance, &mut report)?;
        self.inner.expire_by_selector(maintenance)?;
        self.inner.bound_exemplars(maintenance)?;
        self.inner.reclaim(maintenance);
        report.series_dropped = self.inner.plan_reclaim(maintenance);
        self.inner.reclaim(maintenance);
        self.inner.merge_next(maintenance, &mut report)?;
        Ok(report)
    }
}

impl Inner {
    /// Decides what memory may go: of the log what is in parts and old, of the index series that
    /// nothing was appended to. Returns how many series those are.
    fn plan_reclaim(&self, maintenance: &mut Maintenance) -> usize {
        if maintenance.plan.is_some() {
            return 0;
        }
        let now = self.admission().now;
        let window = if self.head.is_pressed() {
            0
        } else {
            self.config.head_window_millis
        };
        let time = now.saturating_sub(window);
        let starts: Marks = {
            let mut starts = self.head.shards().map(|shard| shard.start_without(time));
            std::array::from_fn(|_| starts.next().expect("there are as many starts as shards"))
        };
        let idle_since = second_of(now.saturating_sub(self.config.head_window_millis));
        self.uncover(&starts, idle_since);
        let slots = self.retire(maintenance, idle_since, second_of(now));
        let view = self.views.present();
        let dropped = slots.len();
        let number = view.number;
        self.publish(maintenance, view.parts.clone());
        drop(view);
        let waits_for = maintenance.old_views.clone();
        maintenance.plan = Some(Plan {
            view: number,
            starts,
            slots,
            waits_for,
        });
        dropped
    }

    /// Notes that parts with samples before the starts of the logs must be read from now on, and
    /// those that may have samples of series that leave the index.
    fn uncover(&self, starts: &Marks, idle_since: u32) {
        for served in &self.views.present().parts {
            let behind = |coverage: Coverage| {
                coverage.flushed_at < idle_since
                    || (0..SHARDS).any(|shard| coverage.from[shard] < starts[shard])
            };
            if served.coverage.is_some_and(behind) {
                served.uncover();
            }
        }
    }

    /// Takes idle series out of the index.
    fn retire(&self, maintenance: &mut Maintenance, idle_since: u32, now: u32) -> Vec<u32> {
        let mut slots = Vec::new();
        for batch in maintenance.order.chunks(RETIRE_BATCH) {
            slots.extend(self.head.retire_idle(batch, idle_since, now));
        }
        if !slots.is_empty() {
            let gone: hashbrown::HashSet<u32> = slots.iter().copied().collect();
            maintenance.order.retain(|slot| !gone.contains(slot));
        }
        slots
    }

    /// Carries out the plan, if no reader can still need what it gives back.
    pub(super) fn reclaim(&self, maintenance: &mut Maintenance) {
        let due = |plan: &mut Plan| plan.waits_for.iter().all(|view| view.strong_count() == 0);
        let Some(plan) = maintenance.plan.take_if(due) else {
            return;
        };
        for (shard, start) in plan.starts.iter().enumerate() {
            self.head.shard(shard).reclaim(plan.view, *start);
        }
        let mut index = self.head.index_mut();
        index.free(&plan.slots);
        index.pairs.tidy();
    }

    /// Takes parts out of service whose bytes were found to be at fault, keeping their files.
    fn set_corrupt_aside(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintainReport,
    ) -> Result<(), WriteError> {
        let (bad, good): (Vec<_>, Vec<_>) = self
            .views
            .present()
            .parts
            .iter()
            .cloned()
            .partition(|served| served.part.is_corrupt());
        if bad.is_empty() {
            return Ok(());
        }
        // A part that keeps its name stays, too, or it would come back with the next start.
        for served in &bad {
            let path = &served.part.path;
            let aside = path.with_extension(SET_ASIDE);
            self.disk
                .rename(path, &aside)
                .map_err(|e| WriteError::io(&aside, e))?;
        }
        self.publish(maintenance, good);
        self.note_gone(&bad);
        for served in bad {
            report.set_aside.push(PartError::Corrupt {
                path: served.part.path.clone(),
                reason: "found when read",
            });
            self.counters
                .set_aside
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        self.disk
            .sync_dir(&self.dir)
            .map_err(|e| WriteError::io(&self.dir, e))
    }

    /// Serves the parts without some, and removes those files.
    pub(super) fn withdraw(
        &self,
        maintenance: &mut Maintenance,
        gone: &[Arc<Served>],
    ) -> Result<(), WriteError> {
        let numbers: Vec<u64> = gone.iter().map(|served| served.part.number()).collect();
        let present = self.views.present();
        let stays = |served: &&Arc<Served>| !numbers.contains(&served.part.number());
        let parts = present.parts.iter().filter(stays).cloned().collect();
        self.publish(maintenance, parts);
        self.note_gone(gone);
        self.remove_files(maintenance, &numbers)
    }

    /// Notes that the samples of parts are not given any more.
    fn note_gone(&self, gone: &[Arc<Served>]) {
        for served in gone {
            let sketch = &served.part.meta.sketch;
            self.changes.note_range(sketch.min_time, sketch.max_time);
        }
    }

    /// Removes the files of parts that are not served any more, and those that could not be
    /// removed before; readers that hold them go on.
    pub(super) fn remove_files(
        &self,
        maintenance: &mut Maintenance,
        numbers: &[u64],
    ) -> Result<(), WriteError> {
        maintenance.unremoved.extend(numbers);
        if maintenance.unremoved.is_empty() {
            return Ok(());
        }
        for number in &maintenance.unremoved {
            let path = part_path(&self.dir, *number);
            self.disk
                .remove(&path)
                .map_err(|e| WriteError::io(&path, e))?;
            self.cache.forget(*number);
        }
        self.disk
            .sync_dir(&self.dir)
            .map_err(|e| WriteError::io(&self.dir, e))?;
        maintenance.unremoved.clear();
        Ok(())
    }
}
