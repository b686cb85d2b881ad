//! The newest sample of a series, decoding as little as possible.
//!
//! In: a series, the latest and the earliest time. Out: its newest sample between them, from the
//! open samples of the head or from one block of a part; where both have some, or something is
//! deleted, all samples in between are read.

use weft_model::Millis;

use super::Selection;
use crate::error::ReadError;
use crate::head::Head;
use crate::head::shard;
use crate::part::Newest;
use crate::run::SeriesRun;

impl Selection {
    /// Returns the newest sample of a series that is not after one time nor before another, within
    /// the selection's range. A histogram counts over a float of its time.
    pub fn newest(
        &self,
        at: usize,
        at_or_before: Millis,
        not_before: Millis,
    ) -> Result<Newest, ReadError> {
        let from = not_before.0.max(self.start);
        let from = self
            .earliest
            .get(at)
            .map_or(from, |earliest| from.max(*earliest));
        let until = at_or_before.0.min(self.end);
        let in_parts = || {
            self.parts
                .iter()
                .any(|asked| asked.placement.find(at as u32).is_some())
        };
        match self.slot(at) {
            None => {
                if let Some(newest) = self.newest_in_parts(at, from, until)? {
                    return Ok(newest);
                }
            }
            Some(slot) if !in_parts() => {
                let (shard, local) = Head::place(slot);
                match self.db.head.shard(shard).newest(local, from, until) {
                    shard::Newest::None => return Ok(Newest::None),
                    shard::Newest::Sample(time, value) => return Ok(Newest::Float(time, value)),
                    shard::Newest::Ask => {}
                }
            }
            Some(_) => {}
        }
        let run = self.run(at, (from, until))?;
        let SeriesRun {
            floats, histograms, ..
        } = &run;
        let float = floats.times.last().zip(floats.values.last());
        let histogram = histograms.last().map(|(time, _)| *time);
        Ok(match (float, histogram) {
            (Some((time, value)), histogram) if histogram < Some(*time) => {
                match run.start_at(*time) {
                    0 => Newest::Float(*time, *value),
                    _ => Newest::Started(*time, *value),
                }
            }
            (_, Some(time)) => Newest::Histogram(time),
            (_, None) => Newest::None,
        })
    }

    /// Returns the newest sample that any part has, asking those with later times first; nothing
    /// if something of the series is deleted.
    fn newest_in_parts(
        &self,
        at: usize,
        from: i64,
        until: i64,
    ) -> Result<Option<Newest>, ReadError> {
        let mut newest = (Newest::None, 0);
        for &ordinal in &self.latest_first {
            let served = self.served(ordinal);
            let known = newest.0.time().unwrap_or(from);
            if served.part.meta.sketch.max_time < known {
                break;
            }
            let Some(series) = self.parts[ordinal].placement.find(at as u32) else {
                continue;
            };
            if served.has_cut(series) {
                return Ok(None);
            }
            let found = self.with_reader(|reader| {
                let used = reader.recent(ordinal);
                served.part.newest(series, known, until, used)
            })?;
            newest = newer(newest, (found, ordinal));
        }
        Ok(Some(newest.0))
    }
}

/// Returns the newer of two samples, each with the place of its part in the order of writing.
fn newer(a: (Newest, usize), b: (Newest, usize)) -> (Newest, usize) {
    let is_histogram = |newest: Newest| matches!(newest, Newest::Histogram(_));
    let key = |(newest, ordinal): (Newest, usize)| (newest.time(), is_histogram(newest), ordinal);
    if key(a) < key(b) { b } else { a }
}
