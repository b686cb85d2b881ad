//! `topk`, `bottomk`, `limitk` and `limit_ratio`: some of the series, as they are.

use std::cmp::Ordering;

use xxhash_rust::xxh64::xxh64;

use weft_model::Labels;

use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::error::QueryError;
use crate::eval::table::{CellRef, Row, Table};
use crate::eval::{Evaluator, Steps, execution};
use crate::histogram::format_general;

use super::group;

impl Evaluator<'_> {
    pub(super) fn eval_picks(
        &self,
        aggregate: &Aggregate,
        at: u32,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let param = required(aggregate)?;
        let wanted = counts(&self.eval_scalar(param, steps)?)?;
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let groups = group(aggregate, &table);
        let mut kept = Kept::new(&table);
        for rows in &groups.rows {
            self.check()?;
            let rows = in_order(aggregate.op, &table, rows);
            for (step, wanted) in wanted.iter().enumerate() {
                let picked = if aggregate.op == AggregateOp::Limitk {
                    limited(&table, &rows, step, *wanted)
                } else {
                    self.ranked((aggregate.op, at), &table, &rows, (step, *wanted))
                };
                kept.keep(step, &picked);
            }
        }
        // At a single step the best come first.
        let order = if steps.count == 1 {
            kept.order.clone()
        } else {
            (0..table.len()).collect()
        };
        kept.finish(&order)
    }

    /// Returns the rows with the best values, the best first; NaN is the worst.
    fn ranked(
        &self,
        (op, at): (AggregateOp, u32),
        table: &Table,
        rows: &[usize],
        (step, wanted): (usize, usize),
    ) -> Vec<usize> {
        if wanted == 0 {
            return Vec::new();
        }
        let mut values: Vec<(f64, usize)> = Vec::with_capacity(rows.len());
        for row in rows {
            match table.get(*row, step) {
                None => {}
                Some(CellRef::Float(value)) => values.push((value, *row)),
                Some(CellRef::Histogram(_)) => {
                    self.note_ignored(op, at);
                }
            }
        }
        let descending = op == AggregateOp::Topk;
        let compare = |a: &(f64, usize), b: &(f64, usize)| {
            let by_value = match (a.0.is_nan(), b.0.is_nan()) {
                (false, false) if descending => b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal),
                (false, false) => a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal),
                (a_is_nan, b_is_nan) => a_is_nan.cmp(&b_is_nan),
            };
            by_value.then(a.1.cmp(&b.1))
        };
        if wanted < values.len() {
            values.select_nth_unstable_by(wanted, compare);
            values.truncate(wanted);
        }
        values.sort_unstable_by(compare);
        values.into_iter().map(|(_, row)| row).collect()
    }

    pub(super) fn eval_limit_ratio(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let param = required(aggregate)?;
        let mut ratios = self.eval_scalar(param, steps)?;
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(execution("Ratio value is NaN"));
        }
        for ratio in &mut ratios {
            let capped = ratio.clamp(-1.0, 1.0);
            if capped != *ratio {
                let (given, capped) = (format_general(*ratio), format_general(capped));
                let text = format!(
                    "ratio value should be between -1 and 1, got {given}, capping to {capped}"
                );
                self.notes.warn(param.span.start, text);
            }
            *ratio = capped;
        }
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let mut kept = Kept::new(&table);
        for row in 0..table.len() {
            let place = place_of(&table.labels[row]);
            for (step, ratio) in ratios.iter().enumerate() {
                let picked = if *ratio >= 0.0 {
                    place < *ratio
                } else {
                    place >= 1.0 + ratio
                };
                if picked {
                    kept.keep(step, &[row]);
                }
            }
        }
        let order: Vec<usize> = (0..table.len()).collect();
        kept.finish(&order)
    }
}

/// Returns a number in `[0, 1]` that is always the same for these labels: a half of all series
/// lie below 0.5. It is the one that Prometheus takes.
fn place_of(labels: &Labels) -> f64 {
    xxh64(labels.as_bytes(), 0) as f64 / u64::MAX as f64
}

fn required(aggregate: &Aggregate) -> Result<&Expr, QueryError> {
    aggregate
        .param
        .as_ref()
        .ok_or_else(|| execution("expected a parameter"))
}

/// Returns how many series are wanted at each step.
fn counts(params: &[f64]) -> Result<Vec<usize>, QueryError> {
    const MAX: f64 = 9_223_372_036_854_774_784.0;
    if params.iter().any(|param| param.is_nan()) {
        return Err(execution("Parameter value is NaN"));
    }
    let highest = params.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = params.iter().copied().fold(f64::INFINITY, f64::min);
    if highest > MAX {
        let value = format_general(highest);
        return Err(execution(format!("Scalar value {value} overflows int64")));
    }
    if lowest <= i64::MIN as f64 {
        let value = format_general(lowest);
        return Err(execution(format!("Scalar value {value} underflows int64")));
    }
    Ok(params.iter().map(|param| param.max(0.0) as usize).collect())
}

/// `limitk` takes series by their labels, so that it takes the same ones at each evaluation.
fn in_order(op: AggregateOp, table: &Table, rows: &[usize]) -> Vec<usize> {
    let mut rows = rows.to_vec();
    if op == AggregateOp::Limitk {
        rows.sort_by(|a, b| table.labels[*a].cmp(&table.labels[*b]));
    }
    rows
}

fn limited(table: &Table, rows: &[usize], step: usize, wanted: usize) -> Vec<usize> {
    let present = rows
        .iter()
        .copied()
        .filter(|row| table.is_present(*row, step));
    present.take(wanted).collect()
}

/// The cells of a table that are kept.
struct Kept<'a> {
    table: &'a Table,
    cells: Vec<bool>,
    /// Rows in the order in which they were first kept.
    order: Vec<usize>,
    known: Vec<bool>,
}

impl<'a> Kept<'a> {
    fn new(table: &'a Table) -> Kept<'a> {
        Kept {
            table,
            cells: vec![false; table.len() * table.steps],
            order: Vec::new(),
            known: vec![false; table.len()],
        }
    }

    fn keep(&mut self, step: usize, rows: &[usize]) {
        for row in rows {
            self.cells[row * self.table.steps + step] = true;
            if !std::mem::replace(&mut self.known[*row], true) {
                self.order.push(*row);
            }
        }
    }

    fn finish(self, order: &[usize]) -> Result<Table, QueryError> {
        let table = self.table;
        let mut result = table.sibling(table.steps);
        for at in order.iter().copied().filter(|at| self.known[*at]) {
            let mut row: Row = table.row(at);
            for step in 0..table.steps {
                if !self.cells[at * table.steps + step] {
                    row.unset(step);
                }
            }
            result.push(table.labels[at].clone(), table.drop_name[at], &mut row)?;
        }
        Ok(result)
    }
}
