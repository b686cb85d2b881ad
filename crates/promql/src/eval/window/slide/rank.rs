//! Quantiles of windows: samples are ranked once for all windows, and a tree over the ranks tells
//! which of them are in the window.

use std::ops::Range;

use crate::error::QueryError;
use crate::eval::samples::Points;
use crate::eval::window::over_time::{below, interpolated, is_quantile};

use super::{Cost, Slide};

pub(super) fn quantiles(slide: &mut Slide<'_, '_>, floats: &Points<f64>) -> Result<(), QueryError> {
    let q = slide.call.params.first().map_or(&[][..], Vec::as_slice);
    let notes = slide.notes;
    let mut ranked = Ranked::new(&floats.values);
    slide.each(floats, Cost::Fixed, |step, window| {
        ranked.slide(&window);
        let q = q.get(step).copied().unwrap_or(f64::NAN);
        if !is_quantile(q) {
            notes.notes().invalid_quantile(notes.at(), q);
        }
        Some(interpolated(q, window.len(), |at| ranked.nth(at)))
    })
}

/// Fills in median absolute deviations, unless there are numbers that cannot be told apart.
pub(super) fn deviations(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
) -> Result<bool, QueryError> {
    if !floats.values.iter().all(|value| value.is_finite()) {
        return Ok(false);
    }
    let mut ranked = Ranked::new(&floats.values);
    slide.each(floats, Cost::Fixed, |_, window| {
        ranked.slide(&window);
        let len = window.len();
        let median = interpolated(0.5, len, |at| ranked.nth(at));
        Some(interpolated(0.5, len, |at| {
            ranked.nth_deviation(at, median, len)
        }))
    })?;
    Ok(true)
}

/// The samples of a window, in order of their values.
struct Ranked {
    /// The values of all samples, ascending; NaN counts as the lowest value.
    sorted: Vec<f64>,
    /// The rank of each sample, all different.
    ranks: Vec<u32>,
    /// A Fenwick tree: how many samples of which ranks are in the window.
    tree: Vec<u32>,
    window: Range<usize>,
}

impl Ranked {
    fn new(values: &[f64]) -> Ranked {
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        let value = |at: &u32| &values[*at as usize];
        order.sort_unstable_by(|a, b| below(value(a), value(b)).then(a.cmp(b)));
        let mut ranks = vec![0; values.len()];
        for (rank, at) in order.iter().enumerate() {
            ranks[*at as usize] = rank as u32;
        }
        Ranked {
            sorted: order.iter().map(value).copied().collect(),
            ranks,
            tree: vec![0; values.len() + 1],
            window: 0..0,
        }
    }

    /// Moves the window forward.
    fn slide(&mut self, to: &Range<usize>) {
        for at in self.window.end..to.end {
            self.change(at, 1);
        }
        for at in self.window.start..to.start {
            self.change(at, u32::MAX);
        }
        self.window = to.clone();
    }

    /// Adds to the count of a sample's rank; the highest number takes one away.
    fn change(&mut self, at: usize, by: u32) {
        let mut node = self.ranks[at] as usize + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count = count.wrapping_add(by);
            node += node & node.wrapping_neg();
        }
    }

    /// Returns the value before which there are `nth` others in the window.
    fn nth(&self, nth: usize) -> f64 {
        let (mut node, mut left) = (0, nth as u32);
        let mut bit = self.tree.len().next_power_of_two();
        while bit > 0 {
            if let Some(count) = self.tree.get(node + bit)
                && *count <= left
            {
                node += bit;
                left -= count;
            }
            bit /= 2;
        }
        self.sorted.get(node).copied().unwrap_or(f64::NAN)
    }

    /// Returns how many samples of the window are at most this.
    fn count_up_to(&self, value: f64) -> usize {
        let mut node = self.sorted.partition_point(|known| *known <= value);
        let mut count = 0;
        while node > 0 {
            count += self.tree[node] as usize;
            node &= node - 1;
        }
        count
    }

    /// Returns the distance from `middle` before which there are `nth` lower ones in the window.
    /// Distances ascend on either side of the middle, so that a search for how many of the lowest
    /// lie on the left finds it.
    fn nth_deviation(&self, nth: usize, middle: f64, len: usize) -> f64 {
        let lower = self.count_up_to(middle);
        let distance = |at: usize| (self.nth(at) - middle).abs();
        let left = |at: usize| distance(lower - 1 - at);
        let right = |at: usize| distance(lower + at);
        let wanted = nth + 1;
        let (mut low, mut high) = (wanted.saturating_sub(len - lower), wanted.min(lower));
        while low < high {
            let from_left = low.midpoint(high);
            let from_right = wanted - from_left;
            if from_right == 0 || left(from_left) >= right(from_right - 1) {
                high = from_left;
            } else {
                low = from_left + 1;
            }
        }
        let from_right = wanted - low;
        let sides = [
            low.checked_sub(1).map(left),
            from_right.checked_sub(1).map(right),
        ];
        sides.into_iter().flatten().fold(0.0, f64::max)
    }
}
