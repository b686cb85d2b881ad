//! What the grammar alone cannot tell: matchers that select anything, aggregations that need an
//! unwrapped value or must not have one, operands of the wrong kind.

use weft_matcher::LabelMatcher;
use weft_model::Matcher;

use super::ParseError;
use crate::ast::{BinaryOp, Expr, MetricExpr, RangeAggregation, RangeOp};

/// Checks a whole expression.
pub(super) fn expr(expr: &Expr) -> Result<(), ParseError> {
    match expr {
        Expr::Log(log) => matchers(&log.matchers),
        Expr::Metric(metric) => self::metric(metric),
    }
}

/// Checks a selector: `{}` selects every stream on purpose, but conditions that all hold for an
/// absent label are taken for a mistake.
pub(super) fn matchers(matchers: &[Matcher]) -> Result<(), ParseError> {
    let selects = |matcher: &Matcher| {
        LabelMatcher::compile(matcher).is_ok_and(|compiled| !compiled.matches_empty())
    };
    if matchers.is_empty() || matchers.iter().any(selects) {
        return Ok(());
    }
    Err(ParseError::whole(
        "queries require at least one regexp or equality matcher that does not have an \
         empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but \
         app=~\".+\" will",
    ))
}

fn metric(expr: &MetricExpr) -> Result<(), ParseError> {
    match expr {
        MetricExpr::Range(aggregation) => range(aggregation),
        MetricExpr::Vector(aggregation) => not_literal(&aggregation.expr, aggregation.op.name())
            .and_then(|()| metric(&aggregation.expr)),
        MetricExpr::LabelReplace(replace) => metric(&replace.expr),
        MetricExpr::Literal(_) | MetricExpr::ConstantVector(_) => Ok(()),
        MetricExpr::Binary(binary) => {
            let is_set = matches!(binary.op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
            for (side, leg) in [(&binary.left, "left"), (&binary.right, "right")] {
                if let (true, MetricExpr::Literal(value)) = (is_set, side) {
                    return Err(ParseError::whole(format!(
                        "unexpected literal for {leg} leg of logical/set binary operation ({}): \
                         {value:.6}",
                        binary.op.symbol()
                    )));
                }
                metric(side)?;
            }
            Ok(())
        }
    }
}

fn not_literal(expr: &MetricExpr, operation: &str) -> Result<(), ParseError> {
    match expr {
        MetricExpr::Literal(_) => Err(ParseError::whole(format!(
            "unexpected literal in aggregation {operation}"
        ))),
        _ => Ok(()),
    }
}

fn range(aggregation: &RangeAggregation) -> Result<(), ParseError> {
    matchers(&aggregation.range.log.matchers)?;
    let name = aggregation.op.name();
    let is_unwrapped = aggregation.range.unwrap.is_some();
    match aggregation.op.unwrapping() {
        Unwrapping::Required if !is_unwrapped => {
            let message = format!("invalid aggregation {name} without unwrap");
            return Err(ParseError::whole(message));
        }
        Unwrapping::Forbidden if is_unwrapped => {
            let message = format!("invalid aggregation {name} with unwrap");
            return Err(ParseError::whole(message));
        }
        _ => {}
    }
    match (aggregation.op, aggregation.parameter) {
        (RangeOp::Quantile, None) => {
            let message = format!("parameter required for operation {name}");
            return Err(ParseError::whole(message));
        }
        (RangeOp::Quantile, Some(_)) | (_, None) => {}
        (_, Some(_)) => {
            let message = format!("parameter not supported for operation {name}");
            return Err(ParseError::whole(message));
        }
    }
    if aggregation.grouping.is_some() && !aggregation.op.allows_grouping() {
        let message = format!("grouping not allowed for {name} aggregation");
        return Err(ParseError::whole(message));
    }
    Ok(())
}

/// Whether an aggregation works on unwrapped values.
enum Unwrapping {
    Required,
    Optional,
    Forbidden,
}

impl RangeOp {
    fn unwrapping(self) -> Unwrapping {
        match self {
            RangeOp::Count | RangeOp::Bytes | RangeOp::BytesRate => Unwrapping::Forbidden,
            RangeOp::Rate | RangeOp::Absent => Unwrapping::Optional,
            _ => Unwrapping::Required,
        }
    }

    fn allows_grouping(self) -> bool {
        matches!(
            self,
            RangeOp::Avg
                | RangeOp::Min
                | RangeOp::Max
                | RangeOp::First
                | RangeOp::Last
                | RangeOp::Stddev
                | RangeOp::Stdvar
                | RangeOp::Quantile
        )
    }
}
