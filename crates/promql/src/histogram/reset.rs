//! Counter resets between two histograms, and equality.

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use super::arithmetic::{common_bounds, reduce, remap, widen};
use super::bucket::{bound, indexed};
use super::is_custom;

/// Tells whether a counter was reset between `previous` and `current`.
pub(crate) fn is_reset(current: &FloatHistogram, previous: &FloatHistogram) -> bool {
    match current.reset_hint {
        ResetHint::Reset => return true,
        ResetHint::NotReset => return false,
        ResetHint::Unknown | ResetHint::Gauge => {}
    }
    if current.count < previous.count || is_custom(current) != is_custom(previous) {
        return true;
    }
    if is_custom(current) {
        return is_custom_reset(current, previous);
    }
    if current.schema > previous.schema || current.zero_threshold < previous.zero_threshold {
        return true;
    }
    let threshold = current.zero_threshold;
    let mut before = Lists::of(previous);
    let (zero_count, widened) = widen(
        (&before.positive, &before.negative),
        previous.schema,
        previous.zero_count,
        threshold,
    );
    if widened != threshold || current.zero_count < zero_count {
        return true;
    }
    let above = |(index, _): &(i32, f64)| bound(*index, previous.schema) > threshold;
    before.positive.retain(above);
    before.negative.retain(above);
    for list in [&mut before.positive, &mut before.negative] {
        reduce(list, previous.schema, current.schema, |a, b| *a += b);
    }
    let now = Lists::of(current);
    shrinks(&now.positive, &before.positive) || shrinks(&now.negative, &before.negative)
}

fn is_custom_reset(current: &FloatHistogram, previous: &FloatHistogram) -> bool {
    let (mut now, mut before) = (Lists::of(current), Lists::of(previous));
    if current.custom_bounds != previous.custom_bounds {
        let common = common_bounds(&current.custom_bounds, &previous.custom_bounds);
        remap(
            &mut now.positive,
            &current.custom_bounds,
            &common,
            |a, b| *a += b,
        );
        remap(
            &mut before.positive,
            &previous.custom_bounds,
            &common,
            |a, b| *a += b,
        );
    }
    shrinks(&now.positive, &before.positive)
}

struct Lists {
    positive: Vec<(i32, f64)>,
    negative: Vec<(i32, f64)>,
}

impl Lists {
    fn of(histogram: &FloatHistogram) -> Lists {
        Lists {
            positive: indexed(&histogram.positive_spans, &histogram.positive).collect(),
            negative: indexed(&histogram.negative_spans, &histogram.negative).collect(),
        }
    }
}

/// Tells whether any bucket holds less than before.
fn shrinks(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    let mut now = now.iter().peekable();
    before.iter().any(|(index, count)| {
        while now.next_if(|(other, _)| other < index).is_some() {}
        let same = now.peek().filter(|(other, _)| other == index);
        same.map_or(0.0, |(_, count)| *count) < *count
    })
}

/// Tells whether two histograms hold the same, bit by bit; hints do not count.
pub(crate) fn equal(left: &FloatHistogram, right: &FloatHistogram) -> bool {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    left.schema == right.schema
        && same(left.count, right.count)
        && same(left.sum, right.sum)
        && same(left.zero_threshold, right.zero_threshold)
        && same(left.zero_count, right.zero_count)
        && left.custom_bounds == right.custom_bounds
        && Lists::of(left).holds_same(&Lists::of(right))
}

impl Lists {
    fn holds_same(mut self, other: &Lists) -> bool {
        let present = |list: &[(i32, f64)]| -> Vec<(i32, u64)> {
            let present = list.iter().filter(|(_, count)| *count != 0.0);
            present
                .map(|(index, count)| (*index, count.to_bits()))
                .collect()
        };
        let positive = std::mem::take(&mut self.positive);
        present(&positive) == present(&other.positive)
            && present(&self.negative) == present(&other.negative)
    }
}
