//! Aggregations: rows are put into groups by their labels once, then folded step by step.

mod fold;
mod pick;
mod total;
mod values;

use weft_model::{Labels, METRIC_NAME};

use crate::ast::{Aggregate, AggregateOp, Expr, Span};
use crate::error::QueryError;

use super::key::Keys;
use super::merge::{Overlap, strip_names};
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
        span: Span,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let at = aggregate.expr.span.start;
        match aggregate.op {
            AggregateOp::CountValues => return self.eval_count_values(aggregate, steps),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
                return self.eval_picks(aggregate, span.start, steps);
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
        let nan = values.iter().find(|q| q.is_nan()).copied();
        let most = values.iter().copied().reduce(f64::max).filter(|q| *q > 1.0);
        let least = values.iter().copied().reduce(f64::min).filter(|q| *q < 0.0);
        // A NaN hides the others, as it does in Prometheus.
        let (most, least) = nan.map_or((most, least), |_| (None, None));
        for q in [nan, most, least].into_iter().flatten() {
            self.notes.invalid_quantile(param.span.start, q);
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
    let mut keys = Keys::default();
    for (row, labels) in table.labels.iter().enumerate() {
        let (group, new) = keys.group(labels, |name| is_kept(aggregate, name));
        if let Some(labels) = new {
            grouped.labels.push(labels);
            grouped.drop_name.push(false);
            grouped.rows.push(Vec::new());
        }
        grouped.rows[group].push(row);
        grouped.drop_name[group] |= table.drop_name[row];
    }
    grouped
}

/// Tells whether a series keeps a label in its group.
fn is_kept(aggregate: &Aggregate, name: &str) -> bool {
    let listed = aggregate.grouping.iter().any(|label| label == name);
    if aggregate.without {
        !listed && name != METRIC_NAME
    } else {
        listed
    }
}

fn not_a_text() -> QueryError {
    execution("expected a string")
}
