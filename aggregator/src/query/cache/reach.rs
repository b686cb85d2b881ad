//! Which time a step of a query looks at, for queries whose steps do not depend on one another.
//!
//! In: an expression. Out: how far it reaches back and ahead of a step, or nothing where steps
//! cannot be kept: fixed times, the query's own bounds, computed durations, samples picked at
//! random. Nor where series of different steps may come to have equal labels and fail the whole
//! query, as they may when a function takes the names off series that have several.

use weft_model::{METRIC_NAME, MatchOp, Matcher};
use weft_promql::ast::{
    AggregateOp, BinaryOp, DurationExpr, Expr, ExprKind, FunctionId, Selector, SelectorMode,
};

/// How far around a step a query looks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    back: i64,
    ahead: i64,
}

/// Whether a single name must be known because names are taken off at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Any,
    One,
}

impl Reach {
    /// Returns the reach of an expression; nothing if its steps cannot be kept.
    pub(super) fn of(expr: &Expr, lookback_ms: i64) -> Option<Reach> {
        visit(expr, lookback_ms, Names::Any)
    }

    /// Returns the first time that a step looks at.
    pub(super) fn first(self, step: i64) -> i64 {
        step.saturating_sub(self.back)
    }

    /// Returns the last time that a step looks at.
    pub(super) fn last(self, step: i64) -> i64 {
        step.saturating_add(self.ahead)
    }

    /// Returns the last time of a step that looks only at what is before `time`.
    pub(super) fn before(self, time: i64) -> i64 {
        time.saturating_sub(self.ahead).saturating_sub(1)
    }

    fn with(self, other: Reach) -> Reach {
        Reach {
            back: self.back.max(other.back),
            ahead: self.ahead.max(other.ahead),
        }
    }

    /// Returns the reach of something evaluated so long before.
    fn shifted(self, window: i64, offset: i64) -> Reach {
        let back = self.back.saturating_add(window);
        Reach {
            back: back.saturating_add(offset.max(0)),
            ahead: self.ahead.saturating_add(offset.min(0).saturating_neg()),
        }
    }
}

fn visit(expr: &Expr, lookback: i64, names: Names) -> Option<Reach> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => Some(Reach::default()),
        ExprKind::Paren(inner) => visit(inner, lookback, names),
        ExprKind::Unary(unary) => visit(&unary.expr, lookback, Names::One),
        ExprKind::Binary(binary) if binary.op == BinaryOp::Or && names == Names::One => None,
        ExprKind::Binary(binary) => visit_all([&binary.left, &binary.right], lookback, names),
        ExprKind::Call(call) if spans_steps(call.function.id) => None,
        ExprKind::Call(call) if names == Names::One && may_rename(call.function.id) => None,
        ExprKind::Call(call) => visit_all(&call.args, lookback, names),
        ExprKind::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Limitk | AggregateOp::LimitRatio => None,
            _ => {
                let param = aggregate.param.iter();
                visit_all(param.chain([&aggregate.expr]), lookback, names)
            }
        },
        ExprKind::Selector(selector) => {
            let offset = plain_offset(selector, names)?;
            Some(Reach::default().shifted(lookback, offset))
        }
        ExprKind::Matrix(matrix) => {
            let offset = plain_offset(&matrix.selector, Names::One)?;
            Some(Reach::default().shifted(millis(&matrix.range)?, offset))
        }
        ExprKind::Subquery(subquery) => {
            let step = subquery.step.as_ref();
            if subquery.at.is_some() || step.is_some_and(|step| step.literal().is_none()) {
                return None;
            }
            let offset = offset_of(subquery.offset.as_ref())?;
            let inner = visit(&subquery.expr, lookback, Names::One)?;
            Some(inner.shifted(millis(&subquery.range)?, offset))
        }
    }
}

fn visit_all<'e>(
    exprs: impl IntoIterator<Item = &'e Expr>,
    lookback: i64,
    names: Names,
) -> Option<Reach> {
    let mut exprs = exprs.into_iter();
    exprs.try_fold(Reach::default(), |reach, expr| {
        Some(reach.with(visit(expr, lookback, names)?))
    })
}

/// Tells whether a function looks at more than the step it is evaluated at.
fn spans_steps(function: FunctionId) -> bool {
    use FunctionId as Id;
    matches!(
        function,
        Id::Start | Id::End | Id::Range | Id::Step | Id::Info
    )
}

fn may_rename(function: FunctionId) -> bool {
    matches!(function, FunctionId::LabelReplace | FunctionId::LabelJoin)
}

fn plain_offset(selector: &Selector, names: Names) -> Option<i64> {
    let is_name = |matcher: &Matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
    let named = names == Names::Any || selector.matchers.iter().any(is_name);
    let plain = selector.at.is_none() && selector.mode == SelectorMode::Plain;
    if named && plain {
        offset_of(selector.offset.as_ref())
    } else {
        None
    }
}

fn offset_of(offset: Option<&DurationExpr>) -> Option<i64> {
    offset.map_or(Some(0), millis)
}

fn millis(duration: &DurationExpr) -> Option<i64> {
    Some((duration.literal()? * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Option<(i64, i64)>) {
        let expr = weft_promql::parse(query).unwrap();
        let reach = Reach::of(&expr, 300_000);
        let seconds = reach.map(|reach| (reach.back / 1000, reach.ahead / 1000));
        assert_eq!(seconds, expected, "{query}");
    }

    #[test]
    fn a_query_reaches_as_far_as_its_selectors() {
        check("1 + time()", Some((0, 0)));
        check("up", Some((300, 0)));
        check("up offset 1m", Some((360, 0)));
        check("up offset -1m", Some((300, 60)));
        check("sum by (a) (rate(x[10m])) / sum(y)", Some((600, 0)));
        check(
            "max_over_time(rate(x[1m])[1h:1m] offset 5m)",
            Some((3960, 0)),
        );
        check("max_over_time(x[1h:] offset -5m)", Some((3900, 300)));
        check("topk(scalar(up offset 10m), up)", Some((900, 0)));
        check("{a=\"b\"} > 0", Some((300, 0)));
    }

    #[test]
    fn what_depends_on_other_steps_is_not_kept() {
        for query in [
            "up @ 5",
            "up @ end()",
            "sum_over_time(up[1h:1m] @ start())",
            "up * step()",
            "end() - time()",
            "rate(x[5m + range()])",
            "rate(x[1h:step()])",
            "rate(x[5m] smoothed)",
            "limitk(1, up)",
            "info(up)",
            "rate({a=\"b\"}[5m])",
            "-{__name__=~\"a|b\"}",
            "rate((a or b)[5m:1m])",
        ] {
            check(query, None);
        }
    }
}
