//! What the windows of a series of histograms ask again and again, found out once for all windows.

use std::ops::Range;
use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::histogram::{is_custom, is_reset};

/// Counter resets and kinds of the histograms of a series.
pub(super) struct Resets {
    /// The places of those that were reset since the one before.
    places: Vec<usize>,
    /// How many gauges, and how many with custom bounds, there are before each place.
    gauges: Vec<u32>,
    customs: Vec<u32>,
}

impl Resets {
    pub(super) fn of(values: &[Arc<FloatHistogram>]) -> Resets {
        let counted = |holds: fn(&FloatHistogram) -> bool| {
            let mut before = Vec::with_capacity(values.len() + 1);
            let mut count = 0;
            before.push(count);
            before.extend(values.iter().map(|value| {
                count += u32::from(holds(value));
                count
            }));
            before
        };
        let falls = |at: &usize| is_reset(&values[*at], &values[*at - 1]);
        Resets {
            places: (1..values.len()).filter(falls).collect(),
            gauges: counted(|value| value.reset_hint == ResetHint::Gauge),
            customs: counted(is_custom),
        }
    }

    /// Returns the places of resets among some histograms.
    pub(super) fn among(&self, places: Range<usize>) -> &[usize] {
        let place = |end: usize| self.places.partition_point(|at| *at < end);
        let (from, to) = (place(places.start), place(places.end));
        &self.places[from..to.max(from)]
    }

    /// Tells whether any of some histograms is a gauge.
    pub(super) fn any_gauge(&self, places: &Range<usize>) -> bool {
        self.gauges[places.end] > self.gauges[places.start]
    }

    /// Returns how many of some histograms have custom bounds.
    pub(super) fn customs(&self, places: &Range<usize>) -> usize {
        (self.customs[places.end] - self.customs[places.start]) as usize
    }
}
