//! Signs before an expression.

use std::sync::Arc;

use crate::ast::{Unary, UnaryOp};
use crate::error::QueryError;
use crate::histogram;

use super::merge::Overlap;
use super::rows::{Change, Vector};
use super::table::{Cell, CellRef};
use super::{Evaluator, Operand, Steps};

impl Evaluator<'_> {
    /// Evaluates a sign before a scalar, or one that changes nothing.
    pub(super) fn eval_unary(&self, unary: &Unary, steps: Steps) -> Result<Operand, QueryError> {
        let mut operand = self.eval(&unary.expr, steps)?;
        if let Operand::Scalar(values) = &mut operand
            && unary.op == UnaryOp::Minus
        {
            values.iter_mut().for_each(|value| *value = -*value);
        }
        Ok(operand)
    }

    pub(super) fn negative<'a>(
        &'a self,
        unary: &'a Unary,
        steps: Steps,
    ) -> Result<Vector<'a>, QueryError> {
        let vector = self.vector(&unary.expr, steps)?;
        let change = Change::of_cells(
            |_, value| Some(-value),
            |_, cell| {
                Some(match cell {
                    CellRef::Float(value) => Cell::Float(-value),
                    CellRef::Histogram(histogram) => {
                        Cell::Histogram(Arc::new(histogram::scale(histogram, -1.0)))
                    }
                })
            },
        );
        self.renamed(self.mapped(vector, change)?, Overlap::Never)
    }
}
