//! The door: a query's text in, an answer out.

use crate::ast::{Expr, ExprKind, ValueType};
use crate::error::QueryError;
use crate::eval::{Evaluator, Ledger, Notes, Operand, QueryTimes, Steps, derived_hints};
use crate::options::{Options, QueryOptions};
use crate::parse::parse;
use crate::source::Source;
use crate::value::{Answer, Series, Value};

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
        answer(
            evaluator,
            query,
            |evaluator| evaluate_instant(evaluator, expr, time_ms),
            |_, evaluated| lay_out_instant(evaluated, time_ms),
        )
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
        answer(
            evaluator,
            query,
            |evaluator| evaluator.eval(expr, steps).map(Evaluated::Operand),
            |evaluator, evaluated| {
                let series = match evaluated {
                    Evaluated::Operand(Operand::Scalar(values)) => {
                        result::scalar_series(values, steps)
                    }
                    Evaluated::Operand(Operand::Vector(table)) => {
                        result::matrix(evaluator, table, steps)?
                    }
                    Evaluated::Operand(Operand::Text(_)) => {
                        return Err(not_for_ranges(ValueType::String));
                    }
                    Evaluated::Raw(series) => series,
                };
                Ok(Value::Matrix(series))
            },
        )
    }

    fn evaluator<'q>(
        &'q self,
        source: &'q dyn Source,
        expr: &Expr,
        times: QueryTimes,
        options: &'q QueryOptions<'q>,
    ) -> Evaluator<'q> {
        let steps = if times.is_range {
            Steps::between(times.start, times.end, times.step.max(1)).count
        } else {
            1
        };
        let lookback = options.lookback_ms.unwrap_or(self.options.lookback_ms);
        Evaluator {
            source,
            options: &self.options,
            query: options,
            times,
            lookback: lookback.max(1),
            ledger: Ledger::new(
                options.limits,
                options.budget.clone(),
                (options.stats, steps),
            ),
            notes: Notes::default(),
            derived_hints: derived_hints(expr),
        }
    }
}

/// Evaluates and lays out the result, taking the time of both.
fn answer(
    evaluator: Evaluator<'_>,
    query: &str,
    evaluate: impl FnOnce(&Evaluator<'_>) -> Result<Evaluated, QueryError>,
    lay_out: impl FnOnce(&Evaluator<'_>, Evaluated) -> Result<Value, QueryError>,
) -> Result<Answer, QueryError> {
    let begin = evaluator.nanos();
    let evaluated = evaluate(&evaluator)?;
    let evaluated_at = evaluator.nanos();
    let value = lay_out(&evaluator, evaluated)?;
    let laid_out_at = evaluator.nanos();
    let mut stats = evaluator.ledger.stats();
    let evaluate = evaluated_at.saturating_sub(begin);
    stats.timings.evaluate = evaluate.saturating_sub(stats.timings.prepare);
    stats.timings.sort = laid_out_at.saturating_sub(evaluated_at);
    let (warnings, infos) = evaluator.notes.into_texts(query);
    Ok(Answer {
        value,
        warnings,
        infos,
        stats,
    })
}

/// What a query evaluates to, before it is laid out.
enum Evaluated {
    Operand(Operand),
    /// The samples that a range selector or a subquery holds.
    Raw(Vec<Series>),
}

fn evaluate_instant(
    evaluator: &Evaluator<'_>,
    expr: &Expr,
    time_ms: i64,
) -> Result<Evaluated, QueryError> {
    let steps = Steps::once(time_ms);
    match &expr.without_parens().kind {
        ExprKind::Matrix(matrix) => {
            result::raw_matrix(evaluator, matrix, steps).map(Evaluated::Raw)
        }
        ExprKind::Subquery(subquery) => {
            result::raw_subquery(evaluator, subquery, steps).map(Evaluated::Raw)
        }
        _ => evaluator.eval(expr, steps).map(Evaluated::Operand),
    }
}

fn lay_out_instant(evaluated: Evaluated, time_ms: i64) -> Result<Value, QueryError> {
    Ok(match evaluated {
        Evaluated::Raw(series) => Value::Matrix(series),
        Evaluated::Operand(Operand::Scalar(values)) => Value::Scalar {
            time_ms,
            value: values.first().copied().unwrap_or(f64::NAN),
        },
        Evaluated::Operand(Operand::Text(text)) => Value::String {
            time_ms,
            text: text.to_str_lossy().into_owned(),
        },
        Evaluated::Operand(Operand::Vector(table)) => {
            Value::Vector(result::vector(table, time_ms)?)
        }
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
