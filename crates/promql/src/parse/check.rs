//! What a tree must fulfil beyond its syntax: types, counts of arguments, matching.

use weft_matcher::LabelMatcher;
use weft_model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ExprKind, FunctionId, Selector, Span,
    ValueType, Variadic, quote,
};

use super::Fault;

/// Checks a tree; fails at the first fault in the order in which the query reads.
pub(super) fn check(expr: &Expr) -> Result<(), Fault> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => Ok(()),
        ExprKind::Paren(inner) => check(inner),
        ExprKind::Unary(unary) => {
            check(&unary.expr)?;
            let found = unary.expr.value_type();
            if matches!(found, ValueType::Scalar | ValueType::Vector) {
                return Ok(());
            }
            let message = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, \
                 got {}",
                quote(found.as_str())
            );
            Err(Fault::new(expr.span, message))
        }
        ExprKind::Binary(binary) => check_binary(binary, expr.span),
        ExprKind::Call(call) => check_call(call, expr.span),
        ExprKind::Aggregate(aggregate) => check_aggregate(aggregate),
        ExprKind::Selector(selector) => {
            check_names(selector, expr.span)?;
            check_not_empty(selector, expr.span)
        }
        ExprKind::Matrix(matrix) => {
            check_names(&matrix.selector, matrix.selector_span)?;
            check_not_empty(&matrix.selector, matrix.selector_span)
        }
        ExprKind::Subquery(subquery) => {
            check(&subquery.expr)?;
            let found = subquery.expr.value_type();
            if found == ValueType::Vector {
                return Ok(());
            }
            let message = format!(
                "subquery is only allowed on instant vector, got {} instead",
                found.as_str()
            );
            Err(Fault::new(expr.span, message))
        }
    }
}

/// A name stands before the braces or within them, but only once.
fn check_names(selector: &Selector, span: Span) -> Result<(), Fault> {
    let named_outside = !selector.name.is_empty();
    let names_metric = |matcher: &&Matcher| {
        matcher.name == METRIC_NAME && (named_outside || matcher.op == MatchOp::Equal)
    };
    let mut names = selector.matchers.iter().filter(names_metric);
    let (Some(first), Some(second)) = (names.next(), names.next()) else {
        return Ok(());
    };
    let (name, other) = if named_outside {
        (&selector.name, &first.value)
    } else {
        (&first.value, &second.value)
    };
    let (name, other) = (quote(name), quote(other));
    let message = format!("metric name must not be set twice: {name} or {other}");
    Err(Fault::new(span, message))
}

fn check_not_empty(selector: &Selector, span: Span) -> Result<(), Fault> {
    let selects = |matcher| LabelMatcher::compile(matcher).is_ok_and(|m| !m.matches_empty());
    if !selector.name.is_empty() || selector.matchers.iter().any(selects) {
        return Ok(());
    }
    let message = "vector selector must contain at least one non-empty matcher";
    Err(Fault::new(span, message))
}

fn check_binary(binary: &Binary, span: Span) -> Result<(), Fault> {
    check(&binary.left)?;
    check(&binary.right)?;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let op = binary.op;
    let op_span = Span {
        start: binary.left.span.end,
        end: binary.right.span.start,
    };
    let matching = &binary.matching;
    let fail = |span, message: String| Err(Fault::new(span, message));
    if binary.returns_bool && !op.is_comparison() {
        let message = "bool modifier can only be used on comparison operators";
        return fail(op_span, message.to_owned());
    }
    let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    if op.is_comparison() && !binary.returns_bool && scalars {
        let message = "comparisons between scalars must use BOOL modifier";
        return fail(op_span, message.to_owned());
    }
    let twice = |label: &&String| matching.on && matching.include.contains(label);
    if let Some(label) = matching.labels.iter().find(twice) {
        let label = quote(label);
        let message = format!("label {label} must not occur in ON and GROUP clause at once");
        return fail(op_span, message);
    }
    for side in [&binary.left, &binary.right] {
        if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return fail(side.span, message.to_owned());
        }
    }
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if left != ValueType::Vector || right != ValueType::Vector {
        if !matching.labels.is_empty() {
            let message = "vector matching only allowed between instant vectors";
            return fail(span, message.to_owned());
        }
        if fills {
            let message = "filling in missing series only allowed between instant vectors";
            return fail(span, message.to_owned());
        }
        if op.is_set() {
            let op = quote(op.as_str());
            let message = format!("set operator {op} not allowed in binary scalar expression");
            return fail(span, message);
        }
    } else if op.is_set() {
        if matching.cardinality != Cardinality::ManyToMany {
            let message = format!("no grouping allowed for {} operation", quote(op.as_str()));
            return fail(span, message);
        }
        if fills {
            let message = "filling in missing series not allowed for set operators";
            return fail(span, message.to_owned());
        }
    }
    Ok(())
}

fn check_call(call: &Call, span: Span) -> Result<(), Fault> {
    let function = call.function;
    let (wanted, given) = (function.args.len(), call.args.len());
    let name = quote(function.name);
    let fault = match function.variadic {
        Variadic::Exact if given != wanted => Some(format!(
            "expected {wanted} argument(s) in call to {name}, got {given}"
        )),
        Variadic::UpTo(_) | Variadic::Unbounded if given + 1 < wanted => Some(format!(
            "expected at least {} argument(s) in call to {name}, got {given}",
            wanted - 1
        )),
        Variadic::UpTo(more) if given > wanted - 1 + more => Some(format!(
            "expected at most {} argument(s) in call to {name}, got {given}",
            wanted - 1 + more
        )),
        _ => None,
    };
    if let Some(message) = fault {
        return Err(Fault::new(span, message));
    }
    let context = format!("call to function {name}");
    for (at, arg) in call.args.iter().enumerate() {
        if function.id == FunctionId::Info && at == 1 {
            check_info_selector(arg)?;
            continue;
        }
        check_type(arg, function.args[at.min(wanted - 1)], &context)?;
    }
    Ok(())
}

/// The second argument of `info` is a set of conditions only, which may all match nothing.
fn check_info_selector(arg: &Expr) -> Result<(), Fault> {
    match &arg.kind {
        ExprKind::Selector(selector) if selector.name.is_empty() => check_names(selector, arg.span),
        ExprKind::Selector(_) => {
            let message = "expected label selectors only, got vector selector instead";
            Err(Fault::new(arg.span, message))
        }
        _ => {
            let found = arg.value_type().as_str();
            let message = format!("expected label selectors only, got {found} instead");
            Err(Fault::new(arg.span, message))
        }
    }
}

fn check_aggregate(aggregate: &Aggregate) -> Result<(), Fault> {
    check_type(&aggregate.expr, ValueType::Vector, "aggregation expression")?;
    match &aggregate.param {
        Some(param) if aggregate.op == AggregateOp::CountValues => {
            check_type(param, ValueType::String, "aggregation parameter")
        }
        Some(param) => check_type(param, ValueType::Scalar, "aggregation parameter"),
        None => Ok(()),
    }
}

fn check_type(expr: &Expr, wanted: ValueType, context: &str) -> Result<(), Fault> {
    check(expr)?;
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (wanted.as_str(), found.as_str());
    let message = format!("expected type {wanted} in {context}, got {found}");
    Err(Fault::new(expr.span, message))
}
