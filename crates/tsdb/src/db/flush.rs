//! Flush: what the head has and no part has becomes parts, one for each day.
//!
//! In: the head. Out: durable parts; on an error nothing changed. The series are written in the
//! order of metric names, then label sets; the order is kept from flush to flush, so that only new
//! series are sorted. Bound: one part writer for each day that the samples lie in.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::{Labels, METRIC_NAME, Millis};

mod beside;
mod writers;

use super::maintain::Maintenance;
use super::open::part_path;
use super::{Inner, Tsdb};
use crate::error::WriteError;
use crate::head::Head;
use crate::head::block::second_of;
use crate::head::exemplars::OfSeries;
use crate::head::index::Index;
use crate::part::output::UNFINISHED;
use crate::part::{Identity, Part, Written};
use crate::run::SeriesRun;
use crate::side_files;
use crate::status::FlushReport;
use crate::view::{Coverage, Marks, Served};
use beside::Beside;
use writers::{Series, Writers};

impl Tsdb {
    /// Writes all samples, metadata and exemplars that were taken before the call: afterwards they
    /// are durable, and whoever kept them for that long may let go of them. On an error all stays
    /// in the head for the next flush. On a full disk the oldest days make room, if the parts have
    /// a limit of bytes.
    pub fn flush(&self, now: Millis) -> Result<FlushReport, WriteError> {
        self.inner.tell(now);
        let mut maintenance = self.inner.maintenance();
        let mut parts_shed = 0;
        loop {
            let full = match self.inner.flush(&mut maintenance) {
                Err(full @ WriteError::Full { .. }) => full,
                result => {
                    return result.map(|report| FlushReport {
                        parts_shed,
                        ..report
                    });
                }
            };
            match self.inner.shed_oldest_day(&mut maintenance)? {
                0 => return Err(full),
                shed => parts_shed += shed,
            }
        }
    }
}

/// Samples that are being written, so that they can be noted as flushed.
struct Taken {
    slot: u32,
    count: u32,
}

impl Inner {
    pub(super) fn flush(&self, maintenance: &mut Maintenance) -> Result<FlushReport, WriteError> {
        self.reclaim(maintenance);
        self.write_side_files()?;
        let marks: Marks = {
            let mut marks = self.head.shards().map(|mut shard| shard.begin_flush());
            std::array::from_fn(|_| marks.next().expect("there are as many marks as shards"))
        };
        let only_in_order = !self.head.shards().any(|shard| shard.flushes_side());
        let from = self.exemplars_from();
        let (exemplars, place) = self
            .exemplars_kept()
            .begin_flush(from, self.admission().latest);
        let written = self.write_head(maintenance, exemplars);
        let result = written.and_then(|(parts, taken, mut report)| {
            let second = second_of(self.admission().now);
            let covered = only_in_order.then_some(Coverage {
                from: marks,
                flushed_at: second,
            });
            let view = self.publish_flushed(maintenance, parts, covered, &mut report)?;
            self.note_flushed(&taken, second, view);
            self.exemplars_kept().end_flush(place);
            self.forget_old_exemplars(maintenance)?;
            Ok(report)
        });
        if result.is_err() {
            self.head.shards().for_each(|mut shard| shard.abort_flush());
        }
        result
    }

    /// Removes the file that earlier versions kept exemplars in: parts have them now.
    fn forget_old_exemplars(&self, maintenance: &mut Maintenance) -> Result<(), WriteError> {
        if maintenance.has_old_exemplars {
            let path = self.dir.join(side_files::EXEMPLARS_FILE);
            let removed = self.disk.remove(&path);
            let removed = removed.and_then(|()| self.disk.sync_dir(&self.dir));
            removed.map_err(|e| WriteError::io(&path, e))?;
            maintenance.has_old_exemplars = false;
        }
        Ok(())
    }

    /// Writes what is in no part, under unfinished names.
    fn write_head(
        &self,
        maintenance: &mut Maintenance,
        exemplars: BTreeMap<Labels, OfSeries>,
    ) -> Result<(Vec<Written>, Vec<Taken>, FlushReport), WriteError> {
        self.order_fresh(maintenance);
        let flush = maintenance.next_flush;
        let identity = Identity {
            flushes: (flush, flush),
            ..Identity::default()
        };
        let order = &maintenance.order;
        let mut beside = Beside::place(&self.head.index(), order, exemplars);
        let mut writers = Writers::new(self, identity, order.len(), &mut maintenance.next_file);
        let (mut report, mut taken) = (FlushReport::default(), Vec::new());
        match self.write_series(order, &mut beside, &mut writers, &mut report, &mut taken) {
            Ok(()) => Ok((writers.finish()?, taken, report)),
            Err(e) => {
                writers.discard();
                Err(e)
            }
        }
    }

    fn write_series(
        &self,
        order: &[u32],
        beside: &mut Beside,
        writers: &mut Writers<'_>,
        report: &mut FlushReport,
        taken: &mut Vec<Taken>,
    ) -> Result<(), WriteError> {
        let mut run = SeriesRun::default();
        let none = SeriesRun::default();
        for (at, &slot) in order.iter().enumerate() {
            while let Some((labels, exemplars)) = beside.before(at) {
                report.exemplars += exemplars.len() as u64;
                writers.add(Series::Labels(&labels), &none, &exemplars)?;
            }
            let exemplars = beside.of(at);
            run.clear();
            let (shard, local) = Head::place(slot);
            let count = self.head.shard(shard).unflushed(local, &mut run);
            if !run.is_empty() {
                taken.push(Taken { slot, count });
                report.series += 1;
                report.samples += run.len() as u64;
            } else if exemplars.is_empty() {
                continue;
            }
            report.exemplars += exemplars.len() as u64;
            writers.add(Series::Slot(slot), &run, &exemplars)?;
        }
        while let Some((labels, exemplars)) = beside.before(order.len()) {
            report.exemplars += exemplars.len() as u64;
            writers.add(Series::Labels(&labels), &none, &exemplars)?;
        }
        Ok(())
    }

    /// Puts the series made since the last flush into their places in the order.
    fn order_fresh(&self, maintenance: &mut Maintenance) {
        let mut fresh = self.head.index_mut().take_fresh();
        if fresh.is_empty() {
            return;
        }
        let index = self.head.index();
        let compare = |a: &u32, b: &u32| compare_series(&index, *a, *b);
        fresh.sort_unstable_by(compare);
        let old = std::mem::take(&mut maintenance.order);
        let order = &mut maintenance.order;
        order.reserve(old.len() + fresh.len());
        let mut rest = old.as_slice();
        for slot in fresh {
            let before = rest.partition_point(|known| compare(known, &slot) == Ordering::Less);
            order.extend_from_slice(&rest[..before]);
            rest = &rest[before..];
            order.push(slot);
        }
        order.extend_from_slice(rest);
    }

    /// Gives the parts their names and serves them. Returns the number of the view that has them.
    fn publish_flushed(
        &self,
        maintenance: &mut Maintenance,
        written: Vec<Written>,
        covered: Option<Coverage>,
        report: &mut FlushReport,
    ) -> Result<u64, WriteError> {
        if written.is_empty() {
            return Ok(self.views.present().number);
        }
        let opened = self.publish_files(&written);
        let opened = opened.inspect_err(|_| self.withdraw_unpublished(maintenance, &written))?;
        let mut parts = self.views.present().parts.clone();
        report.parts = written.len();
        report.bytes = written.iter().map(|part| part.bytes).sum();
        let served = |part| Arc::new(Served::new(Arc::new(part), Vec::new(), covered));
        parts.extend(opened.into_iter().map(served));
        maintenance.next_flush += 1;
        Ok(self.publish(maintenance, parts))
    }

    /// Gives parts their names, durably, and opens them.
    pub(super) fn publish_files(&self, written: &[Written]) -> Result<Vec<Part>, WriteError> {
        let opened = written.iter().map(|part| self.publish_file(part)).collect();
        self.disk
            .sync_dir(&self.dir)
            .map_err(|e| WriteError::io(&self.dir, e))?;
        opened
    }

    fn publish_file(&self, written: &Written) -> Result<Part, WriteError> {
        let path = part_path(&self.dir, written.meta.identity.file);
        let unfinished = path.with_extension(UNFINISHED);
        self.disk
            .rename(&unfinished, &path)
            .map_err(|e| WriteError::io(&path, e))?;
        Ok(Part::open(&*self.disk, &path, self.cache.clone())?)
    }

    /// Removes the unfinished file of a part. What cannot be removed now is removed when the store
    /// is opened.
    fn remove_unfinished(&self, written: &Written) {
        let path = part_path(&self.dir, written.meta.identity.file);
        let _ = self.disk.remove(&path.with_extension(UNFINISHED));
    }

    /// Removes the files of parts that could not be published, under either name. What they have
    /// is elsewhere; what cannot be removed now is removed by the next maintenance.
    pub(super) fn withdraw_unpublished(&self, maintenance: &mut Maintenance, parts: &[Written]) {
        parts.iter().for_each(|part| self.remove_unfinished(part));
        let numbers: Vec<u64> = parts.iter().map(|part| part.meta.identity.file).collect();
        let _ = self.remove_files(maintenance, &numbers);
    }

    /// Serves other parts from now on, and remembers the view that readers may still hold.
    pub(super) fn publish(&self, maintenance: &mut Maintenance, parts: Vec<Arc<Served>>) -> u64 {
        let (number, before) = self.views.publish(parts);
        maintenance.old_views.retain(|view| view.strong_count() > 0);
        maintenance.old_views.push(before);
        number
    }

    fn note_flushed(&self, taken: &[Taken], second: u32, view: u64) {
        for Taken { slot, count } in taken {
            let (shard, local) = Head::place(*slot);
            self.head.shard(shard).flushed(local, *count, second);
        }
        self.head
            .shards()
            .for_each(|mut shard| shard.end_flush(view));
    }
}

/// Compares series by metric name, then by label sets.
fn compare_series(index: &Index, a: u32, b: u32) -> Ordering {
    let metric = |slot: u32| {
        let found = index
            .pairs_of(slot)
            .find(|pair| index.pairs.name(*pair) == METRIC_NAME);
        found.map(|pair| (pair, &*index.pairs.get(pair).value))
    };
    let (metric_a, metric_b) = (metric(a), metric(b));
    if metric_a.map(|(pair, _)| pair) != metric_b.map(|(pair, _)| pair) {
        return metric_a
            .map(|(_, value)| value)
            .cmp(&metric_b.map(|(_, value)| value));
    }
    let mut pairs_a = index.pairs_of(a);
    let mut pairs_b = index.pairs_of(b);
    loop {
        match (pairs_a.next(), pairs_b.next()) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                let key = |pair| (index.pairs.name(pair), &*index.pairs.get(pair).value);
                return key(a).cmp(&key(b));
            }
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}
