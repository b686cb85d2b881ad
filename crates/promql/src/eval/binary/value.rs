//! An operator between two values.

use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::BinaryOp;
use crate::eval::table::{Cell, CellRef};
use crate::histogram::{self, Incompatible, Reconciled, Side};

/// What an operation yields.
pub(super) enum Outcome {
    Value(Cell),
    /// A sum or difference for which something had to be reconciled.
    Noted(Cell, Reconciled),
    /// The comparison does not hold.
    Filtered,
    /// The operator is not for values of these types.
    BadTypes(&'static str, &'static str),
    /// The histograms cannot be added.
    BadLayout,
}

/// Applies an operator; a comparison that holds yields its left-hand side.
pub(super) fn operate(op: BinaryOp, left: CellRef<'_>, right: CellRef<'_>) -> Outcome {
    const FLOAT: &str = "float";
    const HISTOGRAM: &str = "histogram";
    let of = |histogram: FloatHistogram| Outcome::Value(Cell::Histogram(Arc::new(histogram)));
    match (left, right) {
        (CellRef::Float(_), CellRef::Float(_)) if op.is_trim() => Outcome::BadTypes(FLOAT, FLOAT),
        (CellRef::Float(left), CellRef::Float(right)) => match float_op(op, left, right) {
            Some(value) => Outcome::Value(Cell::Float(value)),
            None => Outcome::Filtered,
        },
        (CellRef::Float(left), CellRef::Histogram(right)) => match op {
            BinaryOp::Mul => of(histogram::scale(right, left)),
            _ => Outcome::BadTypes(FLOAT, HISTOGRAM),
        },
        (CellRef::Histogram(left), CellRef::Float(right)) => match op {
            BinaryOp::Mul => of(histogram::scale(left, right)),
            BinaryOp::Div => of(histogram::divide(left, right)),
            BinaryOp::TrimUpper => of(histogram::trim(left, right, Side::Below)),
            BinaryOp::TrimLower => of(histogram::trim(left, right, Side::Above)),
            _ => Outcome::BadTypes(HISTOGRAM, FLOAT),
        },
        (CellRef::Histogram(left), CellRef::Histogram(right)) => {
            let kept = |holds: bool| {
                let cell = Cell::Histogram(Arc::clone(left));
                if holds {
                    Outcome::Value(cell)
                } else {
                    Outcome::Filtered
                }
            };
            match op {
                BinaryOp::Add => added(histogram::sum(left, right)),
                BinaryOp::Sub => {
                    let difference = histogram::difference(left, right);
                    added(difference.map(|(mut difference, reconciled)| {
                        difference.reset_hint = ResetHint::Gauge;
                        (difference, reconciled)
                    }))
                }
                BinaryOp::Equal => kept(histogram::equal(left, right)),
                BinaryOp::NotEqual => kept(!histogram::equal(left, right)),
                _ => Outcome::BadTypes(HISTOGRAM, HISTOGRAM),
            }
        }
    }
}

fn added(result: Result<(FloatHistogram, Reconciled), Incompatible>) -> Outcome {
    match result {
        Ok((histogram, reconciled)) => {
            let cell = Cell::Histogram(Arc::new(histogram));
            if reconciled == Reconciled::default() {
                Outcome::Value(cell)
            } else {
                Outcome::Noted(cell, reconciled)
            }
        }
        Err(Incompatible) => Outcome::BadLayout,
    }
}

/// Returns the result, or for a comparison the left-hand side if it holds.
pub(super) fn float_op(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    let holds = match op {
        BinaryOp::Add => return Some(left + right),
        BinaryOp::Sub => return Some(left - right),
        BinaryOp::Mul => return Some(left * right),
        BinaryOp::Div => return Some(left / right),
        BinaryOp::Mod => return Some(left % right),
        BinaryOp::Pow => return Some(left.powf(right)),
        BinaryOp::Atan2 => return Some(left.atan2(right)),
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessOrEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterOrEqual => left >= right,
        BinaryOp::TrimUpper | BinaryOp::TrimLower => return None,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => return None,
    };
    holds.then_some(left)
}
