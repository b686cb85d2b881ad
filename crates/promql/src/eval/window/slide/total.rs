//! Sums and averages of windows.

use std::ops::Range;

use crate::error::QueryError;
use crate::eval::samples::Points;
use crate::kahan::Kahan;

use super::{Cost, Slide};

/// Numbers below this are whole and their sums exact.
const WHOLE_MAX: f64 = (1u64 << 53) as f64;

/// Sums of numbers up to this do not overflow, however many there are.
const LARGE: f64 = 1e290;

pub(super) fn sums(slide: &mut Slide<'_, '_>, floats: &Points<f64>) -> Result<(), QueryError> {
    each_sum(slide, floats, |sum, _| sum.value())
}

/// Fills in averages, unless a sum might overflow and the average has to be found another way.
pub(super) fn means(slide: &mut Slide<'_, '_>, floats: &Points<f64>) -> Result<bool, QueryError> {
    if !floats.values.iter().all(|value| value.abs() < LARGE) {
        return Ok(false);
    }
    each_sum(slide, floats, |sum, count| {
        sum.sum / count + sum.lost / count
    })?;
    Ok(true)
}

fn each_sum(
    slide: &mut Slide<'_, '_>,
    floats: &Points<f64>,
    of: impl Fn(Kahan, f64) -> f64,
) -> Result<(), QueryError> {
    if let Some(sums) = exact_sums(&floats.values) {
        return slide.each(floats, Cost::Fixed, |_, window| {
            let sum = Kahan::new(sums[window.end] - sums[window.start]);
            Some(of(sum, window.len() as f64))
        });
    }
    let mut stacks = Stacks::default();
    slide.each(floats, Cost::Fixed, |_, window| {
        let count = window.len() as f64;
        Some(of(stacks.sum(&floats.values, window), count))
    })
}

/// Returns the sums of the first samples, if they are whole numbers and no rounding can happen.
pub(in crate::eval::window) fn exact_sums(values: &[f64]) -> Option<Vec<f64>> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut sum, mut size) = (0.0, 0.0);
    sums.push(sum);
    for value in values {
        size += value.abs();
        if value.trunc() != *value || size >= WHOLE_MAX {
            return None;
        }
        sum += value;
        sums.push(sum);
    }
    Some(sums)
}

/// A window as two stacks, so that no addend is ever taken back: sums of the older part from each
/// sample to the part's end, and one sum of the newer part.
#[derive(Default)]
struct Stacks {
    older: Vec<Kahan>,
    older_end: usize,
    newer: Kahan,
    newer_end: usize,
}

impl Stacks {
    fn sum(&mut self, values: &[f64], window: Range<usize>) -> Kahan {
        if window.start >= self.older_end {
            // The older part is used up: what is in the window becomes the older part.
            self.older.clear();
            let mut sum = Kahan::default();
            for value in values[window.clone()].iter().rev() {
                sum.add(*value);
                self.older.push(sum);
            }
            self.older_end = window.end;
            self.newer = Kahan::default();
            self.newer_end = window.end;
        }
        for value in &values[self.newer_end..window.end.max(self.newer_end)] {
            self.newer.add(*value);
        }
        self.newer_end = self.newer_end.max(window.end);
        let mut sum = match self.older_end.checked_sub(window.start + 1) {
            Some(depth) => self.older[depth],
            None => Kahan::default(),
        };
        sum.merge(self.newer);
        sum
    }
}
