//! Expression trees to values.
//!
//! In: a tree and the times to evaluate it at. Out: a scalar, a text or a [`Table`] with all steps
//! at once. Each series is decoded once; what does not depend on the step is evaluated once.
//! Bound: the ledger counts bytes and samples; cancellation is asked for between series.

mod absent;
mod aggregate;
mod binary;
mod call;
mod date;
mod hints;
mod histogram_call;
mod info;
mod invariant;
mod key;
mod label_call;
mod ledger;
mod merge;
mod notes;
mod of_times;
mod parallel;
mod range_call;
mod rows;
mod samples;
mod select;
mod sort;
mod steps;
mod subquery;
mod table;
mod tally;
mod unary;
mod window;

use std::collections::HashSet;
use std::sync::Arc;

use crate::ast::{At, DurationExpr, Expr, ExprKind, Span, Text};
use crate::error::QueryError;
use crate::options::{Cancel, Interrupt, NameRemoval, Options, QueryOptions, Watch};
use crate::source::Source;

pub(crate) use hints::derived_hints;
pub(crate) use key::compare;
pub(crate) use ledger::Ledger;
pub(crate) use notes::Notes;
pub(crate) use samples::Samples;
pub(crate) use steps::{QueryTimes, Steps};
pub(crate) use table::{CellRef, Table, is_absent};
pub(crate) use window::extend;

/// What an expression evaluates to.
pub(crate) enum Operand {
    /// One number for each step.
    Scalar(Vec<f64>),
    Text(Text),
    Vector(Table),
}

/// A query that is being evaluated.
pub(crate) struct Evaluator<'q> {
    pub(crate) source: &'q dyn Source,
    pub(crate) options: &'q Options,
    pub(crate) query: &'q QueryOptions<'q>,
    pub(crate) times: QueryTimes,
    pub(crate) lookback: i64,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) notes: Notes,
    /// Where the selectors stand whose reset hints are found out.
    pub(crate) derived_hints: HashSet<u32>,
}

impl Evaluator<'_> {
    pub(crate) fn eval(&self, expr: &Expr, steps: Steps) -> Result<Operand, QueryError> {
        self.check()?;
        if steps.count > 1 && invariant::is_invariant(expr) {
            let counts = self.ledger.counts();
            let once = self.eval_each(expr, Steps::once(steps.start))?;
            self.ledger.repeat(&counts, steps.count);
            return broadcast(once, steps.count);
        }
        self.eval_each(expr, steps)
    }

    fn eval_each(&self, expr: &Expr, steps: Steps) -> Result<Operand, QueryError> {
        if let Some(vector) = self.lazy(expr, steps)? {
            return self.collected(vector).map(Operand::Vector);
        }
        match &expr.kind {
            ExprKind::Number(number) => Ok(Operand::Scalar(vec![number.value; steps.count])),
            ExprKind::Text(text) => Ok(Operand::Text(text.clone())),
            ExprKind::Paren(inner) => self.eval(inner, steps),
            ExprKind::Unary(unary) => self.eval_unary(unary, steps),
            ExprKind::Binary(binary) => self.eval_binary(binary, expr.span, steps),
            ExprKind::Call(call) => self.eval_call(call, expr.span, steps),
            ExprKind::Aggregate(aggregate) => {
                let evaluated = self.eval_aggregate(aggregate, expr.span, steps);
                evaluated.map(Operand::Vector)
            }
            ExprKind::Selector(_) | ExprKind::Matrix(_) | ExprKind::Subquery(_) => {
                // The type check lets ranges stand only where they are consumed.
                Err(execution("range vectors cannot be evaluated by themselves"))
            }
        }
    }

    pub(crate) fn eval_vector(&self, expr: &Expr, steps: Steps) -> Result<Table, QueryError> {
        match self.eval(expr, steps)? {
            Operand::Vector(table) => Ok(table),
            _ => Err(execution("expected an instant vector")),
        }
    }

    pub(crate) fn eval_scalar(&self, expr: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr, steps)? {
            Operand::Scalar(values) => Ok(values),
            _ => Err(execution("expected a scalar")),
        }
    }

    /// Fails when the caller wants the query to end.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        go_on(self.query.cancel)
    }

    /// Returns the caller's time, 0 if it tells none.
    pub(crate) fn nanos(&self) -> u64 {
        self.query.watch.map_or(0, Watch::nanos)
    }

    pub(crate) fn removes_names_at_once(&self) -> bool {
        self.options.name_removal == NameRemoval::AtOnce
    }

    /// Returns an offset in milliseconds, which may be negative.
    pub(crate) fn offset(&self, offset: Option<&DurationExpr>) -> Result<i64, QueryError> {
        offset.map_or(Ok(0), |offset| self.millis(offset))
    }

    /// Returns a duration in milliseconds that must be more than 0.
    pub(crate) fn positive(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let millis = self.millis(duration)?;
        if millis > 0 {
            return Ok(millis);
        }
        let Span { start, end } = duration.span;
        Err(QueryError::BadData(format!(
            "{start}:{end}: duration must be greater than 0"
        )))
    }

    fn millis(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let (step, range) = (self.times.step_seconds(), self.times.range_seconds());
        let seconds = duration
            .seconds(step, range)
            .map_err(|message| QueryError::BadData(message.to_owned()))?;
        let millis = (seconds * 1000.0).round();
        if millis.is_finite() && millis.abs() <= (i64::MAX / 1_000_000) as f64 {
            return Ok(millis as i64);
        }
        Err(QueryError::BadData("duration is out of range".to_owned()))
    }

    /// Returns the fixed time of a selector.
    pub(crate) fn at(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time(millis) => millis,
            At::Start => self.times.start,
            At::End => self.times.end,
        })
    }
}

fn go_on(cancel: &dyn Cancel) -> Result<(), QueryError> {
    match cancel.interrupted() {
        None => Ok(()),
        Some(Interrupt::Timeout) => Err(QueryError::Timeout),
        Some(Interrupt::Canceled) => Err(QueryError::Canceled),
    }
}

pub(crate) fn execution(message: impl Into<String>) -> QueryError {
    QueryError::Execution(message.into())
}

/// Removes the names that were kept until the end of the query.
pub(crate) fn finish_names(table: Table) -> Result<Table, QueryError> {
    if table.drop_name.contains(&true) {
        return merge::strip_names(table, merge::Overlap::Allowed);
    }
    merge::merge_equal(table, merge::Overlap::Allowed)
}

fn broadcast(operand: Operand, steps: usize) -> Result<Operand, QueryError> {
    Ok(match operand {
        Operand::Scalar(values) => {
            Operand::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); steps])
        }
        Operand::Text(text) => Operand::Text(text),
        Operand::Vector(table) => Operand::Vector(table.broadcast(steps)?),
    })
}
