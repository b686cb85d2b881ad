//! Two expressions with an operator between them.

mod group;
mod matching;
mod set;
mod value;

use std::sync::Arc;

use crate::ast::{Binary, BinaryOp, Span, ValueType};
use crate::error::QueryError;

use super::merge::Overlap;
use super::rows::{Change, Vector};
use super::table::{Cell, CellRef};
use super::{Evaluator, Operand, Steps, execution};

use value::{Outcome, float_op, operate};

impl Evaluator<'_> {
    pub(super) fn eval_binary(
        &self,
        binary: &Binary,
        span: Span,
        steps: Steps,
    ) -> Result<Operand, QueryError> {
        let left = self.eval(&binary.left, steps)?;
        let right = self.eval(&binary.right, steps)?;
        match (left, right) {
            (Operand::Scalar(left), Operand::Scalar(right)) => {
                Ok(Operand::Scalar(scalars(binary.op, left, &right)))
            }
            (Operand::Vector(left), Operand::Vector(right)) if binary.op.is_set() => self
                .set_operation(binary, left, &right)
                .map(Operand::Vector),
            (Operand::Vector(left), Operand::Vector(right)) => self
                .match_vectors(binary, span, &left, &right)
                .map(Operand::Vector),
            _ => Err(execution(
                "binary expression must contain only scalar and instant vector types",
            )),
        }
    }

    /// Evaluates an operation between a vector and a scalar; nothing for any other.
    pub(super) fn with_scalar<'a>(
        &'a self,
        binary: &'a Binary,
        span: Span,
        steps: Steps,
    ) -> Result<Option<Vector<'a>>, QueryError> {
        let types = (binary.left.value_type(), binary.right.value_type());
        let (vector, scalar, order) = match types {
            (ValueType::Vector, ValueType::Scalar) => {
                (&binary.left, &binary.right, Order::AsWritten)
            }
            (ValueType::Scalar, ValueType::Vector) => (&binary.right, &binary.left, Order::Swapped),
            _ => return Ok(None),
        };
        // The left-hand side comes first, whichever it is.
        let (vector, scalars) = if order == Order::AsWritten {
            let vector = self.vector(vector, steps)?;
            (vector, self.eval_scalar(scalar, steps)?)
        } else {
            let scalars = self.eval_scalar(scalar, steps)?;
            (self.vector(vector, steps)?, scalars)
        };
        let mapped = self.mapped(vector, self.beside(binary, span, scalars, order))?;
        if binary.op.changes_metric() || binary.returns_bool {
            return self.renamed(mapped, Overlap::Allowed).map(Some);
        }
        Ok(Some(mapped))
    }

    /// Returns what an operation with a scalar makes of each cell.
    fn beside<'a>(
        &'a self,
        binary: &'a Binary,
        span: Span,
        scalars: Vec<f64>,
        order: Order,
    ) -> Change<'a> {
        let scalars = Arc::new(scalars);
        let of_cell = {
            let scalars = Arc::clone(&scalars);
            move |step: usize, cell: CellRef<'_>| {
                let scalar = CellRef::Float(scalars[step]);
                let outcome = match order {
                    Order::AsWritten => operate(binary.op, cell, scalar),
                    Order::Swapped => operate(binary.op, scalar, cell),
                };
                // A filter keeps the vector's value, on whichever side it stands.
                let kept = match (outcome, binary.op.is_comparison()) {
                    (Outcome::Value(_), true) => Outcome::Value(cell.to_cell()),
                    (outcome, _) => outcome,
                };
                self.settle(binary, span, kept)
            }
        };
        let (op, returns_bool) = (binary.op, binary.returns_bool);
        let of_float = move |step: usize, value: f64| {
            if op.is_trim() {
                // A number cannot be trimmed, which is worth a note.
                let sides = (CellRef::Float(value), CellRef::Float(scalars[step]));
                self.settle(binary, span, operate(op, sides.0, sides.1));
                return None;
            }
            let result = match order {
                Order::AsWritten => float_op(op, value, scalars[step]),
                Order::Swapped => float_op(op, scalars[step], value),
            };
            match result {
                _ if returns_bool => Some(f64::from(u8::from(result.is_some()))),
                Some(_) if op.is_comparison() => Some(value),
                result => result,
            }
        };
        Change::of_cells(of_float, of_cell)
    }

    /// Returns the cell that an operation yields, and notes what is worth it.
    fn settle(&self, binary: &Binary, span: Span, outcome: Outcome) -> Option<Cell> {
        let op = binary.op.as_str();
        let verdict = |holds: bool| Some(Cell::Float(if holds { 1.0 } else { 0.0 }));
        match outcome {
            Outcome::Value(_) if binary.returns_bool => verdict(true),
            Outcome::Value(cell) => Some(cell),
            Outcome::Filtered if binary.returns_bool => verdict(false),
            Outcome::Filtered => None,
            Outcome::Noted(cell, reconciled) => {
                let kind = if binary.op == BinaryOp::Sub {
                    "subtraction"
                } else {
                    "addition"
                };
                if reconciled.resets {
                    let text = format!("conflicting counter resets during histogram {kind}");
                    self.notes.warn(span.start, text);
                }
                if reconciled.bounds {
                    let text = format!("mismatched custom buckets were reconciled during {kind}");
                    self.notes.inform(span.start, text);
                }
                Some(cell)
            }
            Outcome::BadTypes(left, right) => {
                let text = format!(
                    "incompatible sample types encountered for binary operator \"{op}\": \
                     {left} {op} {right}"
                );
                self.notes.inform(span.start, text);
                None
            }
            Outcome::BadLayout => {
                let text =
                    format!("incompatible bucket layout encountered for binary operator {op}");
                self.notes.warn(span.start, text);
                None
            }
        }
    }
}

/// On which side the vector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The vector is on the left.
    AsWritten,
    /// The vector is on the right.
    Swapped,
}

fn scalars(op: BinaryOp, mut left: Vec<f64>, right: &[f64]) -> Vec<f64> {
    for (left, right) in left.iter_mut().zip(right) {
        *left = match float_op(op, *left, *right) {
            Some(_) if op.is_comparison() => 1.0,
            None if op.is_comparison() => 0.0,
            Some(value) => value,
            None => f64::NAN,
        };
    }
    left
}
