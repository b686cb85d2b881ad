//! Which expressions have the same value at every step.

use crate::ast::{Call, Expr, ExprKind, FunctionId};

/// Tells whether an expression does not depend on the time of its evaluation.
pub(super) fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => true,
        ExprKind::Paren(inner) => is_invariant(inner),
        ExprKind::Unary(unary) => is_invariant(&unary.expr),
        ExprKind::Binary(binary) => is_invariant(&binary.left) && is_invariant(&binary.right),
        ExprKind::Call(call) => is_invariant_call(call),
        ExprKind::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_ref().is_none_or(is_invariant)
        }
        ExprKind::Selector(selector) => selector.at.is_some(),
        ExprKind::Matrix(matrix) => matrix.selector.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.at.is_some(),
    }
}

fn is_invariant_call(call: &Call) -> bool {
    use FunctionId as Id;
    let depends_on_time = match call.function.id {
        Id::Time | Id::Timestamp | Id::PredictLinear | Id::Info => true,
        Id::DayOfMonth | Id::DayOfWeek | Id::DayOfYear | Id::DaysInMonth | Id::Hour => {
            call.args.is_empty()
        }
        Id::Minute | Id::Month | Id::Year => call.args.is_empty(),
        _ => false,
    };
    !depends_on_time && call.args.iter().all(is_invariant)
}
