//! The `*_over_time` functions.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::eval::notes::Note;
use crate::eval::table::{Cell, CellRef};
use crate::histogram::{self, Sum};
use crate::kahan::{Kahan, Mean, Variance};

use super::{Slice, Window};

pub(super) fn count(window: &Window<'_>) -> Option<Cell> {
    Some(Cell::Float(
        (window.floats.len() + window.histograms.len()) as f64,
    ))
}

pub(super) fn present(_: &Window<'_>) -> Option<Cell> {
    Some(Cell::Float(1.0))
}

pub(super) fn sum(window: &Window<'_>) -> Option<Cell> {
    if is_mixed(window) {
        return None;
    }
    if window.floats.is_empty() {
        return histogram_total(window, sum_histograms);
    }
    let mut total = Kahan::default();
    window
        .floats
        .values
        .iter()
        .for_each(|value| total.add(*value));
    Some(Cell::Float(total.value()))
}

pub(super) fn avg(window: &Window<'_>) -> Option<Cell> {
    if is_mixed(window) {
        return None;
    }
    if window.floats.is_empty() {
        return histogram_total(window, mean_of_histograms);
    }
    let mut mean = Mean::default();
    window
        .floats
        .values
        .iter()
        .for_each(|value| mean.add(*value));
    Some(Cell::Float(mean.value()))
}

fn is_mixed(window: &Window<'_>) -> bool {
    let mixed = !window.floats.is_empty() && !window.histograms.is_empty();
    if mixed {
        window.notes.add(Note::MixedFloatsHistograms);
    }
    mixed
}

type Fold = fn(&[Arc<FloatHistogram>], &mut Told) -> Option<FloatHistogram>;

/// What was reconciled while histograms were added.
#[derive(Default)]
pub(in crate::eval) struct Told {
    pub(in crate::eval) bounds: bool,
}

fn histogram_total(window: &Window<'_>, fold: Fold) -> Option<Cell> {
    let values = window.histograms.values;
    let mut told = Told::default();
    let total = fold(values, &mut told);
    let hinted = |hint| values.iter().any(|h| h.reset_hint == hint);
    if total.is_none() {
        window.notes.add(Note::MixedSchemas);
    } else if hinted(ResetHint::Reset) && hinted(ResetHint::NotReset) {
        window.notes.add(Note::CollisionInAggregation);
    }
    if told.bounds && total.is_some() {
        window.notes.add(Note::BoundsInAggregation);
    }
    total.map(|total| Cell::Histogram(Arc::new(total)))
}

fn sum_histograms(values: &[Arc<FloatHistogram>], told: &mut Told) -> Option<FloatHistogram> {
    let (first, rest) = values.split_first()?;
    let mut sum = Sum::new(first);
    for value in rest {
        told.bounds |= sum.add(value, 1.0).ok()?.bounds;
    }
    Some(sum.finish())
}

fn mean_of_histograms(values: &[Arc<FloatHistogram>], told: &mut Told) -> Option<FloatHistogram> {
    let mut mean = HistogramMean::new(values.first()?);
    for value in &values[1..] {
        told.bounds |= mean.add(value)?;
    }
    Some(mean.finish())
}

/// A mean of histograms: a sum divided at the end, or incremental once the sum would overflow.
#[derive(Clone, Debug)]
pub(in crate::eval) struct HistogramMean {
    total: Sum,
    count: f64,
    incremental: bool,
}

impl HistogramMean {
    pub(in crate::eval) fn new(first: &FloatHistogram) -> HistogramMean {
        HistogramMean {
            total: Sum::new(first),
            count: 1.0,
            incremental: false,
        }
    }

    /// Returns whether bounds were reconciled, or nothing when the histograms cannot be added.
    pub(in crate::eval) fn add(&mut self, value: &FloatHistogram) -> Option<bool> {
        self.count += 1.0;
        if !self.incremental {
            let mut total = self.total.clone();
            let reconciled = total.add(value, 1.0).ok()?;
            if !total.overflows() {
                self.total = total;
                return Some(reconciled.bounds);
            }
            self.incremental = true;
            self.total.divide(self.count - 1.0);
        }
        self.total.scale((self.count - 1.0) / self.count);
        let share = histogram::divide(value, self.count);
        let reconciled = self.total.add(&share, 1.0).ok()?;
        Some(reconciled.bounds)
    }

    pub(in crate::eval) fn finish(mut self) -> FloatHistogram {
        if !self.incremental {
            self.total.divide(self.count);
        }
        self.total.finish()
    }
}

/// Returns the floats of a window, noting that its histograms do not count.
fn floats_only<'a>(window: &Window<'a>) -> Option<Slice<'a, f64>> {
    if window.floats.is_empty() {
        return None;
    }
    if !window.histograms.is_empty() {
        window.notes.add(Note::HistogramsIgnored);
    }
    Some(window.floats)
}

pub(super) fn min(window: &Window<'_>) -> Option<Cell> {
    extreme(window, |value, best| value < best, false)
}

pub(super) fn max(window: &Window<'_>) -> Option<Cell> {
    extreme(window, |value, best| value > best, false)
}

pub(super) fn time_of_min(window: &Window<'_>) -> Option<Cell> {
    extreme(window, |value, best| value <= best, true)
}

pub(super) fn time_of_max(window: &Window<'_>) -> Option<Cell> {
    extreme(window, |value, best| value >= best, true)
}

fn extreme(
    window: &Window<'_>,
    is_better: impl Fn(f64, f64) -> bool,
    wants_time: bool,
) -> Option<Cell> {
    let floats = floats_only(window)?;
    let mut best = 0;
    for (at, value) in floats.values.iter().enumerate() {
        let known = floats.values[best];
        if is_better(*value, known) || known.is_nan() {
            best = at;
        }
    }
    let seconds = floats.times[best] as f64 / 1000.0;
    Some(Cell::Float(if wants_time {
        seconds
    } else {
        floats.values[best]
    }))
}

pub(super) fn first(window: &Window<'_>) -> Option<Cell> {
    let float = window.floats.times.first();
    let histogram = window.histograms.times.first();
    match (float, histogram) {
        (Some(float), other) if other.is_none_or(|other| float < other) => {
            Some(Cell::Float(window.floats.values[0]))
        }
        _ => window
            .histograms
            .values
            .first()
            .map(|first| Cell::Histogram(Arc::clone(first))),
    }
}

pub(super) fn last(window: &Window<'_>) -> Option<Cell> {
    let newest = match (window.floats.last_time(), window.histograms.last_time()) {
        (Some(float), other) if other.is_none_or(|other| float > other) => window
            .floats
            .values
            .last()
            .map(|value| CellRef::Float(*value)),
        _ => window.histograms.values.last().map(CellRef::Histogram),
    };
    newest.map(CellRef::to_cell)
}

pub(super) fn time_of_first(window: &Window<'_>) -> Option<Cell> {
    let firsts = [window.floats.times.first(), window.histograms.times.first()];
    let first = firsts.into_iter().flatten().min()?;
    Some(Cell::Float(*first as f64 / 1000.0))
}

pub(super) fn time_of_last(window: &Window<'_>) -> Option<Cell> {
    let lasts = [window.floats.last_time(), window.histograms.last_time()];
    let last = lasts.into_iter().flatten().max()?;
    Some(Cell::Float(last as f64 / 1000.0))
}

pub(super) fn stdvar(window: &Window<'_>) -> Option<Cell> {
    let floats = floats_only(window)?;
    Some(Cell::Float(variance_of(floats.values)))
}

pub(super) fn variance_of(values: &[f64]) -> f64 {
    let mut variance = Variance::default();
    values.iter().for_each(|value| variance.add(*value));
    variance.value()
}

pub(super) fn stddev(window: &Window<'_>) -> Option<Cell> {
    match stdvar(window)? {
        Cell::Float(variance) => Some(Cell::Float(variance.sqrt())),
        other => Some(other),
    }
}

pub(super) fn quantile(window: &Window<'_>) -> Option<Cell> {
    let floats = floats_only(window)?;
    let q = window.params[0];
    if !is_quantile(q) {
        window.notes.notes().invalid_quantile(window.notes.at(), q);
    }
    Some(Cell::Float(quantile_of(q, &mut floats.values.to_vec())))
}

pub(super) fn mad(window: &Window<'_>) -> Option<Cell> {
    let floats = floats_only(window)?;
    let mut values = floats.values.to_vec();
    if values.iter().any(|value| value.is_nan()) {
        return Some(Cell::Float(f64::NAN));
    }
    let median = quantile_of(0.5, &mut values);
    values
        .iter_mut()
        .for_each(|value| *value = (*value - median).abs());
    Some(Cell::Float(quantile_of(0.5, &mut values)))
}

pub(in crate::eval) fn is_quantile(q: f64) -> bool {
    (0.0..=1.0).contains(&q)
}

/// Orders values, NaN lowest.
pub(super) fn below(a: &f64, b: &f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a_is_nan, b_is_nan) => b_is_nan.cmp(&a_is_nan),
    }
}

/// Returns a quantile of values of which `nth` tells the one before which there are so many others.
pub(super) fn interpolated(q: f64, len: usize, mut nth: impl FnMut(usize) -> f64) -> f64 {
    if len == 0 || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (len - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(len - 1);
    let weight = rank - rank.floor();
    let (lower, upper) = (nth(lower), nth(upper));
    lower * (1.0 - weight) + upper * weight
}

/// Returns the quantile of some values, which are reordered; NaN counts as the lowest value.
pub(in crate::eval) fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    // The second value that is asked for is the lowest of those after the first one.
    let mut after = None;
    let len = values.len();
    interpolated(q, len, |at| match after {
        Some(first) if at > first => {
            let rest = values[at..].iter().copied();
            rest.min_by(below).unwrap_or(f64::NAN)
        }
        _ => {
            after = Some(at);
            *values.select_nth_unstable_by(at, below).1
        }
    })
}
