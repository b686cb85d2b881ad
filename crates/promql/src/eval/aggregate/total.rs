//! `sum` and `avg` where there are native histograms, over a table.

use std::ops::Range;
use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::{Aggregate, AggregateOp};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::notes::Note;
use crate::eval::table::{Cell, CellRef, Row, Table};
use crate::eval::window::HistogramMean;
use crate::histogram::Sum;
use crate::kahan::{Kahan, Mean};

use super::group::rows_by_group;

/// The total of the histograms at one step.
enum Total {
    None,
    Sum(Box<Sum>),
    Mean(Box<HistogramMean>),
    /// They cannot be added.
    Incompatible,
}

/// What was met at one step.
struct Met {
    floats: bool,
    histograms: bool,
    reset: bool,
    not_reset: bool,
    total: Total,
}

impl Evaluator<'_> {
    /// Adds up or averages groups of a table in which there are histograms. Each step of each group
    /// is a piece of work of its own; its addends are taken in order.
    pub(super) fn totals_of_table(
        &self,
        aggregate: &Aggregate,
        table: &Table,
    ) -> Result<Table, QueryError> {
        let groups = rows_by_group(aggregate, table)?;
        let n = table.steps;
        let each = |range: Range<usize>| {
            let mut totals = Vec::with_capacity(range.len());
            for place in range {
                self.check()?;
                totals.push(self.total_at(aggregate, table, &groups[place / n].2, place % n));
            }
            Ok(totals)
        };
        let mut result = table.sibling(n);
        let mut row = Row::new(n);
        let mut place = 0;
        let cells = 16 * (table.len() / groups.len().max(1));
        self.in_order(groups.len() * n, cells, each, |totals| {
            for total in totals {
                if let Some(total) = total {
                    row.set(place % n, total);
                }
                place += 1;
                if place % n == 0 {
                    let (labels, drop_name, _) = &groups[place / n - 1];
                    result.push(labels.clone(), *drop_name, &mut row)?;
                    row.clear();
                }
            }
            Ok(())
        })?;
        self.named(result)
    }

    fn total_at(
        &self,
        aggregate: &Aggregate,
        table: &Table,
        rows: &[usize],
        step: usize,
    ) -> Option<Cell> {
        let at = aggregate.expr.span.start;
        let mut met = Met {
            floats: false,
            histograms: false,
            reset: false,
            not_reset: false,
            total: Total::None,
        };
        let (mut sum, mut mean) = (None::<Kahan>, Mean::default());
        for row in rows {
            match table.get(*row, step) {
                None => {}
                Some(CellRef::Float(value)) => {
                    met.floats = true;
                    mean.add(value);
                    match &mut sum {
                        Some(sum) => sum.add(value),
                        None => sum = Some(Kahan::new(value)),
                    }
                }
                Some(CellRef::Histogram(histogram)) => {
                    let name = table.labels[*row].name();
                    self.meet(aggregate.op, at, histogram, name, &mut met);
                }
            }
        }
        if met.reset && met.not_reset {
            self.notes.add(at, Note::CollisionInAggregation, "");
        }
        if met.floats && met.histograms {
            let text = "encountered a mix of histograms and floats for aggregation";
            self.notes.warn(at, text);
            return None;
        }
        match met.total {
            Total::None if aggregate.op == AggregateOp::Avg => {
                met.floats.then(|| Cell::Float(mean.value()))
            }
            Total::None => sum.map(|sum| Cell::Float(sum.value())),
            Total::Incompatible => None,
            Total::Sum(sum) => Some(Cell::Histogram(Arc::new(sum.finish()))),
            Total::Mean(mean) => Some(Cell::Histogram(Arc::new(mean.finish()))),
        }
    }

    fn meet(
        &self,
        op: AggregateOp,
        at: u32,
        histogram: &FloatHistogram,
        name: &str,
        met: &mut Met,
    ) {
        met.histograms = true;
        met.reset |= histogram.reset_hint == ResetHint::Reset;
        met.not_reset |= histogram.reset_hint == ResetHint::NotReset;
        let bounds = match &mut met.total {
            Total::None if op == AggregateOp::Sum => {
                met.total = Total::Sum(Box::new(Sum::new(histogram)));
                return;
            }
            Total::None => {
                met.total = Total::Mean(Box::new(HistogramMean::new(histogram)));
                return;
            }
            Total::Incompatible => return,
            Total::Sum(sum) => sum
                .add(histogram, 1.0)
                .ok()
                .map(|reconciled| reconciled.bounds),
            Total::Mean(mean) => mean.add(histogram),
        };
        match bounds {
            None => {
                self.notes.add(at, Note::MixedSchemas, name);
                met.total = Total::Incompatible;
            }
            Some(true) => self.notes.add(at, Note::BoundsInAggregation, ""),
            Some(false) => {}
        }
    }
}
