//! An answer as a table, as CSV, as what a chart draws.

use std::collections::BTreeSet;

use weft_model::{Labels, METRIC_NAME, Millis};

use super::answer::{Answer, Series};
use crate::print::chart::{Plot, Span, spark};
use crate::print::{number, table};

/// A table has a column for each label, unless there are more.
const LABEL_COLUMNS_MAX: usize = 6;

/// Returns an answer as a table, at most so wide if labels have columns of their own.
pub(super) fn table(answer: &Answer, width: Option<usize>) -> Vec<String> {
    match answer {
        Answer::Single { value, .. } => vec![value.clone()],
        Answer::Vector(elements) if elements.is_empty() => vec!["no data".to_owned()],
        Answer::Matrix(series) if series.is_empty() => vec!["no data".to_owned()],
        Answer::Vector(elements) => {
            let rows: Vec<_> = elements
                .iter()
                .map(|it| (&it.labels, it.value.clone()))
                .collect();
            by_label(&rows, width).unwrap_or_else(|| by_series(&rows))
        }
        Answer::Matrix(series) => {
            let rows: Vec<Vec<String>> = series.iter().flat_map(points).collect();
            table::aligned(&["time", "series", "value"], &rows)
        }
    }
}

fn by_series(rows: &[(&Labels, String)]) -> Vec<String> {
    let cells = rows
        .iter()
        .map(|(labels, value)| vec![labels.to_string(), value.clone()]);
    table::aligned(&["series", "value"], &cells.collect::<Vec<_>>())
}

/// Returns a table with a column for each label, if it fits.
fn by_label(rows: &[(&Labels, String)], width: Option<usize>) -> Option<Vec<String>> {
    let names: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(labels, _)| labels.iter().map(|(name, _)| name))
        .collect();
    if names.is_empty() || names.len() > LABEL_COLUMNS_MAX {
        return None;
    }
    let is_metric = |name: &&str| *name == METRIC_NAME;
    let head = names
        .iter()
        .map(|name| if is_metric(name) { "metric" } else { *name });
    let head: Vec<&str> = head.chain(["value"]).collect();
    let cells = |(labels, value): &(&Labels, String)| {
        let texts = names.iter().map(|name| labels.get(name).to_owned());
        texts.chain([value.clone()]).collect::<Vec<_>>()
    };
    let lines = table::aligned(&head, &rows.iter().map(cells).collect::<Vec<_>>());
    let fits = |width: usize| lines.iter().all(|line| line.chars().count() <= width);
    width.is_none_or(fits).then_some(lines)
}

fn points(series: &Series) -> Vec<Vec<String>> {
    let name = series.labels.to_string();
    let row = |(time, value): &(f64, String)| vec![time_of(*time), name.clone(), value.clone()];
    series.points.iter().map(row).collect()
}

fn time_of(seconds: f64) -> String {
    Millis((seconds * 1000.0).round() as i64).to_string()
}

/// Returns an answer as CSV: a column for each label, then time and value.
pub(super) fn csv(answer: &Answer) -> Vec<String> {
    let rows: Vec<(Labels, f64, &str)> = match answer {
        Answer::Single { time, value } => vec![(Labels::empty(), *time, value)],
        Answer::Vector(elements) => {
            let row = |it: &'_ super::answer::Element| (it.labels.clone(), it.time);
            elements
                .iter()
                .map(|it| (row(it).0, row(it).1, it.value.as_str()))
                .collect()
        }
        Answer::Matrix(series) => series
            .iter()
            .flat_map(|it| {
                it.points
                    .iter()
                    .map(|(time, value)| (it.labels.clone(), *time, value.as_str()))
            })
            .collect(),
    };
    let names: BTreeSet<String> = rows
        .iter()
        .flat_map(|(labels, _, _)| labels.iter().map(|(name, _)| name.to_owned()))
        .collect();
    let head = names
        .iter()
        .map(|name| quoted(name))
        .chain(["time".to_owned(), "value".to_owned()]);
    let mut lines = vec![head.collect::<Vec<_>>().join(",")];
    for (labels, time, value) in &rows {
        let cells = names.iter().map(|name| quoted(labels.get(name)));
        let cells = cells.chain([time_of(*time), quoted(value)]);
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    lines
}

/// Quotes a field where RFC 4180 asks for it.
fn quoted(field: &str) -> String {
    match field.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// Returns the series as a chart draws them; histograms are drawn by their counts.
pub(super) fn plots(series: &[Series]) -> Vec<Plot> {
    let number = |value: &str| match value.strip_prefix("histogram count=") {
        Some(rest) => rest.split(' ').next().and_then(|count| count.parse().ok()),
        None => value.parse::<f64>().ok(),
    };
    let plot = |series: &Series| Plot {
        labels: series.labels.clone(),
        points: series
            .points
            .iter()
            .filter_map(|(time, value)| Some((*time, number(value)?)))
            .collect(),
    };
    series.iter().map(plot).collect()
}

/// Returns one small line of blocks for each series, where there are no colours.
pub(super) fn sparks(plots: &[Plot], span: Span, width: usize) -> Vec<String> {
    let count = ((span.end - span.start) / span.step).round().max(0.0) as usize + 1;
    let mut lines = Vec::new();
    for plot in plots {
        let mut values = vec![None; count.min(100_000)];
        for (time, value) in &plot.points {
            let at = ((time - span.start) / span.step).round();
            if let Some(slot) = values.get_mut(at.max(0.0) as usize) {
                *slot = Some(*value);
            }
        }
        let known = || {
            values
                .iter()
                .flatten()
                .copied()
                .filter(|value| value.is_finite())
        };
        let least = known().fold(f64::INFINITY, f64::min);
        let greatest = known().fold(f64::NEG_INFINITY, f64::max);
        let last = plot.points.last().map_or(f64::NAN, |(_, value)| *value);
        let [least, greatest, last] = [least, greatest, last].map(number::short);
        let drawn = spark::spark(&values, width.saturating_sub(46).clamp(10, 100));
        lines.push(plot.labels.to_string());
        lines.push(format!(
            "  {drawn}  min {least}  max {greatest}  last {last}"
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
