//! Tables to the values that are answered.

use std::ops::Range;
use std::sync::Arc;

use weft_model::Labels;

use crate::ast::{Matrix, SelectorMode, Subquery};
use crate::column::Column;
use crate::error::QueryError;
use crate::eval::{CellRef, Evaluator, Samples, Steps, Table, compare, finish_names, is_absent};
use crate::value::{SampleValue, Series, VectorSample};

/// Returns the samples of a table with one step.
pub(super) fn vector(table: Table, time_ms: i64) -> Result<Vec<VectorSample>, QueryError> {
    let table = finish_names(table)?;
    let mut held = table.charge();
    held.hold::<VectorSample>(table.len())?;
    let sample = |row: usize| {
        let value = match table.get(row, 0)? {
            CellRef::Float(value) => SampleValue::Float(value),
            CellRef::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
        };
        Some(VectorSample {
            labels: table.labels[row].clone(),
            time_ms,
            value,
        })
    };
    Ok((0..table.len()).filter_map(sample).collect())
}

/// Returns the rows of a table as series, sorted by their labels.
pub(super) fn matrix(
    evaluator: &Evaluator<'_>,
    table: Table,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let table = finish_names(table)?;
    let mut held = evaluator.ledger.charge();
    let mut all = Vec::with_capacity(table.len());
    let each = |range: Range<usize>| {
        let mut held = evaluator.ledger.charge();
        // What is sorted in pieces is soon sorted as a whole.
        let series = sorted(range.map(|row| series_of(&table, row, steps)).collect());
        for series in &series {
            held.hold::<(i64, f64)>(series.floats.len() + series.histograms.len() + 4)?;
        }
        Ok((series, held))
    };
    evaluator.in_order(table.len(), steps.count, each, |(series, part_held)| {
        all.extend(series);
        held.absorb(part_held)
    })?;
    Ok(sorted(all))
}

fn series_of(table: &Table, row: usize, steps: Steps) -> Series {
    let mut series = empty(table.labels[row].clone());
    let values = table.values(row);
    series
        .floats
        .reserve_exact(values.iter().filter(|value| !is_absent(**value)).count());
    for (step, time) in steps.times().enumerate() {
        match table.get(row, step) {
            None => {}
            Some(CellRef::Float(value)) => series.floats.push((time, value)),
            Some(CellRef::Histogram(histogram)) => {
                series.histograms.push((time, Arc::clone(histogram)));
            }
        }
    }
    series
}

pub(super) fn scalar_series(values: Vec<f64>, steps: Steps) -> Vec<Series> {
    let mut series = empty(Labels::empty());
    series.floats = steps.times().zip(values).collect();
    vec![series]
}

/// Returns the samples that a range selector selects.
pub(super) fn raw_matrix(
    evaluator: &Evaluator<'_>,
    matrix: &Matrix,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let windows = evaluator.windows(matrix, steps)?;
    let set = evaluator.select_windows(matrix, &windows, "")?;
    let mut held = evaluator.ledger.charge();
    let mut tally = evaluator.tally(steps.count);
    let (mut column, mut samples) = (Column::new(), Samples::default());
    let mut all = Vec::new();
    for at in 0..set.len() {
        evaluator.check()?;
        column.clear();
        set.read(at, &mut column)?;
        held.grow(column.bytes(), column.len())?;
        tally.read(column.len())?;
        tally.noted(0, column.len() as u64);
        samples.take(&mut column, false);
        let mut series = empty(set.labels(at));
        let floats = &samples.floats;
        series.floats = if windows.mode == SelectorMode::Plain {
            let pairs = floats.times.iter().zip(&floats.values);
            pairs.map(|(time, value)| (*time, *value)).collect()
        } else {
            let smoothed = windows.mode == SelectorMode::Smoothed;
            let bounds = windows.bounds(0);
            crate::eval::extend(&floats.times, &floats.values, bounds, smoothed)
        };
        let histograms = samples
            .histograms
            .times
            .iter()
            .zip(&samples.histograms.values);
        let (start, end) = windows.bounds(0);
        series.histograms = histograms
            .filter(|(time, _)| **time > start && **time <= end)
            .map(|(time, histogram)| (*time, Arc::clone(histogram)))
            .collect();
        if !series.floats.is_empty() || !series.histograms.is_empty() {
            all.push(series);
        }
    }
    Ok(sorted(all))
}

/// Returns what a subquery evaluates to at its own steps.
pub(super) fn raw_subquery(
    evaluator: &Evaluator<'_>,
    subquery: &Subquery,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let evaluated = evaluator.eval_subquery(subquery, steps)?;
    matrix(evaluator, evaluated.table, evaluated.inner)
}

fn empty(labels: Labels) -> Series {
    Series {
        labels,
        floats: Vec::new(),
        histograms: Vec::new(),
    }
}

fn sorted(mut all: Vec<Series>) -> Vec<Series> {
    all.sort_by(|a, b| compare(&a.labels, &b.labels));
    all
}
