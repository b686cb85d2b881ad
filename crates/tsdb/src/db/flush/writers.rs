//! The parts of one flush, one for each day.
//!
//! In: series in order, with what is to be written of each. Out: durable parts under unfinished
//! names. Bound: one part writer for each day that samples and exemplars lie in.

use std::collections::BTreeMap;

use weft_model::{Exemplar, Labels};

use super::Inner;
use crate::db::part_path;
use crate::error::WriteError;
use crate::part::frame::Packing;
use crate::part::{Identity, PartWriter, Written, by_day, day_of, only_day};
use crate::run::SeriesRun;

/// A series that is to be written.
#[derive(Clone, Copy)]
pub(super) enum Series<'a> {
    /// One that the head has.
    Slot(u32),
    /// One that it does not have any more.
    Labels(&'a Labels),
}

/// The parts of one flush, by day.
pub(super) struct Writers<'a> {
    inner: &'a Inner,
    identity: Identity,
    next_file: &'a mut u64,
    days: BTreeMap<i64, (PartWriter<'a>, Translation)>,
    /// The pairs of the series that is being written.
    pairs: Vec<u32>,
    /// How many series there are in all.
    series: usize,
}

/// Pair ids of the head as ids of a part's dictionary; [`u32::MAX`] where not known yet.
type Translation = Vec<u32>;

impl<'a> Writers<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        identity: Identity,
        series: usize,
        next_file: &'a mut u64,
    ) -> Writers<'a> {
        Writers {
            inner,
            identity,
            next_file,
            days: BTreeMap::new(),
            pairs: Vec::new(),
            series,
        }
    }

    /// Adds a series with samples, exemplars, or both.
    pub(super) fn add(
        &mut self,
        series: Series<'_>,
        run: &SeriesRun,
        exemplars: &[Exemplar],
    ) -> Result<(), WriteError> {
        if exemplars.is_empty()
            && let Some(day) = only_day(run)
        {
            return self.add_to(day, series, run, &[]);
        }
        let mut days: BTreeMap<i64, (SeriesRun, Vec<Exemplar>)> = BTreeMap::new();
        for (day, run) in by_day(run) {
            days.entry(day).or_default().0 = run;
        }
        for exemplar in exemplars {
            let of_day = days.entry(day_of(exemplar.time.0)).or_default();
            of_day.1.push(exemplar.clone());
        }
        days.iter()
            .try_for_each(|(day, (run, exemplars))| self.add_to(*day, series, run, exemplars))
    }

    fn add_to(
        &mut self,
        day: i64,
        series: Series<'_>,
        run: &SeriesRun,
        exemplars: &[Exemplar],
    ) -> Result<(), WriteError> {
        if !self.days.contains_key(&day) {
            let writer = self.open(day)?;
            self.days.insert(day, (writer, Translation::new()));
        }
        let (writer, translation) = self.days.get_mut(&day).expect("it was just opened");
        self.pairs.clear();
        match series {
            Series::Slot(slot) => {
                let index = self.inner.head.index();
                translation.resize(index.pairs.ids().max(translation.len()), u32::MAX);
                for pair in index.pairs_of(slot) {
                    let id = &mut translation[pair as usize];
                    if *id == u32::MAX {
                        let value = &index.pairs.get(pair).value;
                        *id = writer.dictionary.intern(index.pairs.name(pair), value);
                    }
                    self.pairs.push(*id);
                }
            }
            Series::Labels(labels) => {
                let intern = |(name, value)| writer.dictionary.intern(name, value);
                self.pairs.extend(labels.iter().map(intern));
            }
        }
        writer.begin(self.pairs.iter().copied())?;
        writer.add(run)?;
        writer.add_exemplars(exemplars)
    }

    fn open(&mut self, day: i64) -> Result<PartWriter<'a>, WriteError> {
        let identity = Identity {
            file: *self.next_file,
            day,
            ..self.identity.clone()
        };
        *self.next_file += 1;
        let path = part_path(&self.inner.dir, identity.file);
        let mut writer = PartWriter::create(&*self.inner.disk, &path, identity, Packing::Plain)?;
        // Nearly all series are in the first day met, and few in the days of late samples.
        if self.days.is_empty() {
            writer.reserve(self.series);
        }
        Ok(writer)
    }

    pub(super) fn finish(self) -> Result<Vec<Written>, WriteError> {
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

    pub(super) fn discard(self) {
        self.days
            .into_values()
            .for_each(|(writer, _)| writer.discard());
    }
}
