//! Aggregations: rows are folded into groups as they are made, side by side.
//!
//! Each task folds its range of rows into groups of its own; these are merged in the order of the
//! ranges, which do not depend on the number of threads, so neither does any result. Within a range
//! numbers are added in order, as Prometheus does. What needs the labels of all rows, or adds up
//! native histograms, goes over a table.

mod fold;
mod group;
mod limit;
mod pick;
mod quantile;
mod total;
mod values;

use std::ops::Range;

use weft_model::METRIC_NAME;

use crate::ast::{Aggregate, AggregateOp, Expr, Span};
use crate::error::QueryError;

use super::merge::{Overlap, strip_names};
use super::rows::Vector;
use super::table::{Distinct, Row, Table};
use super::{Evaluator, Steps, execution};

use fold::{Average, Count, Extreme, Fold, Spread, Sum};
use group::{Groups, Histograms};

impl Evaluator<'_> {
    pub(super) fn eval_aggregate(
        &self,
        aggregate: &Aggregate,
        span: Span,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        match aggregate.op {
            AggregateOp::CountValues => return self.eval_count_values(aggregate, steps),
            AggregateOp::Topk | AggregateOp::Bottomk => {
                return self.eval_picks(aggregate, span.start, steps);
            }
            AggregateOp::Limitk => return self.eval_limitk(aggregate, steps),
            AggregateOp::LimitRatio => return self.eval_limit_ratio(aggregate, steps),
            AggregateOp::Quantile => return self.eval_quantile(aggregate, steps),
            _ => {}
        }
        let vector = self.vector(&aggregate.expr, steps)?;
        let n = steps.count;
        use Histograms::Counted;
        let ignored = Histograms::Ignored(aggregate.expr.span.start);
        match aggregate.op {
            AggregateOp::Sum => self.totals(aggregate, vector, || Sum::new(n)),
            AggregateOp::Avg => self.totals(aggregate, vector, || Average::new(n)),
            AggregateOp::Count => self.folded(aggregate, &vector, Counted, || Count::new(n)),
            AggregateOp::Group => self.folded(aggregate, &vector, Counted, || Count::once(n)),
            AggregateOp::Min => self.folded(aggregate, &vector, ignored, || {
                Extreme::new(n, |value, known| value < known)
            }),
            AggregateOp::Max => self.folded(aggregate, &vector, ignored, || {
                Extreme::new(n, |value, known| value > known)
            }),
            AggregateOp::Stddev => {
                self.folded(aggregate, &vector, ignored, || Spread::new(n, f64::sqrt))
            }
            _ => self.folded(aggregate, &vector, ignored, || Spread::new(n, |it| it)),
        }
    }

    /// Sums and averages: of numbers row by row, of native histograms over a table.
    fn totals<F: Fold>(
        &self,
        aggregate: &Aggregate,
        vector: Vector<'_>,
        new: impl Fn() -> F + Sync,
    ) -> Result<Table, QueryError> {
        let counts = self.ledger.counts();
        let groups = self.groups(aggregate, vector.rows(), Histograms::Refused, new)?;
        match groups {
            Some(groups) => self.finished(groups, vector.rows().steps()),
            None => {
                self.ledger.recount(counts);
                let table = self.collected(vector)?;
                self.totals_of_table(aggregate, &table)
            }
        }
    }

    fn folded<F: Fold>(
        &self,
        aggregate: &Aggregate,
        vector: &Vector<'_>,
        histograms: Histograms,
        new: impl Fn() -> F + Sync,
    ) -> Result<Table, QueryError> {
        let groups = self.groups(aggregate, vector.rows(), histograms, new)?;
        let groups = groups.ok_or_else(|| execution("histograms were met"))?;
        self.finished(groups, vector.rows().steps())
    }

    /// Returns the result of each group as a row.
    fn finished<F: Fold>(&self, groups: Groups<F>, steps: usize) -> Result<Table, QueryError> {
        let each = |range: Range<usize>| {
            let mut table = self.table_of(steps);
            let mut row = Row::new(steps);
            for group in range {
                row.clear();
                groups.folds[group].finish(&mut row);
                let labels = groups.labels[group].clone();
                table.push(labels, groups.drop_name[group], &mut row)?;
            }
            Ok(table)
        };
        let mut result = self.table_of(steps);
        self.in_order(groups.folds.len(), steps, each, |part| result.append(part))?;
        self.named(result)
    }

    /// Removes names that were marked, when names are removed at once.
    fn named(&self, mut table: Table) -> Result<Table, QueryError> {
        // Groups have distinct labels.
        table.distinct = Distinct::Labelled;
        if self.removes_names_at_once() {
            return strip_names(table, Overlap::Allowed);
        }
        Ok(table)
    }

    fn note_ignored(&self, op: AggregateOp, at: u32) {
        let text = format!("ignored histogram in {} aggregation", op.as_str());
        self.notes.inform(at, text);
    }
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

/// Returns an aggregation's parameter, which the parser has seen to.
fn param(aggregate: &Aggregate) -> Result<&Expr, QueryError> {
    let missing = || execution("expected a parameter");
    aggregate.param.as_ref().ok_or_else(missing)
}
