//! Flush: what the head has and no part has becomes parts, one for each day.
//!
//! In: the head. Out: durable parts; on an error nothing changed. The series are written in the
//! order of metric names, then label sets; the order is kept from flush to flush, so that only new
//! series are sorted. Bound: one part writer for each day that the samples lie in.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::{METRIC_NAME, Millis};

use super::maintain::Maintenance;
use super::open::part_path;
use super::{Inner, Tsdb};
use crate::error::WriteError;
use crate::head::Head;
use crate::head::block::second_of;
use crate::head::index::Index;
use crate::part::frame::Packing;
use crate::part::output::UNFINISHED;
use crate::part::{Identity, Part, PartWriter, Written, by_day, only_day};
use crate::run::SeriesRun;
use crate::status::FlushReport;
use crate::view::{Coverage, Marks, Served};

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

/// The parts of one flush, by day.
struct Writers<'a> {
    inner: &'a Inner,
    identity: Identity,
    days: BTreeMap<i64, (PartWriter<'a>, Translation)>,
    /// The pairs of the series that is being written.
    pairs: Vec<u32>,
    /// How many series there are in all.
    series: usize,
}

/// Pair ids of the head as ids of a part's dictionary; [`u32::MAX`] where not known yet.
type Translation = Vec<u32>;

impl Inner {
    pub(super) fn flush(&self, maintenance: &mut Maintenance) -> Result<FlushReport, WriteError> {
        self.reclaim(maintenance);
        self.write_side_files()?;
        let marks: Marks = {
            let mut marks = self.head.shards().map(|mut shard| shard.begin_flush());
            std::array::from_fn(|_| marks.next().expect("there are as many marks as shards"))
        };
        let only_in_order = !self.head.shards().any(|shard| shard.flushes_side());
        let written = self.write_head(maintenance);
        let result = written.and_then(|(parts, taken, mut report)| {
            let second = second_of(self.admission().now);
            let covered = only_in_order.then_some(Coverage {
                from: marks,
                flushed_at: second,
            });
            let view = self.publish_flushed(maintenance, parts, covered, &mut report)?;
            self.note_flushed(&taken, second, view);
            Ok(report)
        });
        if result.is_err() {
            self.head.shards().for_each(|mut shard| shard.abort_flush());
        }
        result
    }

    /// Writes what is in no part, under unfinished names.
    fn write_head(
        &self,
        maintenance: &mut Maintenance,
    ) -> Result<(Vec<Written>, Vec<Taken>, FlushReport), WriteError> {
        self.order_fresh(maintenance);
        let flush = maintenance.next_flush;
        let identity = Identity {
            flushes: (flush, flush),
            ..Identity::default()
        };
        let mut writers = Writers {
            inner: self,
            identity,
            days: BTreeMap::new(),
            pairs: Vec::new(),
            series: maintenance.order.len(),
        };
        let mut report = FlushReport::default();
        let mut taken = Vec::new();
        let mut run = SeriesRun::default();
        for &slot in &maintenance.order {
            run.clear();
            let (shard, local) = Head::place(slot);
            let count = self.head.shard(shard).unflushed(local, &mut run);
            if run.is_empty() {
                continue;
            }
            taken.push(Taken { slot, count });
            report.series += 1;
            report.samples += run.len() as u64;
            let written = writers.add(slot, &run, &mut maintenance.next_file);
            if let Err(e) = written {
                writers.discard();
                return Err(e);
            }
        }
        Ok((writers.finish()?, taken, report))
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

impl<'a> Writers<'a> {
    fn add(&mut self, slot: u32, run: &SeriesRun, next_file: &mut u64) -> Result<(), WriteError> {
        if let Some(day) = only_day(run) {
            return self.add_to(day, slot, run, next_file);
        }
        by_day(run)
            .iter()
            .try_for_each(|(day, run)| self.add_to(*day, slot, run, next_file))
    }

    fn add_to(
        &mut self,
        day: i64,
        slot: u32,
        run: &SeriesRun,
        next_file: &mut u64,
    ) -> Result<(), WriteError> {
        if !self.days.contains_key(&day) {
            let writer = self.open(day, *next_file)?;
            *next_file += 1;
            self.days.insert(day, (writer, Translation::new()));
        }
        let (writer, translation) = self.days.get_mut(&day).expect("it was just opened");
        let index = self.inner.head.index();
        translation.resize(index.pairs.ids().max(translation.len()), u32::MAX);
        self.pairs.clear();
        for pair in index.pairs_of(slot) {
            let id = &mut translation[pair as usize];
            if *id == u32::MAX {
                let value = &index.pairs.get(pair).value;
                *id = writer.dictionary.intern(index.pairs.name(pair), value);
            }
            self.pairs.push(*id);
        }
        drop(index);
        writer.begin(self.pairs.iter().copied());
        writer.add(run)
    }

    fn open(&self, day: i64, file: u64) -> Result<PartWriter<'a>, WriteError> {
        let identity = Identity {
            file,
            day,
            ..self.identity.clone()
        };
        let path = part_path(&self.inner.dir, file);
        let mut writer = PartWriter::create(&*self.inner.disk, &path, identity, Packing::Plain)?;
        // Nearly all series are in the first day met, and few in the days of late samples.
        if self.days.is_empty() {
            writer.reserve(self.series);
        }
        Ok(writer)
    }

    fn finish(self) -> Result<Vec<Written>, WriteError> {
        let mut written = Vec::new();
        let mut writers = self.days.into_values().map(|(writer, _)| writer);
        while let Some(writer) = writers.next() {
            match writer.finish() {
                Ok(part) => written.push(part),
                Err(e) => {
                    writers.for_each(PartWriter::discard);
                    written
                        .iter()
                        .for_each(|part| self.inner.remove_unfinished(part));
                    return Err(e);
                }
            }
        }
        Ok(written)
    }

    fn discard(self) {
        self.days
            .into_values()
            .for_each(|(writer, _)| writer.discard());
    }
}
