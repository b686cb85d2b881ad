//! Subqueries: an expression evaluated at its own steps, whose rows become series.

use crate::ast::{SelectorMode, Subquery};
use crate::error::QueryError;

use super::notes::SeriesNotes;
use super::range_call::{RangeCall, note_name};
use super::samples::Samples;
use super::select::Reference;
use super::table::{Row, Table};
use super::window::{self, Windows};
use super::{Evaluator, Steps, execution};

/// The steps that a subquery may have.
const STEPS_MAX: usize = 10_000_000;

/// What a subquery evaluated to.
pub(crate) struct Evaluated {
    pub(crate) table: Table,
    pub(crate) inner: Steps,
    pub(crate) windows: Windows,
}

impl Evaluator<'_> {
    pub(crate) fn eval_subquery(
        &self,
        subquery: &Subquery,
        steps: Steps,
    ) -> Result<Evaluated, QueryError> {
        let range = self.positive(&subquery.range)?;
        let step = match &subquery.step {
            Some(step) => self.positive(step)?,
            None => self.options.subquery_step_ms.max(1),
        };
        let windows = Windows {
            reference: Reference {
                at: self.at(subquery.at),
                offset: self.offset(subquery.offset.as_ref())?,
                steps,
            },
            range,
            mode: SelectorMode::Plain,
            lookback: 0,
        };
        // Steps are multiples of the resolution, behind the open start of the first window.
        let open = windows.first();
        let start = open.div_euclid(step).saturating_add(1).saturating_mul(step);
        let inner = Steps::between(start, windows.last(), step);
        if inner.count > STEPS_MAX {
            let message = format!("subquery has more than {STEPS_MAX} steps");
            return Err(execution(message));
        }
        let table = if inner.count == 0 {
            self.table(inner)
        } else {
            self.eval_vector(&subquery.expr, inner)?
        };
        Ok(Evaluated {
            table,
            inner,
            windows,
        })
    }

    pub(super) fn eval_over_subquery(
        &self,
        call: &RangeCall<'_>,
        subquery: &Subquery,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let Evaluated {
            table: rows,
            inner,
            windows,
        } = self.eval_subquery(subquery, steps)?;
        self.gather(rows.len(), steps, &|at, row: &mut Option<Row>, table| {
            let samples = Samples::of_row(&rows, at, inner);
            let mut held = self.ledger.charge();
            held.grow(samples.bytes(), 0)?;
            let labels = &rows.labels[at];
            let notes = SeriesNotes::new(&self.notes, call.at, labels);
            let row = row.get_or_insert_with(|| Row::new(steps.count));
            row.clear();
            let seen = window::apply(call, &samples, &windows, &notes, row);
            self.ledger.count_samples(0, seen);
            note_name(call, labels, row, &notes);
            table.push(labels.clone(), rows.drop_name[at], row)
        })
    }
}
