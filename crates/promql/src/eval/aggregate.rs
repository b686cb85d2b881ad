//! Aggregations: rows are put into groups by their labels once, then folded step by step.

mod fold;
mod pick;
mod total;
mod values;

use hashbrown::HashMap;

use weft_model::Labels;

use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::error::QueryError;

use super::merge::{Overlap, is_reserved, strip_names};
use super::table::{Row, Table};
use super::{Evaluator, Steps, execution};

/// The groups of an aggregation.
pub(super) struct Grouped {
    /// The labels of each group.
    labels: Vec<Labels>,
    /// Whether a group's name is to be removed in the end.
    drop_name: Vec<bool>,
    /// The rows of each group, in order.
    rows: Vec<Vec<usize>>,
}

impl Evaluator<'_> {
    pub(super) fn eval_aggregate(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let at = aggregate.expr.span.start;
        match aggregate.op {
            AggregateOp::CountValues => return self.eval_count_values(aggregate, steps),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
                return self.eval_picks(aggregate, steps);
            }
            AggregateOp::LimitRatio => return self.eval_limit_ratio(aggregate, steps),
            _ => {}
        }
        let param = match &aggregate.param {
            Some(param) => self.quantile_param(param, steps)?,
            None => Vec::new(),
        };
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let groups = group(aggregate, &table);
        let mut result = self.table(steps);
        let mut row = Row::new(steps.count);
        for group in 0..groups.rows.len() {
            self.check()?;
            row.clear();
            let rows = &groups.rows[group];
            match aggregate.op {
                AggregateOp::Sum | AggregateOp::Avg => {
                    self.total(aggregate.op, at, &table, rows, &mut row);
                }
                AggregateOp::Quantile => {
                    self.quantiles(at, &table, rows, &param, &mut row);
                }
                op => self.fold(op, at, &table, rows, &mut row),
            }
            let labels = groups.labels[group].clone();
            result.push(labels, groups.drop_name[group], &mut row)?;
        }
        self.named(result)
    }

    fn quantile_param(&self, param: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
        let values = self.eval_scalar(param, steps)?;
        for q in values
            .iter()
            .filter(|q| q.is_nan() || !(0.0..=1.0).contains(*q))
        {
            self.notes.invalid_quantile(param.span.start, *q);
        }
        Ok(values)
    }

    /// Removes names that were marked, when names are removed at once.
    fn named(&self, table: Table) -> Result<Table, QueryError> {
        if self.removes_names_at_once() {
            return strip_names(table, Overlap::Allowed);
        }
        Ok(table)
    }
}

/// Puts the rows of a table into groups.
fn group(aggregate: &Aggregate, table: &Table) -> Grouped {
    let mut grouped = Grouped {
        labels: Vec::new(),
        drop_name: Vec::new(),
        rows: Vec::new(),
    };
    let single = !aggregate.without && aggregate.grouping.is_empty();
    if single && !table.is_empty() {
        grouped.labels.push(Labels::empty());
        grouped.drop_name.push(false);
        grouped.rows.push((0..table.len()).collect());
        return grouped;
    }
    let mut known: HashMap<Labels, usize> = HashMap::new();
    for (row, labels) in table.labels.iter().enumerate() {
        let key = grouping_labels(aggregate, labels);
        let group = *known.entry(key).or_insert_with_key(|key| {
            grouped.labels.push(key.clone());
            grouped.drop_name.push(false);
            grouped.rows.push(Vec::new());
            grouped.rows.len() - 1
        });
        grouped.rows[group].push(row);
        grouped.drop_name[group] |= table.drop_name[row];
    }
    grouped
}

/// Returns the labels that a series keeps in its group.
fn grouping_labels(aggregate: &Aggregate, labels: &Labels) -> Labels {
    let listed = |name: &str| aggregate.grouping.iter().any(|label| label == name);
    if aggregate.without {
        labels.filtered(|name| !listed(name) && !is_reserved(name))
    } else {
        labels.filtered(listed)
    }
}

fn not_a_text() -> QueryError {
    execution("expected a string")
}
