//! About how many samples a selection has, known before they are read.
//!
//! In: the selection. Out: what its parts say of themselves, by their share of series and time,
//! and what a few series have in the head. Bound: [`LOOKED_AT`] series are looked at.

use super::{Asked, Selection};
use crate::view::Served;

/// Of how many series the samples in the head are counted.
const LOOKED_AT: usize = 4;

impl Selection {
    /// Returns about how many samples the series have in the range, all together.
    pub fn samples_hint(&self) -> u64 {
        let of_part = |(ordinal, asked): (usize, &Asked)| {
            self.samples_of_part(self.served(ordinal), asked.placement.len())
        };
        let in_parts: f64 = self.parts.iter().enumerate().map(of_part).sum();
        (in_parts + self.samples_of_head()) as u64
    }

    /// Returns about how many samples a part has of so many series in the range.
    fn samples_of_part(&self, served: &Served, series: usize) -> f64 {
        let meta = &served.part.meta;
        let (first, last) = (meta.sketch.min_time, meta.sketch.max_time);
        let length = |from: i64, to: i64| to as f64 - from as f64 + 1.0;
        let within = length(first.max(self.start), last.min(self.end)) / length(first, last);
        let share = series as f64 / f64::from(meta.series.max(1));
        meta.sketch.samples as f64 * within.clamp(0.0, 1.0) * share
    }

    /// Returns about how many samples the head has in the range: series that lie far apart stand
    /// for those between them.
    fn samples_of_head(&self) -> f64 {
        let Some(distance) = self.slots.len().checked_sub(1) else {
            return 0.0;
        };
        let looked_at = LOOKED_AT.min(self.slots.len());
        let at = |number: usize| number * distance / LOOKED_AT.saturating_sub(1).max(1);
        let samples = (0..looked_at).map(|number| self.samples_of_slot(at(number)));
        let each = samples.sum::<usize>() as f64 / looked_at as f64;
        each * self.slots.len() as f64
    }

    fn samples_of_slot(&self, at: usize) -> usize {
        self.with_reader(|reader| {
            self.fill_layers(at, (self.start, self.end), reader);
            reader.layers.in_order.len() + reader.layers.side.len()
        })
    }
}
