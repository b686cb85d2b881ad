//! `quantile`: all numbers of a group are kept until its last row has come.

use std::ops::Range;

use crate::ast::{Aggregate, Expr};
use crate::error::QueryError;
use crate::eval::table::{Row, Table, is_absent};
use crate::eval::window::quantile_of;
use crate::eval::{Evaluator, Steps, execution};

use super::fold::Fold;
use super::group::Histograms;
use super::param;

/// The numbers of a group, row after row.
#[derive(Default)]
struct Numbers(Vec<f64>);

impl Fold for Numbers {
    fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        self.0.extend_from_slice(&row.values);
        size_of_val(row.values.as_slice())
    }

    fn merge(&mut self, later: Numbers) {
        self.0.extend_from_slice(&later.0);
    }

    fn finish(&self, _into: &mut Row) {}
}

impl Evaluator<'_> {
    pub(super) fn eval_quantile(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let q = self.quantile_param(param(aggregate)?, steps)?;
        let vector = self.vector(&aggregate.expr, steps)?;
        let rows = vector.rows();
        let at = aggregate.expr.span.start;
        let groups = self.groups(aggregate, rows, Histograms::Ignored(at), Numbers::default)?;
        let groups = groups.ok_or_else(|| execution("histograms were met"))?;
        // Each step of each group is a piece of work of its own.
        let n = steps.count;
        let each = |range: Range<usize>| {
            let mut values = Vec::new();
            let mut found = Vec::with_capacity(range.len());
            for place in range {
                self.check()?;
                let numbers = groups.folds[place / n].0.iter().skip(place % n).step_by(n);
                values.clear();
                values.extend(numbers.filter(|value| !is_absent(**value)));
                let any = !values.is_empty();
                found.push(any.then(|| quantile_of(q[place % n], &mut values)));
            }
            Ok(found)
        };
        let mut result = self.table(steps);
        let mut row = Row::new(n);
        let mut place = 0;
        let cells = rows.len() / groups.folds.len().max(1);
        self.in_order(groups.folds.len() * n, cells, each, |found| {
            for value in found {
                if let Some(value) = value {
                    row.set_float(place % n, value);
                }
                place += 1;
                if place % n == 0 {
                    let group = place / n - 1;
                    let labels = groups.labels[group].clone();
                    result.push(labels, groups.drop_name[group], &mut row)?;
                    row.clear();
                }
            }
            Ok(())
        })?;
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
}
