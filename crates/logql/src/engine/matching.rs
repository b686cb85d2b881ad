//! How the samples of two vectors find each other.

use hashbrown::HashMap;
use weft_model::Labels;

use super::binary::combined;
use super::column::{Column, Columns, Grid};
use super::group::with_included;
use crate::ast::{Binary, BinaryOp, MatchGroup, MatchLabels};
use crate::query::QueryError;

/// Returns the labels by which a series finds its counterpart.
fn signature(labels: &Labels, matching: &MatchLabels) -> Labels {
    let is_named = |names: &[String], name: &str| names.iter().any(|label| label == name);
    match matching {
        MatchLabels::All => labels.clone(),
        MatchLabels::On(names) => labels.filtered(|name| is_named(names, name)),
        MatchLabels::Ignoring(names) => labels.filtered(|name| !is_named(names, name)),
    }
}

fn by_signature(columns: &Columns, matching: &MatchLabels) -> HashMap<Labels, Vec<usize>> {
    let mut places: HashMap<Labels, Vec<usize>> = HashMap::new();
    for (at, column) in columns.iter().enumerate() {
        places
            .entry(signature(&column.labels, matching))
            .or_default()
            .push(at);
    }
    places
}

/// Applies `and`, `or` or `unless`.
pub(super) fn sets(binary: &Binary, mut left: Columns, mut right: Columns, grid: Grid) -> Columns {
    let matching = &binary.matching.labels;
    let (asked, kept) = match binary.op {
        BinaryOp::Or => (&left, &mut right),
        _ => (&right, &mut left),
    };
    let places = by_signature(asked, matching);
    let is_present = |labels: &Labels, step: usize| {
        let at = places.get(&signature(labels, matching));
        at.is_some_and(|at| at.iter().any(|at| asked[*at].values[step].is_some()))
    };
    let wanted = binary.op == BinaryOp::And;
    for column in kept.iter_mut() {
        for step in 0..grid.count {
            if is_present(&column.labels, step) != wanted {
                column.values[step] = None;
            }
        }
    }
    if binary.op == BinaryOp::Or {
        return united(left, right);
    }
    left.retain(|column| column.values.iter().any(Option::is_some));
    left
}

/// Joins vectors; series of the same labels have values at different steps.
fn united(mut left: Columns, right: Columns) -> Columns {
    let places: HashMap<Labels, usize> = left
        .iter()
        .enumerate()
        .map(|(at, column)| (column.labels.clone(), at))
        .collect();
    for column in right {
        match places.get(&column.labels) {
            Some(at) => {
                for (slot, value) in left[*at].values.iter_mut().zip(column.values) {
                    *slot = slot.or(value);
                }
            }
            None if column.values.iter().any(Option::is_some) => left.push(column),
            None => {}
        }
    }
    left
}

/// Applies an arithmetic operator or a comparison.
pub(super) fn vectors(
    binary: &Binary,
    left: Columns,
    right: Columns,
    grid: Grid,
) -> Result<Columns, QueryError> {
    let matching = &binary.matching;
    let left_is_many = !matches!(matching.group, MatchGroup::Right(_));
    let (many, one) = if left_is_many {
        (left, right)
    } else {
        (right, left)
    };
    let places = by_signature(&one, &matching.labels);
    let mut results: HashMap<Labels, Column> = HashMap::new();
    for column in &many {
        let Some(partners) = places.get(&signature(&column.labels, &matching.labels)) else {
            continue;
        };
        for step in 0..grid.count {
            let Some(value) = column.values[step] else {
                continue;
            };
            let Some(partner) = present_partner(&one, partners, step, left_is_many)? else {
                continue;
            };
            let other = one[partner].values[step].unwrap_or(f64::NAN);
            let (l, r) = if left_is_many {
                (value, other)
            } else {
                (other, value)
            };
            let Some(result) = combined(binary, l, r, l) else {
                continue;
            };
            let labels = result_labels(binary, &column.labels, &one[partner].labels);
            let series = results.entry(labels).or_insert_with_key(|labels| Column {
                labels: labels.clone(),
                values: vec![None; grid.count],
            });
            if series.values[step].replace(result).is_some() {
                return Err(QueryError::Evaluation(match matching.group {
                    MatchGroup::OneToOne => "multiple matches for labels: many-to-one matching \
                         must be explicit (group_left/group_right)"
                        .to_owned(),
                    _ => "multiple matches for labels: grouping labels must ensure unique matches"
                        .to_owned(),
                }));
            }
        }
    }
    let mut columns: Columns = results.into_values().collect();
    columns.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(columns)
}

/// Returns the one series that has a value at a step, if any.
fn present_partner(
    one: &Columns,
    partners: &[usize],
    step: usize,
    one_is_right: bool,
) -> Result<Option<usize>, QueryError> {
    let mut present = partners
        .iter()
        .filter(|at| one[**at].values[step].is_some());
    let first = present.next();
    if present.next().is_some() {
        let side = if one_is_right { "right" } else { "left" };
        return Err(QueryError::Evaluation(format!(
            "found duplicate series on the {side} hand-side;many-to-many matching not allowed: \
             matching labels must be unique on one side"
        )));
    }
    Ok(first.copied())
}

/// Returns the labels of a result.
fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &binary.matching;
    match &matching.group {
        MatchGroup::OneToOne => match &matching.labels {
            MatchLabels::All => many.clone(),
            labels => signature(many, labels),
        },
        MatchGroup::Left(names) | MatchGroup::Right(names) => with_included(many, one, names),
    }
}
