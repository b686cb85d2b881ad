//! Aggregations over series.

use super::column::{Column, Columns, Grid};
use super::group::{Groups, grouped};
use super::window::{population_variance, sum};
use crate::ast::{Grouping, GroupingKind, VectorAggregation, VectorOp};
use crate::query::QueryError;

/// Aggregates series.
pub(super) fn aggregate(
    aggregation: &VectorAggregation,
    mut columns: Columns,
    grid: Grid,
    series_max: usize,
) -> Result<Columns, QueryError> {
    if matches!(aggregation.op, VectorOp::Sort | VectorOp::SortDesc) {
        // The order of an instant vector is made at the end; a matrix has none.
        return Ok(columns);
    }
    let everything = Grouping {
        kind: GroupingKind::By,
        labels: Vec::new(),
    };
    let grouping = aggregation.grouping.as_ref().unwrap_or(&everything);
    // Of equal values `topk` keeps the first by labels.
    columns.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut groups = Groups::new(None, series_max);
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let group = groups.of_labels(grouped(&column.labels, Some(grouping)))?;
        if group == members.len() {
            members.push(Vec::new());
        }
        members[group].push(at);
    }
    if let Some(count) = aggregation.parameter {
        return Ok(keep_extremes(
            aggregation.op,
            count,
            columns,
            &members,
            grid,
        ));
    }
    let reduce = |(labels, members): (weft_model::Labels, &Vec<usize>)| Column {
        labels,
        values: (0..grid.count)
            .map(|step| {
                let present = members.iter().filter_map(|at| columns[*at].values[step]);
                reduced(aggregation.op, present.collect())
            })
            .collect(),
    };
    Ok(groups
        .into_labels()
        .into_iter()
        .zip(&members)
        .map(reduce)
        .collect())
}

fn reduced(op: VectorOp, values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    Some(match op {
        VectorOp::Count => count,
        VectorOp::Avg => sum(values.iter().copied()) / count,
        VectorOp::Min => values.iter().copied().fold(f64::NAN, f64::min),
        VectorOp::Max => values.iter().copied().fold(f64::NAN, f64::max),
        VectorOp::Stdvar => population_variance(&values),
        VectorOp::Stddev => population_variance(&values).sqrt(),
        _ => sum(values.iter().copied()),
    })
}

/// Keeps the `count` highest or lowest values of each group at each step.
fn keep_extremes(
    op: VectorOp,
    count: usize,
    mut columns: Columns,
    members: &[Vec<usize>],
    grid: Grid,
) -> Columns {
    for group in members {
        for step in 0..grid.count {
            let value = |at: &usize| columns[*at].values[step].map(|value| (value, *at));
            let mut ranked: Vec<(f64, usize)> = group.iter().filter_map(value).collect();
            if op == VectorOp::Bottomk {
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
            } else {
                ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
            }
            for (_, at) in ranked.into_iter().skip(count) {
                columns[at].values[step] = None;
            }
        }
    }
    columns.retain(|column| column.values.iter().any(Option::is_some));
    columns
}
