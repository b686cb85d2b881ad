//! Evaluates metric expressions, column by column.

use weft_model::{Labels, LabelsBuilder};

use super::Engine;
use super::aggregate::aggregate;
use super::column::{Column, Columns, Grid};
use crate::ast::{
    Grouping, GroupingKind, LabelReplace, MetricExpr, RangeOp, VectorAggregation, VectorOp,
};
use crate::query::QueryError;
use crate::source::SelectStats;

/// What an expression yields over a grid.
pub(super) enum Evaluated {
    /// The same number at every step.
    Scalar(f64),
    Vector(Columns),
}

impl Engine<'_> {
    /// Evaluates an expression.
    pub(super) fn evaluate(
        &self,
        expr: &MetricExpr,
        grid: Grid,
        stats: &mut SelectStats,
    ) -> Result<Evaluated, QueryError> {
        if (self.cancelled)() {
            return Err(QueryError::Cancelled);
        }
        let columns = match expr {
            MetricExpr::Literal(value) => return Ok(Evaluated::Scalar(*value)),
            MetricExpr::ConstantVector(value) => vec![Column {
                labels: Labels::empty(),
                values: vec![Some(*value); grid.count],
            }],
            MetricExpr::Range(aggregation) => {
                self.range_aggregation(aggregation, None, grid, stats)?
            }
            MetricExpr::Vector(aggregation) => self.vector_aggregation(aggregation, grid, stats)?,
            MetricExpr::LabelReplace(replace) => {
                label_replace(replace, self.columns(&replace.expr, grid, stats)?)?
            }
            MetricExpr::Binary(binary) => {
                let left = self.evaluate(&binary.left, grid, stats)?;
                let right = self.evaluate(&binary.right, grid, stats)?;
                return super::binary::apply(binary, left, right, grid);
            }
        };
        self.check_points(columns.len(), grid)?;
        Ok(Evaluated::Vector(columns))
    }

    /// Evaluates an expression that must be a vector.
    fn columns(
        &self,
        expr: &MetricExpr,
        grid: Grid,
        stats: &mut SelectStats,
    ) -> Result<Columns, QueryError> {
        match self.evaluate(expr, grid, stats)? {
            Evaluated::Vector(columns) => Ok(columns),
            Evaluated::Scalar(_) => Err(QueryError::Params(
                "a number stands where a vector is needed".to_owned(),
            )),
        }
    }

    /// A sum over counts, rates or sums groups the lines at once: fewer series are made.
    fn vector_aggregation(
        &self,
        aggregation: &VectorAggregation,
        grid: Grid,
        stats: &mut SelectStats,
    ) -> Result<Columns, QueryError> {
        if let (VectorOp::Sum, MetricExpr::Range(range)) = (aggregation.op, &aggregation.expr)
            && is_additive(range.op)
            && range.grouping.is_none()
        {
            let everything = Grouping {
                kind: GroupingKind::By,
                labels: Vec::new(),
            };
            let grouping = aggregation.grouping.as_ref().unwrap_or(&everything);
            return self.range_aggregation(range, Some(grouping), grid, stats);
        }
        let columns = self.columns(&aggregation.expr, grid, stats)?;
        aggregate(aggregation, columns, grid, self.limits.series_max)
    }
}

/// Tells whether the sum over series is the value over their lines together.
fn is_additive(op: RangeOp) -> bool {
    matches!(
        op,
        RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum
    )
}

fn label_replace(replace: &LabelReplace, columns: Columns) -> Result<Columns, QueryError> {
    let regex =
        weft_matcher::anchored(&replace.regex).map_err(|e| QueryError::Params(e.to_string()))?;
    let mut seen = hashbrown::HashSet::new();
    let mut replaced = Vec::with_capacity(columns.len());
    for mut column in columns {
        if let Some(captures) = regex.captures(column.labels.get(&replace.source)) {
            let mut value = String::new();
            captures.expand(&replace.replacement, &mut value);
            let mut builder = LabelsBuilder::from(&column.labels);
            builder.set(&replace.target, &value);
            column.labels = builder.build();
        }
        if !seen.insert(column.labels.clone()) {
            let message = format!("duplicate series after label_replace: {}", column.labels);
            return Err(QueryError::Evaluation(message));
        }
        replaced.push(column);
    }
    Ok(replaced)
}
