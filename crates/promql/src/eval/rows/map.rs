//! Rows whose cells are each changed by itself.

use weft_model::Labels;

use crate::error::QueryError;
use crate::eval::table::{ABSENT, Cell, CellRef, Distinct, Row, Table, is_absent};
use crate::eval::{Evaluator, Steps};

use super::{Rows, Scratch, Vector};

/// What is made of a number at a step; nothing for an empty cell.
type OfFloat<'a> = Box<dyn Fn(usize, f64) -> Option<f64> + Sync + 'a>;

/// What is made of any cell at a step.
type OfCell<'a> = Box<dyn Fn(usize, CellRef<'_>) -> Option<Cell> + Sync + 'a>;

/// What is made of each cell.
pub(in crate::eval) struct Change<'a> {
    of_float: OfFloat<'a>,
    /// Used where a row has histograms; without it they are left out.
    of_cell: Option<OfCell<'a>>,
}

impl<'a> Change<'a> {
    /// Returns a change of numbers that leaves histograms out.
    pub(in crate::eval) fn of_floats(
        of_float: impl Fn(usize, f64) -> Option<f64> + Sync + 'a,
    ) -> Change<'a> {
        Change {
            of_float: Box::new(of_float),
            of_cell: None,
        }
    }

    /// Returns a change of cells, of which the first tells the same where there are only numbers.
    pub(in crate::eval) fn of_cells(
        of_float: impl Fn(usize, f64) -> Option<f64> + Sync + 'a,
        of_cell: impl Fn(usize, CellRef<'_>) -> Option<Cell> + Sync + 'a,
    ) -> Change<'a> {
        Change {
            of_float: Box::new(of_float),
            of_cell: Some(Box::new(of_cell)),
        }
    }

    fn apply(&self, row: &mut Row) {
        let histograms = match &self.of_cell {
            Some(of_cell) if row.histograms.is_some() => return change_cells(row, of_cell),
            _ => row.histograms.take(),
        };
        drop(histograms);
        change_floats(&mut row.values, &self.of_float);
    }
}

fn change_floats(values: &mut [f64], change: &OfFloat<'_>) {
    for (step, value) in values.iter_mut().enumerate() {
        if is_absent(*value) {
            continue;
        }
        *value = match change(step, *value) {
            // A marker that got this far is a value like any other NaN.
            Some(changed) if is_absent(changed) => f64::NAN,
            Some(changed) => changed,
            None => ABSENT,
        };
    }
}

fn change_cells(row: &mut Row, change: &OfCell<'_>) {
    for step in 0..row.values.len() {
        let Some(cell) = row.get(step) else {
            continue;
        };
        match change(step, cell) {
            Some(cell) => row.set(step, cell),
            None => row.unset(step),
        }
    }
}

struct Mapped<'a> {
    inner: Box<dyn Rows + 'a>,
    change: Change<'a>,
}

impl Rows for Mapped<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn steps(&self) -> usize {
        self.inner.steps()
    }

    fn cost(&self) -> usize {
        self.inner.cost()
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        self.inner.make(at, scratch)?;
        self.change.apply(&mut scratch.row);
        Ok(())
    }

    fn labels(&self, at: usize) -> Labels {
        self.inner.labels(at)
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        self.inner.each_label(at, each);
    }

    fn drops_name(&self, at: usize) -> bool {
        self.inner.drops_name(at)
    }

    fn distinct(&self) -> Distinct {
        self.inner.distinct()
    }
}

impl Evaluator<'_> {
    /// Changes each cell of a vector.
    pub(in crate::eval) fn mapped<'a>(
        &'a self,
        inner: Vector<'a>,
        change: Change<'a>,
    ) -> Result<Vector<'a>, QueryError> {
        Ok(match inner {
            Vector::Made(inner) => Vector::Made(Box::new(Mapped { inner, change })),
            Vector::Held(table) => Vector::Held(changed(table, &change)?),
        })
    }

    /// Changes each number of a table; histograms are left out.
    pub(in crate::eval) fn each_float(
        &self,
        table: Table,
        change: impl Fn(usize, f64) -> Option<f64> + Sync,
    ) -> Result<Table, QueryError> {
        changed(table, &Change::of_floats(change))
    }

    pub(in crate::eval) fn table_of(&self, steps: usize) -> Table {
        Table::new(steps, self.ledger.charge())
    }

    pub(in crate::eval) fn table(&self, steps: Steps) -> Table {
        self.table_of(steps.count)
    }
}

fn changed(mut table: Table, change: &Change<'_>) -> Result<Table, QueryError> {
    if !table.has_histograms() {
        for at in 0..table.len() {
            change_floats(table.values_mut(at), &change.of_float);
        }
        return table.without_empty_rows();
    }
    let mut result = table.sibling(table.steps);
    result.distinct = table.distinct;
    for at in 0..table.len() {
        let mut row = table.row(at);
        change.apply(&mut row);
        result.push(table.labels[at].clone(), table.drop_name[at], &mut row)?;
    }
    Ok(result)
}
