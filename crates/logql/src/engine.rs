//! Answers expressions over a source.
//!
//! In: an [`Expr`], parameters and a [`Source`]. Out: an [`Answer`] or the reason for none.
//! Bound: [`Limits`]; the caller's closure is asked every few thousand lines whether to go on.

mod aggregate;
mod binary;
mod column;
mod counting;
mod group;
mod matching;
mod metric;
mod range;
mod sampling;
mod streams;
mod watch;
mod window;

use weft_model::Nanos;

use crate::ast::{Expr, MetricExpr, VectorOp};
use crate::query::{Answer, Limits, QueryError, RangeParams};
use crate::source::{SelectStats, Source};
use crate::value::{ScalarSample, Series, Value, VectorSample};
use column::{Columns, Grid};
use metric::Evaluated;

/// Answers queries over one source.
pub struct Engine<'a> {
    source: &'a dyn Source,
    limits: Limits,
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Engine<'a> {
    /// Returns an engine that stops when `cancelled` tells so.
    pub fn new(
        source: &'a dyn Source,
        limits: Limits,
        cancelled: &'a dyn Fn() -> bool,
    ) -> Engine<'a> {
        Engine {
            source,
            limits,
            cancelled,
        }
    }

    /// Answers a query over a range of time: streams or a matrix.
    pub fn range(&self, expr: &Expr, params: &RangeParams) -> Result<Answer, QueryError> {
        if params.end < params.start {
            let message = "end timestamp must not be before start time".to_owned();
            return Err(QueryError::Params(message));
        }
        match expr {
            Expr::Log(log) => self.streams(log, params),
            Expr::Metric(metric) => {
                let grid = self.grid(params)?;
                let mut stats = SelectStats::default();
                let evaluated = self.evaluate(metric, grid, &mut stats)?;
                let series = match evaluated {
                    Evaluated::Scalar(value) => vec![constant(grid, value)],
                    Evaluated::Vector(columns) => matrix(grid, columns),
                };
                Ok(answer(Value::Matrix(series), stats))
            }
        }
    }

    /// Answers a query at one time: a vector or a scalar. Lines cannot be asked for at one time.
    pub fn instant(&self, expr: &Expr, time: Nanos) -> Result<Answer, QueryError> {
        let Expr::Metric(metric) = expr else {
            return Err(QueryError::Params(
                "log queries are not supported as an instant query type, please change your query \
                 to a range query type"
                    .to_owned(),
            ));
        };
        let mut stats = SelectStats::default();
        let value = match self.evaluate(metric, Grid::instant(time), &mut stats)? {
            Evaluated::Scalar(value) => Value::Scalar(ScalarSample { time, value }),
            Evaluated::Vector(columns) => Value::Vector(vector(time, columns, metric)),
        };
        Ok(answer(value, stats))
    }

    fn grid(&self, params: &RangeParams) -> Result<Grid, QueryError> {
        let invalid = |message: &str| Err(QueryError::Params(message.to_owned()));
        if params.step <= 0 {
            return invalid(
                "zero or negative query resolution step widths are not accepted. Try a positive \
                 integer",
            );
        }
        let width = params.end.0.saturating_sub(params.start.0);
        let count = usize::try_from(width / params.step).unwrap_or(usize::MAX);
        if count >= self.limits.steps_max {
            return invalid(
                "exceeded maximum resolution of 11,000 points per time series. Try increasing \
                 the value of the step parameter",
            );
        }
        Ok(Grid {
            start: params.start.0,
            step: params.step,
            count: count + 1,
        })
    }
}

fn answer(value: Value, stats: SelectStats) -> Answer {
    Answer {
        value,
        stats,
        truncated: false,
    }
}

fn constant(grid: Grid, value: f64) -> Series {
    let points = (0..grid.count).map(|step| (grid.time(step), value));
    Series {
        labels: weft_model::Labels::empty(),
        points: points.collect(),
    }
}

fn matrix(grid: Grid, columns: Columns) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::with_capacity(columns.len());
    for column in columns {
        let present = column.values.iter().enumerate();
        let points: Vec<_> = present
            .filter_map(|(step, value)| value.map(|value| (grid.time(step), value)))
            .collect();
        if !points.is_empty() {
            let labels = column.labels;
            series.push(Series { labels, points });
        }
    }
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

fn vector(time: Nanos, columns: Columns, expr: &MetricExpr) -> Vec<VectorSample> {
    let sample = |column: column::Column| {
        let value = column.values.first().copied().flatten()?;
        Some(VectorSample {
            labels: column.labels,
            time,
            value,
        })
    };
    let mut samples: Vec<_> = columns.into_iter().filter_map(sample).collect();
    let op = match expr {
        MetricExpr::Vector(aggregation) => aggregation.op,
        _ => VectorOp::Sum,
    };
    samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    match op {
        VectorOp::Sort | VectorOp::Bottomk => samples.sort_by(|a, b| a.value.total_cmp(&b.value)),
        VectorOp::SortDesc | VectorOp::Topk | VectorOp::ApproxTopk => {
            samples.sort_by(|a, b| b.value.total_cmp(&a.value));
        }
        _ => {}
    }
    samples
}

#[cfg(test)]
mod tests;
