//! `sum` and `avg`, of numbers and of histograms.

use std::sync::Arc;

use weft_model::FloatHistogram;
use weft_model::histogram::ResetHint;

use crate::ast::AggregateOp;
use crate::eval::Evaluator;
use crate::eval::notes::Note;
use crate::eval::table::{Cell, CellRef, Row, Table, is_absent};
use crate::eval::window::HistogramMean;
use crate::histogram::Sum;
use crate::kahan::{Kahan, Mean};

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
    pub(super) fn total(
        &self,
        op: AggregateOp,
        at: u32,
        table: &Table,
        rows: &[usize],
        into: &mut Row,
    ) {
        if op == AggregateOp::Sum {
            sums(table, rows, into);
        } else {
            means(table, rows, into);
        }
        if table.has_histograms() {
            for step in 0..table.steps {
                self.histogram_total(op, at, table, rows, (step, into));
            }
        }
    }

    fn histogram_total(
        &self,
        op: AggregateOp,
        at: u32,
        table: &Table,
        rows: &[usize],
        (step, into): (usize, &mut Row),
    ) {
        let mut met = Met {
            floats: false,
            histograms: false,
            reset: false,
            not_reset: false,
            total: Total::None,
        };
        for row in rows {
            match table.get(*row, step) {
                None => {}
                Some(CellRef::Float(_)) => met.floats = true,
                Some(CellRef::Histogram(histogram)) => {
                    let name = table.labels[*row].name();
                    self.meet(op, at, histogram, name, &mut met);
                }
            }
        }
        if !met.histograms {
            return;
        }
        if met.reset && met.not_reset {
            self.notes.add(at, Note::CollisionInAggregation, "");
        }
        if met.floats {
            let text = "encountered a mix of histograms and floats for aggregation";
            self.notes.warn(at, text);
            into.unset(step);
            return;
        }
        let total = match met.total {
            Total::None | Total::Incompatible => return,
            Total::Sum(sum) => sum.finish(),
            Total::Mean(mean) => mean.finish(),
        };
        into.set(step, Cell::Histogram(Arc::new(total)));
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

fn sums(table: &Table, rows: &[usize], into: &mut Row) {
    let mut sums: Vec<Kahan> = vec![Kahan::default(); table.steps];
    let mut seen = vec![false; table.steps];
    for row in rows {
        let cells = table
            .values(*row)
            .iter()
            .zip(sums.iter_mut().zip(&mut seen));
        for (value, (sum, seen)) in cells {
            if !is_absent(*value) {
                sum.add(*value);
                *seen = true;
            }
        }
    }
    for (step, sum) in sums.iter().enumerate().filter(|(step, _)| seen[*step]) {
        into.set_float(step, sum.value());
    }
}

fn means(table: &Table, rows: &[usize], into: &mut Row) {
    let mut means: Vec<Option<Mean>> = vec![None; table.steps];
    for row in rows {
        for (value, mean) in table.values(*row).iter().zip(&mut means) {
            if !is_absent(*value) {
                mean.get_or_insert_default().add(*value);
            }
        }
    }
    for (step, mean) in means.iter().enumerate() {
        if let Some(mean) = mean {
            into.set_float(step, mean.value());
        }
    }
}
