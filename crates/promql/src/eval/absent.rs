//! `absent` and `absent_over_time`: 1 where there is nothing.

use std::ops::Range;

use weft_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

use crate::ast::{Call, Expr, ExprKind, FunctionId};
use crate::error::QueryError;

use super::call::arg;
use super::rows::Vector;
use super::table::{Row, Table};
use super::{Evaluator, Steps, execution, window};

impl Evaluator<'_> {
    pub(super) fn eval_absent(&self, call: &Call, steps: Steps) -> Result<Table, QueryError> {
        let expr = arg(call, 0)?;
        let vector = self.vector(expr, steps)?;
        self.absence(&vector, expr, steps)
    }

    pub(super) fn eval_absent_over_time(
        &self,
        call: &Call,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let kernel = window::kernel(FunctionId::AbsentOverTime)
            .ok_or_else(|| execution("unknown function absent_over_time"))?;
        let vector = self.range_call(call, kernel, steps)?;
        self.absence(&vector, arg(call, 0)?, steps)
    }

    /// Returns 1 at each step at which no row has a value.
    fn absence(&self, vector: &Vector<'_>, expr: &Expr, steps: Steps) -> Result<Table, QueryError> {
        let rows = vector.rows();
        let mut present = vec![false; steps.count];
        let each = |range: Range<usize>| {
            let mut present = vec![false; steps.count];
            self.make_each(rows, range, |_, scratch| {
                for (step, present) in present.iter_mut().enumerate() {
                    *present |= scratch.row.get(step).is_some();
                }
                Ok(())
            })?;
            Ok(present)
        };
        self.in_order(rows.len(), rows.cost(), each, |part| {
            present
                .iter_mut()
                .zip(part)
                .for_each(|(all, one)| *all |= one);
            Ok(())
        })?;
        let mut row = Row::new(steps.count);
        for step in (0..steps.count).filter(|step| !present[*step]) {
            row.set_float(step, 1.0);
        }
        let mut absent = self.table(steps);
        absent.push(labels_asked_for(expr.without_parens()), false, &mut row)?;
        Ok(absent)
    }
}

/// Returns the labels that a selector asks for by equality, each only once.
fn labels_asked_for(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match &expr.kind {
        ExprKind::Selector(selector) => &selector.matchers,
        ExprKind::Matrix(matrix) => &matrix.selector.matchers,
        _ => &[],
    };
    let mut labels = LabelsBuilder::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers
        .iter()
        .filter(|matcher| matcher.name != METRIC_NAME)
    {
        let name = matcher.name.as_str();
        if matcher.op == MatchOp::Equal && !seen.contains(&name) {
            labels.set(name, &matcher.value);
            seen.push(name);
        } else {
            labels.remove(name);
        }
    }
    labels.build()
}
