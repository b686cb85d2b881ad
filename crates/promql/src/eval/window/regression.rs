//! `deriv`, `predict_linear` and `double_exponential_smoothing`.

use crate::eval::notes::Note;
use crate::eval::table::Cell;
use crate::kahan::Kahan;

use super::{Slice, Window};

pub(super) fn deriv(window: &Window<'_>) -> Option<Cell> {
    let floats = trend(window)?;
    // A time near the samples keeps the numbers small.
    let (slope, _) = linear_regression(&floats, floats.times[0]);
    Some(Cell::Float(slope))
}

pub(super) fn predict_linear(window: &Window<'_>) -> Option<Cell> {
    let floats = trend(window)?;
    let (slope, intercept) = linear_regression(&floats, window.time);
    Some(Cell::Float(slope * window.params[0] + intercept))
}

/// Holt's linear method.
pub(super) fn double_exponential_smoothing(window: &Window<'_>) -> Option<Cell> {
    let floats = trend(window)?;
    let [smoothing, trend] = window.params;
    let values = floats.values;
    let mut level = values[0];
    let mut slope = values[1] - values[0];
    let mut previous = 0.0;
    for (at, value) in values.iter().enumerate().skip(1) {
        if at > 1 {
            slope = trend * (level - previous) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        previous = level;
        level = next;
    }
    Some(Cell::Float(level))
}

/// Returns the floats of a window if they are enough to tell a trend.
fn trend<'a>(window: &Window<'a>) -> Option<Slice<'a, f64>> {
    if !window.floats.is_empty() && !window.histograms.is_empty() {
        window.notes.add(Note::HistogramsIgnored);
    }
    (window.floats.len() >= 2).then_some(window.floats)
}

fn linear_regression(points: &Slice<'_, f64>, time: i64) -> (f64, f64) {
    let first = points.values[0];
    let constant = points.values.iter().all(|value| *value == first);
    line(points.times, points.values, time, constant)
}

/// Returns slope and value at `time` of the line with the least squares; `constant` tells whether
/// all values are the same.
pub(super) fn line(times: &[i64], values: &[f64], time: i64, constant: bool) -> (f64, f64) {
    let first = values[0];
    if constant {
        let flat = if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
        return flat;
    }
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_x2] = [Kahan::default(); 4];
    for (at, y) in times.iter().zip(values) {
        let x = (at - time) as f64 / 1000.0;
        sum_x.add(x);
        sum_y.add(*y);
        sum_xy.add(x * y);
        sum_x2.add(x * x);
    }
    let n = times.len() as f64;
    let total = |sum: Kahan| sum.sum + sum.lost;
    let (x, y, xy, x2) = (total(sum_x), total(sum_y), total(sum_xy), total(sum_x2));
    let covariance = xy - x * y / n;
    let variance = x2 - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}
