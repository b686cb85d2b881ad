//! The selectors of a PromQL expression, for questions that are about its series only.

use weft_model::Matcher;
use weft_promql::ast::{Expr, ExprKind};

/// Returns the matchers of every selector in an expression.
pub(crate) fn selectors(expression: &Expr) -> Vec<Vec<Matcher>> {
    let mut found = Vec::new();
    // The parser bounds the depth; a stack of our own needs no such promise.
    let mut pending = vec![expression];
    while let Some(expression) = pending.pop() {
        match &expression.kind {
            ExprKind::Number(_) | ExprKind::Text(_) => {}
            ExprKind::Paren(inner) => pending.push(inner),
            ExprKind::Unary(unary) => pending.push(&unary.expr),
            ExprKind::Binary(binary) => pending.extend([&binary.left, &binary.right]),
            ExprKind::Call(call) => pending.extend(&call.args),
            ExprKind::Aggregate(aggregate) => {
                pending.push(&aggregate.expr);
                pending.extend(&aggregate.param);
            }
            ExprKind::Selector(selector) => found.push(selector.matchers.clone()),
            ExprKind::Matrix(matrix) => found.push(matrix.selector.matchers.clone()),
            ExprKind::Subquery(subquery) => pending.push(&subquery.expr),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_found() {
        let expression =
            weft_promql::parse("a{x=\"1\"} + sum(rate(b[5m])) / max_over_time(c[1h:1m])").unwrap();
        let mut names: Vec<String> = selectors(&expression)
            .iter()
            .map(|it| it.last().unwrap().value.clone())
            .collect();
        names.sort();
        assert_eq!(names.len(), 3);
    }
}
