//! Subqueries: an expression evaluated at its own steps, whose rows become series.

use weft_model::Labels;

use crate::ast::{SelectorMode, Subquery};
use crate::error::QueryError;

use super::notes::SeriesNotes;
use super::range_call::{RangeCall, note_name};
use super::rows::{Rows, Scratch};
use super::select::Reference;
use super::table::{Distinct, Table};
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
        // Beside tables there are a few numbers for each step: scalars, and rows in the making.
        let mut held = self.ledger.charge();
        held.hold::<[f64; 4]>(inner.count)?;
        let table = if inner.count == 0 {
            self.table(inner)
        } else {
            self.ledger
                .inside(|| self.eval_vector(&subquery.expr, inner))?
        };
        Ok(Evaluated {
            table,
            inner,
            windows,
        })
    }

    pub(super) fn over_subquery<'a>(
        &'a self,
        call: RangeCall,
        subquery: &Subquery,
        steps: Steps,
    ) -> Result<Box<dyn Rows + 'a>, QueryError> {
        let evaluated = self.eval_subquery(subquery, steps)?;
        Ok(Box::new(Over {
            evaluator: self,
            call,
            evaluated,
        }))
    }
}

/// The rows of a subquery, each with a function of its windows applied.
struct Over<'a> {
    evaluator: &'a Evaluator<'a>,
    call: RangeCall,
    evaluated: Evaluated,
}

impl Rows for Over<'_> {
    fn len(&self) -> usize {
        self.evaluated.table.len()
    }

    fn steps(&self) -> usize {
        self.evaluated.windows.reference.steps.count
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        let Evaluated {
            table,
            inner,
            windows,
        } = &self.evaluated;
        scratch.samples.take_row(table, at, *inner);
        scratch.count_samples()?;
        let name = || table.labels[at].name().to_owned();
        let notes = SeriesNotes::new(&self.evaluator.notes, self.call.at, &name);
        let Scratch {
            samples,
            row,
            tally,
            edges,
            ..
        } = scratch;
        window::apply(
            &self.call,
            samples,
            windows,
            &notes,
            (&mut *row, tally, edges),
        )?;
        note_name(&self.call, &name, row, &notes);
        Ok(())
    }

    fn labels(&self, at: usize) -> Labels {
        self.evaluated.table.labels[at].clone()
    }

    fn drops_name(&self, at: usize) -> bool {
        self.evaluated.table.drop_name[at]
    }

    fn distinct(&self) -> Distinct {
        self.evaluated.table.distinct
    }
}
