//! `count`, `group`, `min`, `max`, `stddev`, `stdvar` and `quantile`.

use crate::ast::AggregateOp;
use crate::eval::Evaluator;
use crate::eval::table::{CellRef, Row, Table};
use crate::eval::window::quantile_of;
use crate::kahan::Variance;

impl Evaluator<'_> {
    pub(super) fn fold(
        &self,
        op: AggregateOp,
        at: u32,
        table: &Table,
        rows: &[usize],
        into: &mut Row,
    ) {
        match op {
            AggregateOp::Count => count(table, rows, into, |count| count),
            AggregateOp::Group => count(table, rows, into, |_| 1.0),
            AggregateOp::Min | AggregateOp::Max => self.extremes(op, at, table, rows, into),
            _ => self.variances(op, at, table, rows, into),
        }
    }

    fn extremes(&self, op: AggregateOp, at: u32, table: &Table, rows: &[usize], into: &mut Row) {
        let is_better = |value: f64, known: f64| match op {
            AggregateOp::Min => value < known,
            _ => value > known,
        };
        self.fold_floats(op, at, table, rows, |step, value| {
            let better = match into.get(step) {
                Some(CellRef::Float(known)) => is_better(value, known) || known.is_nan(),
                _ => true,
            };
            if better {
                into.set_float(step, value);
            }
        });
    }

    fn variances(&self, op: AggregateOp, at: u32, table: &Table, rows: &[usize], into: &mut Row) {
        let mut variances: Vec<Option<Variance>> = vec![None; table.steps];
        self.fold_floats(op, at, table, rows, |step, value| {
            variances[step].get_or_insert_default().add(value);
        });
        for (step, variance) in variances.iter().enumerate() {
            if let Some(variance) = variance {
                let value = variance.value();
                let value = if op == AggregateOp::Stddev {
                    value.sqrt()
                } else {
                    value
                };
                into.set_float(step, value);
            }
        }
    }

    pub(super) fn quantiles(
        &self,
        at: u32,
        table: &Table,
        rows: &[usize],
        q: &[f64],
        into: &mut Row,
    ) {
        let mut values = Vec::with_capacity(rows.len());
        for (step, q) in q.iter().enumerate() {
            values.clear();
            for row in rows {
                match table.get(*row, step) {
                    None => {}
                    Some(CellRef::Float(value)) => values.push(value),
                    Some(CellRef::Histogram(_)) => self.note_ignored(AggregateOp::Quantile, at),
                }
            }
            if !values.is_empty() {
                into.set_float(step, quantile_of(*q, &mut values));
            }
        }
    }

    /// Calls `each` for all numbers, noting that histograms are left out.
    fn fold_floats(
        &self,
        op: AggregateOp,
        at: u32,
        table: &Table,
        rows: &[usize],
        mut each: impl FnMut(usize, f64),
    ) {
        for row in rows {
            for step in 0..table.steps {
                match table.get(*row, step) {
                    None => {}
                    Some(CellRef::Float(value)) => each(step, value),
                    Some(CellRef::Histogram(_)) => self.note_ignored(op, at),
                }
            }
        }
    }

    pub(super) fn note_ignored(&self, op: AggregateOp, at: u32) {
        let text = format!("ignored histogram in {} aggregation", op.as_str());
        self.notes.inform(at, text);
    }
}

fn count(table: &Table, rows: &[usize], into: &mut Row, value: impl Fn(f64) -> f64) {
    let mut counts = vec![0u64; table.steps];
    for row in rows {
        for (step, count) in counts.iter_mut().enumerate() {
            *count += u64::from(table.is_present(*row, step));
        }
    }
    for (step, count) in counts.into_iter().enumerate() {
        if count > 0 {
            into.set_float(step, value(count as f64));
        }
    }
}
