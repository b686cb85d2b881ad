//! The door: a query's text in, an answer out.

use std::sync::Arc;

use crate::ast::{Expr, ExprKind, ValueType};
use crate::error::QueryError;
use crate::eval::{Evaluator, Ledger, Notes, Operand, QueryTimes, Steps, derived_hints};
use crate::options::{Options, QueryOptions};
use crate::parse::parse;
use crate::source::Source;
use crate::value::{Answer, Value};

mod result;

/// Evaluates queries; holds no state between them.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    options: Options,
}

/// The times of a range query: `start_ms`, then every `step_ms` up to `end_ms` inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time.
    pub start_ms: i64,
    /// The last time at most.
    pub end_ms: i64,
    /// The distance of two times; more than 0.
    pub step_ms: i64,
}

impl Engine {
    /// Returns an engine with these options.
    pub fn new(options: Options) -> Engine {
        Engine { options }
    }

    /// Returns the engine's options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Evaluates a query at one time.
    pub fn instant(
        &self,
        source: &dyn Source,
        query: &str,
        time_ms: i64,
        options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        let expr = parse(query)?;
        self.instant_expr(source, &expr, query, time_ms, options)
    }

    /// Evaluates a parsed query at one time; `query` is the text it was parsed from.
    pub fn instant_expr(
        &self,
        source: &dyn Source,
        expr: &Expr,
        query: &str,
        time_ms: i64,
        options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        let times = QueryTimes {
            start: time_ms,
            end: time_ms,
            step: 0,
            is_range: false,
        };
        let evaluator = self.evaluator(source, expr, times, options);
        let value = evaluate_instant(&evaluator, expr, time_ms)?;
        Ok(answer(evaluator, query, value))
    }

    /// Evaluates a query at every step of a range.
    pub fn range(
        &self,
        source: &dyn Source,
        query: &str,
        range: TimeRange,
        options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        let expr = parse(query)?;
        self.range_expr(source, &expr, query, range, options)
    }

    /// Evaluates a parsed query at every step of a range; `query` is the text it was parsed from.
    pub fn range_expr(
        &self,
        source: &dyn Source,
        expr: &Expr,
        query: &str,
        range: TimeRange,
        options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        check_range(expr, range, options.limits.points_max)?;
        let times = QueryTimes {
            start: range.start_ms,
            end: range.end_ms,
            step: range.step_ms,
            is_range: true,
        };
        let evaluator = self.evaluator(source, expr, times, options);
        let steps = Steps::of_range(range);
        let value = match evaluator.eval(expr, steps)? {
            Operand::Scalar(values) => result::scalar_series(values, steps),
            Operand::Vector(table) => result::matrix(table, steps)?,
            Operand::Text(_) => return Err(not_for_ranges(ValueType::String)),
        };
        Ok(answer(evaluator, query, Value::Matrix(value)))
    }

    fn evaluator<'q>(
        &'q self,
        source: &'q dyn Source,
        expr: &Expr,
        times: QueryTimes,
        options: &'q QueryOptions<'q>,
    ) -> Evaluator<'q> {
        let lookback = options.lookback_ms.unwrap_or(self.options.lookback_ms);
        Evaluator {
            source,
            options: &self.options,
            query: options,
            times,
            lookback: lookback.max(1),
            ledger: Ledger::new(options.limits),
            notes: Notes::default(),
            derived_hints: derived_hints(expr),
        }
    }
}

fn answer(evaluator: Evaluator<'_>, query: &str, value: Value) -> Answer {
    let stats = Arc::clone(&evaluator.ledger).stats();
    let (warnings, infos) = evaluator.notes.into_texts(query);
    Answer {
        value,
        warnings,
        infos,
        stats,
    }
}

fn evaluate_instant(
    evaluator: &Evaluator<'_>,
    expr: &Expr,
    time_ms: i64,
) -> Result<Value, QueryError> {
    let steps = Steps::once(time_ms);
    match &expr.without_parens().kind {
        ExprKind::Matrix(matrix) => {
            return result::raw_matrix(evaluator, matrix, steps).map(Value::Matrix);
        }
        ExprKind::Subquery(subquery) => {
            return result::raw_subquery(evaluator, subquery, steps).map(Value::Matrix);
        }
        _ => {}
    }
    Ok(match evaluator.eval(expr, steps)? {
        Operand::Scalar(values) => Value::Scalar {
            time_ms,
            value: values.first().copied().unwrap_or(f64::NAN),
        },
        Operand::Text(text) => Value::String {
            time_ms,
            text: text.to_str_lossy().into_owned(),
        },
        Operand::Vector(table) => Value::Vector(result::vector(table, time_ms)?),
    })
}

fn check_range(expr: &Expr, range: TimeRange, points_max: usize) -> Result<(), QueryError> {
    let found = expr.value_type();
    if !matches!(found, ValueType::Scalar | ValueType::Vector) {
        return Err(not_for_ranges(found));
    }
    if range.step_ms <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(QueryError::BadData(message.to_owned()));
    }
    if range.end_ms < range.start_ms {
        let message = "end timestamp must not be before start time";
        return Err(QueryError::BadData(message.to_owned()));
    }
    let points = (range.end_ms.saturating_sub(range.start_ms)) / range.step_ms;
    if points as usize > points_max {
        let limit = with_thousands(points_max);
        return Err(QueryError::BadData(format!(
            "exceeded maximum resolution of {limit} points per timeseries. Try decreasing the \
             query resolution (?step=XX)"
        )));
    }
    Ok(())
}

fn not_for_ranges(found: ValueType) -> QueryError {
    QueryError::BadData(format!(
        "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
        found.as_str()
    ))
}

fn with_thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
