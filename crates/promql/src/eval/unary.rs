//! Signs before an expression.

use std::sync::Arc;

use crate::ast::{Unary, UnaryOp};
use crate::error::QueryError;
use crate::histogram;

use super::merge::{Overlap, strip_names};
use super::table::{Cell, CellRef, Row};
use super::{Evaluator, Operand, Steps};

impl Evaluator<'_> {
    pub(super) fn eval_unary(&self, unary: &Unary, steps: Steps) -> Result<Operand, QueryError> {
        let operand = self.eval(&unary.expr, steps)?;
        if unary.op == UnaryOp::Plus {
            return Ok(operand);
        }
        match operand {
            Operand::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(Operand::Scalar(values))
            }
            Operand::Vector(table) => {
                let mut negative = self.table(steps);
                let mut row = Row::new(steps.count);
                for at in 0..table.len() {
                    row.clear();
                    for step in 0..steps.count {
                        match table.get(at, step) {
                            None => {}
                            Some(CellRef::Float(value)) => row.set_float(step, -value),
                            Some(CellRef::Histogram(histogram)) => {
                                let scaled = histogram::scale(histogram, -1.0);
                                row.set(step, Cell::Histogram(Arc::new(scaled)));
                            }
                        }
                    }
                    negative.push(table.labels[at].clone(), true, &mut row)?;
                }
                if self.removes_names_at_once() {
                    negative = strip_names(negative, Overlap::Never)?;
                }
                Ok(Operand::Vector(negative))
            }
            text => Ok(text),
        }
    }
}
