//! The samples of a selected series: what head and parts have, laid over each other.
//!
//! In: the place of a series. Out: its samples in the selection's range, ascending by time.

use weft_model::FloatHistogram;

use super::readers::Reader;
use super::{Asked, Beside, Selection};
use crate::error::{PartError, ReadError};
use crate::head::Head;
use crate::part::Recent;
use crate::run::SeriesRun;
use crate::view::Served;

impl Selection {
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
        Ok(self.run(at, (self.start, self.end))?.histograms)
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
        let stretch = (self.start, self.end);
        if !times.is_empty() || !values.is_empty() {
            let run = self.run(at, stretch)?;
            times.extend_from_slice(&run.floats.times);
            values.extend_from_slice(&run.floats.values);
            return Ok(run.into());
        }
        // What is empty is read into at once, so that nothing is copied.
        let mut run = SeriesRun::default();
        std::mem::swap(&mut run.floats.times, times);
        std::mem::swap(&mut run.floats.values, values);
        let read = self.read_into(at, stretch, &mut run);
        if read.is_err() {
            run.floats.clear();
        }
        std::mem::swap(&mut run.floats.times, times);
        std::mem::swap(&mut run.floats.values, values);
        read.map(|()| run.into())
    }

    /// Returns what a series has in a stretch of time.
    pub(super) fn run(&self, at: usize, stretch: (i64, i64)) -> Result<SeriesRun, ReadError> {
        let mut run = SeriesRun::default();
        self.read_into(at, stretch, &mut run)?;
        Ok(run)
    }

    /// Fills an empty run with what a series has in a stretch of time.
    fn read_into(
        &self,
        at: usize,
        (start, end): (i64, i64),
        run: &mut SeriesRun,
    ) -> Result<(), ReadError> {
        let earliest = self.earliest.get(at).copied();
        let stretch = (earliest.map_or(start, |earliest| start.max(earliest)), end);
        self.with_reader(|reader| self.lay_together(at, stretch, reader, run))
    }

    pub(super) fn with_reader<R>(&self, each: impl FnOnce(&mut Reader) -> R) -> R {
        self.readers.with(each)
    }

    /// Lays over each other: what the head has flushed, the parts, what it has not flushed, its
    /// side. What is flushed is in the parts too, which know of what was written over it.
    fn lay_together(
        &self,
        at: usize,
        stretch: (i64, i64),
        reader: &mut Reader,
        run: &mut SeriesRun,
    ) -> Result<(), ReadError> {
        let place = |asked: &Asked| asked.placement.find(at as u32);
        if !self.parts.iter().any(|asked| place(asked).is_some()) {
            std::mem::swap(&mut reader.layers.in_order, run);
            self.fill_layers(at, stretch, reader);
            std::mem::swap(&mut reader.layers.in_order, run);
        } else {
            self.fill_layers(at, stretch, reader);
            for (ordinal, asked) in self.parts.iter().enumerate() {
                if let Some(series) = place(asked) {
                    let served = self.served(ordinal);
                    overlay_served(served, series, stretch, run, reader.recent(ordinal))?;
                }
            }
            let layers = &mut reader.layers;
            run.lay_within(&mut layers.in_order, layers.unflushed);
        }
        run.overlay(std::mem::take(&mut reader.layers.side));
        Ok(())
    }

    /// Fills the reader's layers with what the head has of a series.
    pub(super) fn fill_layers(&self, at: usize, stretch: (i64, i64), reader: &mut Reader) {
        let Reader { chunks, layers, .. } = reader;
        layers.clear();
        if let Some(slot) = self.slot(at) {
            let (shard, local) = Head::place(slot);
            let head = self.db.head.shard(shard);
            head.layers((shard, local), stretch, chunks, layers);
        }
    }
}

impl From<SeriesRun> for Beside {
    fn from(run: SeriesRun) -> Beside {
        Beside {
            histograms: run.histograms,
            starts: run.starts,
        }
    }
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
