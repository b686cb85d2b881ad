//! The lowest or highest sample of each window, by a queue of candidates.

use std::collections::VecDeque;

use crate::error::QueryError;
use crate::eval::samples::Points;

use super::{Cost, Slide};

/// Keeps the samples that may still become the extreme of a window, the best one in front.
///
/// With a comparison that also holds for equal values the last of them counts, else the first.
pub(super) fn slide(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    wants_time: bool,
    is_better: fn(f64, f64) -> bool,
) -> Result<(), QueryError> {
    let values = &floats.values;
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut taken = 0;
    // The one in the queue gives way when the new one is at least as good; of equal ones the last
    // or the first may stay, since they are the same but for their times.
    let gives_way = |known: f64, new: f64| match (known.is_nan(), new.is_nan()) {
        (true, is_nan) => !is_nan || wants_time,
        (false, true) => false,
        (false, false) => is_better(new, known) || !wants_time && new == known,
    };
    slide.each(floats, Cost::Fixed, |_, window| {
        for at in taken.max(window.start)..window.end {
            while candidates
                .back()
                .is_some_and(|known| gives_way(values[*known], values[at]))
            {
                candidates.pop_back();
            }
            candidates.push_back(at);
        }
        taken = taken.max(window.end);
        while candidates.front().is_some_and(|at| *at < window.start) {
            candidates.pop_front();
        }
        candidates.front().map(|best| match wants_time {
            true => floats.times[*best] as f64 / 1000.0,
            false => values[*best],
        })
    })
}
