//! The samples of a selected series: what head and parts have, laid over each other.
//!
//! In: the place of a series. Out: its samples in the selection's range, ascending by time.

use weft_model::FloatHistogram;

use super::readers::Reader;
use super::{Beside, Selection};
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
        let mut run = SeriesRun::default();
        // What is empty is read into at once, so that nothing is copied.
        let direct = times.is_empty() && values.is_empty();
        if direct {
            std::mem::swap(&mut run.floats.times, times);
            std::mem::swap(&mut run.floats.values, values);
        }
        let read = self.read_into(at, (self.start, self.end), &mut run);
        let SeriesRun {
            mut floats,
            histograms,
            starts,
        } = run;
        if direct {
            std::mem::swap(&mut floats.times, times);
            std::mem::swap(&mut floats.values, values);
        }
        if let Err(fault) = read {
            if direct {
                times.clear();
                values.clear();
            }
            return Err(fault);
        }
        if !direct {
            times.extend_from_slice(&floats.times);
            values.extend_from_slice(&floats.values);
        }
        Ok(Beside { histograms, starts })
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
        let mut places = self
            .parts
            .iter()
            .map(|asked| asked.placement.find(at as u32));
        let in_parts = places.any(|place| place.is_some());
        reader.layers.clear();
        if let Some(slot) = self.slot(at) {
            let (shard, local) = Head::place(slot);
            let Reader { chunks, layers, .. } = reader;
            if !in_parts {
                std::mem::swap(&mut layers.in_order, run);
            }
            let head = self.db.head.shard(shard);
            head.layers((shard, local), stretch, chunks, layers);
            drop(head);
            if !in_parts {
                std::mem::swap(&mut layers.in_order, run);
            }
        }
        if in_parts {
            for (ordinal, asked) in self.parts.iter().enumerate() {
                if let Some(series) = asked.placement.find(at as u32) {
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
