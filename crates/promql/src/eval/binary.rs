//! Two expressions with an operator between them.

mod matching;
mod set;
mod value;

use crate::ast::{Binary, BinaryOp, Span};
use crate::error::QueryError;

use super::merge::{Overlap, strip_names};
use super::table::{Cell, CellRef, Row, Table};
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
            (Operand::Vector(left), Operand::Scalar(right)) => self
                .vector_scalar(binary, span, left, &right, Order::AsWritten)
                .map(Operand::Vector),
            (Operand::Scalar(left), Operand::Vector(right)) => self
                .vector_scalar(binary, span, right, &left, Order::Swapped)
                .map(Operand::Vector),
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

    fn vector_scalar(
        &self,
        binary: &Binary,
        span: Span,
        vector: Table,
        scalars: &[f64],
        order: Order,
    ) -> Result<Table, QueryError> {
        let drops_name = binary.op.changes_metric() || binary.returns_bool;
        let mut result = if !vector.has_histograms() && !binary.op.is_trim() {
            floats_scalar(binary, vector, scalars, order).without_empty_rows()?
        } else {
            self.any_scalar(binary, span, &vector, scalars, order)?
        };
        if drops_name {
            result.drop_name.fill(true);
            if self.removes_names_at_once() {
                return strip_names(result, Overlap::Allowed);
            }
        }
        Ok(result)
    }

    fn any_scalar(
        &self,
        binary: &Binary,
        span: Span,
        vector: &Table,
        scalars: &[f64],
        order: Order,
    ) -> Result<Table, QueryError> {
        let mut result = vector.sibling(vector.steps);
        let mut row = Row::new(vector.steps);
        for at in 0..vector.len() {
            row.clear();
            for (step, scalar) in scalars.iter().enumerate() {
                let Some(cell) = vector.get(at, step) else {
                    continue;
                };
                let scalar = CellRef::Float(*scalar);
                let outcome = match order {
                    Order::AsWritten => operate(binary.op, cell, scalar),
                    Order::Swapped => operate(binary.op, scalar, cell),
                };
                // A filter keeps the vector's value, on whichever side it stands.
                let kept = match (outcome, binary.op.is_comparison()) {
                    (Outcome::Value(_), true) => Outcome::Value(cell.to_cell()),
                    (outcome, _) => outcome,
                };
                if let Some(cell) = self.settle(binary, span, kept) {
                    row.set(step, cell);
                }
            }
            result.push(vector.labels[at].clone(), vector.drop_name[at], &mut row)?;
        }
        Ok(result)
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

fn floats_scalar(binary: &Binary, mut vector: Table, scalars: &[f64], order: Order) -> Table {
    let op = binary.op;
    for at in 0..vector.len() {
        for (value, scalar) in vector.values_mut(at).iter_mut().zip(scalars) {
            if super::table::is_absent(*value) {
                continue;
            }
            let result = match order {
                Order::AsWritten => float_op(op, *value, *scalar),
                Order::Swapped => float_op(op, *scalar, *value),
            };
            *value = match result {
                Some(_) if binary.returns_bool => 1.0,
                None if binary.returns_bool => 0.0,
                Some(_) if op.is_comparison() => *value,
                Some(result) => result,
                None => super::table::ABSENT,
            };
        }
    }
    vector
}
