//! Roll-ups of selected series: from the parts where they have them, else from the samples.
//!
//! In: a series, a resolution, a stretch of whole buckets. Out: the buckets that have samples. A
//! day comes from a part's roll-ups where that part alone has the series on that day, whole; every
//! other day is read and rolled up. So the answer is that of the samples. Bound: the samples of
//! one day, the buckets of the stretch.

use super::Selection;
use crate::config::DAY_MILLIS;
use crate::error::ReadError;
use crate::part::day_of;
use crate::part::rollup::{ROLLUP_RESOLUTIONS, Rollup, RollupBuilder};

impl Selection {
    /// Returns the lengths of the buckets in which [`Selection::rollups`] answers, milliseconds.
    pub fn rollup_resolutions(&self) -> &'static [i64] {
        if self.db.config.rollups {
            &ROLLUP_RESOLUTIONS
        } else {
            &[]
        }
    }

    /// Returns what a series comes to in the buckets after `start`, until `end` included, both
    /// multiples of `resolution`, one of [`Selection::rollup_resolutions`]; empty buckets are left
    /// out. Returns nothing if the series has histograms there, or if the stretch
    /// is not one of whole buckets within the selection's range.
    ///
    /// Least, greatest, first and last values and counts are those of the samples, staleness
    /// markers left out, bit by bit; also a sum where it is given, in whatever order it is taken,
    /// and where they lie, if that is given.
    pub fn rollups(
        &self,
        at: usize,
        resolution: i64,
        start: i64,
        end: i64,
    ) -> Result<Option<Vec<Rollup>>, ReadError> {
        let is_known = self.rollup_resolutions().contains(&resolution);
        let is_whole = is_known && start % resolution == 0 && end % resolution == 0;
        if !is_whole || start < self.start.saturating_sub(1) || end > self.end {
            return Ok(None);
        }
        let mut builder = RollupBuilder::default();
        let mut from = start.saturating_add(1);
        while from <= end {
            let last = day_of(from).saturating_add(1).saturating_mul(DAY_MILLIS) - 1;
            let stretch = (from, last.min(end));
            match self.stored_rollups(at, resolution, stretch)? {
                Some(buckets) => buckets
                    .into_iter()
                    .filter(|bucket| bucket.end > start && bucket.end <= end)
                    .for_each(|bucket| builder.push(bucket)),
                None => {
                    let run = self.run(at, stretch)?;
                    if !run.histograms.is_empty() {
                        return Ok(None);
                    }
                    builder.add(resolution, &run);
                }
            }
            from = stretch.1.saturating_add(1);
        }
        Ok(Some(builder.finish()))
    }

    /// Returns the buckets that a part has of a stretch of one day, if it alone has the series
    /// there, all of it may be read, and it has roll-ups.
    fn stored_rollups(
        &self,
        at: usize,
        resolution: i64,
        (from, until): (i64, i64),
    ) -> Result<Option<Vec<Rollup>>, ReadError> {
        let mut only = None;
        for (ordinal, asked) in self.parts.iter().enumerate() {
            let part = &self.served(ordinal).part;
            if !part.overlaps(from, until) {
                continue;
            }
            if let Some(series) = asked.placement.find(at as u32)
                && only.replace((ordinal, series)).is_some()
            {
                return Ok(None);
            }
        }
        let Some((ordinal, series)) = only else {
            return Ok(None);
        };
        let served = self.served(ordinal);
        let is_cut = served.has_cut(series) || !self.earliest.is_empty();
        if is_cut || self.head_has(at, from, until) {
            return Ok(None);
        }
        let part = &served.part;
        Ok(self.with_reader(|reader| part.rollups(series, resolution, reader.recent(ordinal)))?)
    }

    /// Tells whether the head has samples of a series in a stretch.
    fn head_has(&self, at: usize, from: i64, until: i64) -> bool {
        self.with_reader(|reader| {
            self.fill_layers(at, (from, until), reader);
            !reader.layers.in_order.is_empty() || !reader.layers.side.is_empty()
        })
    }
}
