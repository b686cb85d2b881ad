//! Which selectors feed only the count, sum or average of histograms.
//!
//! Their buckets do not matter for the result, and hints about counter resets are found out from
//! the samples at hand, so that `histogram_count(sum(x))` can warn of histograms that disagree.

use std::collections::HashSet;

use crate::ast::{Expr, ExprKind, FunctionId};

/// Returns where these selectors stand.
pub(crate) fn derived_hints(expr: &Expr) -> HashSet<u32> {
    let mut found = HashSet::new();
    visit(expr, false, &mut found);
    found
}

fn visit(expr: &Expr, within: bool, found: &mut HashSet<u32>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => {}
        ExprKind::Paren(inner) => visit(inner, within, found),
        ExprKind::Unary(unary) => visit(&unary.expr, within, found),
        ExprKind::Binary(binary) => {
            let within = within && !binary.op.is_trim();
            visit(&binary.left, within, found);
            visit(&binary.right, within, found);
        }
        ExprKind::Aggregate(aggregate) => {
            visit(&aggregate.expr, within, found);
            if let Some(param) = &aggregate.param {
                visit(param, false, found);
            }
        }
        ExprKind::Call(call) => {
            use FunctionId as Id;
            let within = match call.function.id {
                Id::HistogramCount | Id::HistogramSum | Id::HistogramAvg => true,
                Id::HistogramQuantile | Id::HistogramQuantiles | Id::HistogramFraction => false,
                _ => within,
            };
            call.args.iter().for_each(|arg| visit(arg, within, found));
        }
        // A subquery may leave out samples or take them twice.
        ExprKind::Subquery(subquery) => visit(&subquery.expr, false, found),
        ExprKind::Selector(_) if within => {
            found.insert(expr.span.start);
        }
        ExprKind::Matrix(matrix) if within => {
            found.insert(matrix.selector_span.start);
        }
        ExprKind::Selector(_) | ExprKind::Matrix(_) => {}
    }
}
