//! Binary operators between numbers and vectors.

use super::column::{Columns, Grid};
use super::matching;
use super::metric::Evaluated;
use crate::ast::{Binary, BinaryOp};
use crate::query::QueryError;

/// Applies an operator.
pub(super) fn apply(
    binary: &Binary,
    left: Evaluated,
    right: Evaluated,
    grid: Grid,
) -> Result<Evaluated, QueryError> {
    Ok(match (left, right) {
        (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
            Evaluated::Scalar(numbers(binary.op, left, right))
        }
        (Evaluated::Vector(columns), Evaluated::Scalar(number)) => {
            Evaluated::Vector(with_number(binary, columns, |value| (value, number)))
        }
        (Evaluated::Scalar(number), Evaluated::Vector(columns)) => {
            Evaluated::Vector(with_number(binary, columns, |value| (number, value)))
        }
        (Evaluated::Vector(left), Evaluated::Vector(right)) => Evaluated::Vector(match binary.op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => {
                matching::sets(binary, left, right, grid)
            }
            _ => matching::vectors(binary, left, right, grid)?,
        }),
    })
}

/// Applies an operator to every value of a vector; `sides` puts the value on its side.
fn with_number(
    binary: &Binary,
    mut columns: Columns,
    sides: impl Fn(f64) -> (f64, f64),
) -> Columns {
    for column in &mut columns {
        for slot in &mut column.values {
            *slot = slot.and_then(|value| {
                let (left, right) = sides(value);
                combined(binary, left, right, value)
            });
        }
    }
    columns
}

/// Returns the value of two samples: for a comparison that filters, `kept` or none.
pub(super) fn combined(binary: &Binary, left: f64, right: f64, kept: f64) -> Option<f64> {
    match binary.op {
        BinaryOp::Compare(op) if !binary.returns_bool => op.holds(left, right).then_some(kept),
        op => Some(numbers(op, left, right)),
    }
}

/// Returns the value of an operator; a comparison is 0 or 1.
fn numbers(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide => left / right,
        BinaryOp::Modulo => left % right,
        BinaryOp::Power => left.powf(right),
        BinaryOp::Compare(op) => f64::from(u8::from(op.holds(left, right))),
        // The parser lets no number stand beside these.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}
