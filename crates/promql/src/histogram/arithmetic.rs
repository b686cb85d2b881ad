//! Sums and differences of histograms, with their layouts made alike first.
//!
//! Schemas go down to the coarser one, zero buckets up to the wider one, custom bounds to those
//! that both have. Sums are compensated bucket by bucket.

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::kahan::Kahan;

use super::bucket::{bound, from_indexed, indexed};
use super::is_custom;

/// Custom and exponential buckets cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("add histograms with custom and with exponential buckets")]
pub struct Incompatible;

/// What had to be reconciled when a histogram was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Custom bounds differed.
    pub bounds: bool,
    /// One of the two told a counter reset, the other told that there was none.
    pub resets: bool,
}

/// A running sum of histograms.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    schema: i8,
    hint: ResetHint,
    zero_threshold: f64,
    zero: Kahan,
    count: Kahan,
    sum: Kahan,
    positive: Vec<(i32, Kahan)>,
    negative: Vec<(i32, Kahan)>,
    custom_bounds: Vec<f64>,
}

impl Sum {
    pub(crate) fn new(histogram: &FloatHistogram) -> Sum {
        let list = |spans, counts| {
            indexed(spans, counts)
                .map(|(index, count)| (index, Kahan::new(count)))
                .collect()
        };
        Sum {
            schema: histogram.schema,
            hint: histogram.reset_hint,
            zero_threshold: histogram.zero_threshold,
            zero: Kahan::new(histogram.zero_count),
            count: Kahan::new(histogram.count),
            sum: Kahan::new(histogram.sum),
            positive: list(&histogram.positive_spans, &histogram.positive),
            negative: list(&histogram.negative_spans, &histogram.negative),
            custom_bounds: histogram.custom_bounds.clone(),
        }
    }

    /// Adds `factor` times another histogram.
    pub(crate) fn add(
        &mut self,
        other: &FloatHistogram,
        factor: f64,
    ) -> Result<Reconciled, Incompatible> {
        if self.is_custom() != is_custom(other) {
            return Err(Incompatible);
        }
        let resets = self.merge_hints(other.reset_hint);
        let mut zero = other.zero_count;
        let mut positive: Vec<_> = indexed(&other.positive_spans, &other.positive).collect();
        let mut negative: Vec<_> = indexed(&other.negative_spans, &other.negative).collect();
        let mut bounds = false;
        if self.is_custom() {
            bounds = self.custom_bounds != other.custom_bounds;
            if bounds {
                self.intersect_bounds(&other.custom_bounds, &mut positive);
            }
        } else {
            if self.zero_threshold != other.zero_threshold {
                zero = self.reconcile_zero(other);
                let threshold = self.zero_threshold;
                let above = |(index, _): &(i32, f64)| bound(*index, other.schema) > threshold;
                positive.retain(above);
                negative.retain(above);
            }
            let schema = self.schema.min(other.schema);
            reduce(&mut positive, other.schema, schema, |a, b| *a += b);
            reduce(&mut negative, other.schema, schema, |a, b| *a += b);
            self.reduce_to(schema);
        }
        self.zero.add(zero * factor);
        self.count.add(other.count * factor);
        self.sum.add(other.sum * factor);
        merge(&mut self.positive, &positive, factor);
        merge(&mut self.negative, &negative, factor);
        Ok(Reconciled { bounds, resets })
    }

    pub(crate) fn divide(&mut self, divisor: f64) {
        self.each(|value| value.divide(divisor));
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.each(|value| value.scale(factor));
    }

    /// Tells whether any part of the sum is out of the range of numbers.
    pub(crate) fn overflows(&self) -> bool {
        let lists = self.positive.iter().chain(&self.negative);
        self.zero.sum.is_infinite()
            || self.count.sum.is_infinite()
            || self.sum.sum.is_infinite()
            || lists.clone().any(|(_, value)| value.sum.is_infinite())
    }

    pub(crate) fn finish(self) -> FloatHistogram {
        let list = |buckets: Vec<(i32, Kahan)>| {
            let plain: Vec<_> = buckets
                .into_iter()
                .map(|(index, value)| (index, value.value()))
                .collect();
            from_indexed(&plain)
        };
        let (positive_spans, positive) = list(self.positive);
        let (negative_spans, negative) = list(self.negative);
        FloatHistogram {
            schema: self.schema,
            reset_hint: self.hint,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero.value(),
            count: self.count.value(),
            sum: self.sum.value(),
            positive_spans,
            positive,
            negative_spans,
            negative,
            custom_bounds: self.custom_bounds,
        }
    }

    fn is_custom(&self) -> bool {
        self.schema == weft_model::histogram::CUSTOM_BUCKETS_SCHEMA
    }

    fn each(&mut self, mut change: impl FnMut(&mut Kahan)) {
        change(&mut self.zero);
        change(&mut self.count);
        change(&mut self.sum);
        let lists = self.positive.iter_mut().chain(&mut self.negative);
        lists.for_each(|(_, value)| change(value));
    }

    /// Returns whether the hints contradict each other.
    fn merge_hints(&mut self, other: ResetHint) -> bool {
        let (merged, collision) = match (self.hint, other) {
            (own, other) if own == other => (own, false),
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
            (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
            _ => (ResetHint::Unknown, true),
        };
        self.hint = merged;
        collision
    }

    fn reduce_to(&mut self, schema: i8) {
        let own = self.schema;
        reduce(&mut self.positive, own, schema, |a, b| a.merge(b));
        reduce(&mut self.negative, own, schema, |a, b| a.merge(b));
        self.schema = schema;
    }

    /// Widens the own zero bucket as needed and returns the other's count within it.
    fn reconcile_zero(&mut self, other: &FloatHistogram) -> f64 {
        let positive: Vec<_> = indexed(&other.positive_spans, &other.positive).collect();
        let negative: Vec<_> = indexed(&other.negative_spans, &other.negative).collect();
        let (mut other_count, mut other_threshold) = (other.zero_count, other.zero_threshold);
        while other_threshold != self.zero_threshold {
            if self.zero_threshold > other_threshold {
                (other_count, other_threshold) = widen(
                    (&positive, &negative),
                    other.schema,
                    other.zero_count,
                    self.zero_threshold,
                );
            }
            if other_threshold > self.zero_threshold {
                self.widen_zero(other_threshold);
            }
        }
        other_count
    }

    fn widen_zero(&mut self, threshold: f64) {
        let plain = |list: &[(i32, Kahan)]| -> Vec<(i32, f64)> {
            list.iter()
                .map(|(index, value)| (*index, value.value()))
                .collect()
        };
        let (positive, negative) = (plain(&self.positive), plain(&self.negative));
        let lists = (positive.as_slice(), negative.as_slice());
        let (count, threshold) = widen(lists, self.schema, self.zero.value(), threshold);
        self.zero = Kahan::new(count);
        self.zero_threshold = threshold;
        let schema = self.schema;
        let above = |(index, _): &(i32, Kahan)| bound(*index, schema) > threshold;
        self.positive.retain(above);
        self.negative.retain(above);
    }

    fn intersect_bounds(&mut self, other: &[f64], counts: &mut Vec<(i32, f64)>) {
        let common = common_bounds(&self.custom_bounds, other);
        let own = std::mem::take(&mut self.custom_bounds);
        remap(&mut self.positive, &own, &common, |a, b| a.merge(b));
        remap(counts, other, &common, |a, b| *a += b);
        self.custom_bounds = common;
    }
}

/// Returns the bounds that both have; both ascend.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut rest = right.iter().peekable();
    let mut is_common = |bound: &&f64| {
        while rest.next_if(|other| *other < *bound).is_some() {}
        rest.peek().is_some_and(|other| *other == *bound)
    };
    left.iter()
        .filter(|bound| is_common(bound))
        .copied()
        .collect()
}

/// Moves counts from buckets with bounds `from` to those with bounds `to`, a part of them.
pub(super) fn remap<T: Copy>(
    buckets: &mut Vec<(i32, T)>,
    from: &[f64],
    to: &[f64],
    add: impl Fn(&mut T, T),
) {
    let target = |index: i32| {
        let upper = usize::try_from(index)
            .ok()
            .and_then(|index| from.get(index));
        let upper = upper.copied().unwrap_or(f64::INFINITY);
        to.partition_point(|bound| *bound < upper) as i32
    };
    regroup(buckets, target, add);
}

/// Makes the buckets as coarse as the schema `to` asks.
pub(super) fn reduce<T: Copy>(
    buckets: &mut Vec<(i32, T)>,
    from: i8,
    to: i8,
    add: impl Fn(&mut T, T),
) {
    let shift = (i32::from(from) - i32::from(to)).clamp(0, 31);
    if shift > 0 {
        regroup(
            buckets,
            |index| (index.wrapping_sub(1) >> shift).wrapping_add(1),
            add,
        );
    }
}

/// Gives each bucket a new index; the order of indices stays.
fn regroup<T: Copy>(
    buckets: &mut Vec<(i32, T)>,
    target: impl Fn(i32) -> i32,
    add: impl Fn(&mut T, T),
) {
    let mut grouped: Vec<(i32, T)> = Vec::with_capacity(buckets.len());
    for (index, count) in buckets.drain(..) {
        let index = target(index);
        match grouped.last_mut() {
            Some((last, total)) if *last == index => add(total, count),
            _ => grouped.push((index, count)),
        }
    }
    *buckets = grouped;
}

fn merge(own: &mut Vec<(i32, Kahan)>, other: &[(i32, f64)], factor: f64) {
    let same = own.len() == other.len() && own.iter().zip(other).all(|(a, b)| a.0 == b.0);
    if same {
        let pairs = own.iter_mut().zip(other);
        pairs.for_each(|((_, value), (_, count))| value.add(count * factor));
        return;
    }
    let mut merged = Vec::with_capacity(own.len() + other.len());
    let mut left = own.drain(..).peekable();
    for (index, count) in other {
        while let Some(before) = left.next_if(|(own, _)| own < index) {
            merged.push(before);
        }
        let same = left.next_if(|(own, _)| own == index);
        let mut value = same.map_or_else(Kahan::default, |(_, value)| value);
        value.add(count * factor);
        merged.push((*index, value));
    }
    merged.extend(left);
    *own = merged;
}

/// Positive and negative buckets by their indices.
pub(super) type Lists<'a> = (&'a [(i32, f64)], &'a [(i32, f64)]);

/// Returns the count within a zero bucket of at least `threshold`, and how wide it became: it
/// never ends within a populated bucket.
pub(super) fn widen(
    (positive, negative): Lists<'_>,
    schema: i8,
    zero_count: f64,
    threshold: f64,
) -> (f64, f64) {
    let mut threshold = threshold;
    loop {
        let mut count = zero_count;
        let mut widened = threshold;
        for (index, observed) in positive.iter().chain(negative) {
            let (lower, upper) = (
                bound(index.saturating_sub(1), schema),
                bound(*index, schema),
            );
            if lower >= threshold || *observed == 0.0 {
                continue;
            }
            count += observed;
            widened = widened.max(upper);
        }
        if widened == threshold {
            return (count, threshold);
        }
        threshold = widened;
    }
}

/// Returns the sum of two histograms.
pub fn sum(
    left: &FloatHistogram,
    right: &FloatHistogram,
) -> Result<(FloatHistogram, Reconciled), Incompatible> {
    let mut sum = Sum::new(left);
    let reconciled = sum.add(right, 1.0)?;
    Ok((sum.finish(), reconciled))
}

/// Returns the difference of two histograms.
pub fn difference(
    left: &FloatHistogram,
    right: &FloatHistogram,
) -> Result<(FloatHistogram, Reconciled), Incompatible> {
    let mut sum = Sum::new(left);
    let reconciled = sum.add(right, -1.0)?;
    Ok((sum.finish(), reconciled))
}

/// Returns `factor` times a histogram; a negative one is a gauge.
pub(crate) fn scale(histogram: &FloatHistogram, factor: f64) -> FloatHistogram {
    let mut scaled = histogram.clone();
    each(&mut scaled, |value| *value *= factor);
    if factor < 0.0 {
        scaled.reset_hint = ResetHint::Gauge;
    }
    scaled
}

/// Returns a histogram divided by a number; division by 0 removes all buckets.
pub(crate) fn divide(histogram: &FloatHistogram, divisor: f64) -> FloatHistogram {
    let mut divided = histogram.clone();
    each(&mut divided, |value| *value /= divisor);
    if divisor == 0.0 {
        divided.positive_spans.clear();
        divided.positive.clear();
        divided.negative_spans.clear();
        divided.negative.clear();
    } else if divisor < 0.0 {
        divided.reset_hint = ResetHint::Gauge;
    }
    divided
}

fn each(histogram: &mut FloatHistogram, mut change: impl FnMut(&mut f64)) {
    change(&mut histogram.zero_count);
    change(&mut histogram.count);
    change(&mut histogram.sum);
    let buckets = histogram.positive.iter_mut().chain(&mut histogram.negative);
    buckets.for_each(change);
}
