//! Rows that come to have the same labels: they become one, or the query fails.

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use weft_model::{Labels, METRIC_NAME};

use crate::error::QueryError;

use super::execution;
use super::ledger::Charge;
use super::table::{Cell, Distinct, Row, Table};

/// Whether rows with the same labels may become one when they have no step in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    Allowed,
    Never,
}

/// The labels that tell what a metric is and go when the metric becomes another.
pub(super) const RESERVED: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Returns labels without the metric's name and what else says what it is.
pub(super) fn without_reserved(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_reserved(name)) {
        labels.filtered(|name| !is_reserved(name))
    } else {
        labels.clone()
    }
}

pub(super) fn same_labelset() -> QueryError {
    execution("vector cannot contain metrics with the same labelset")
}

/// Removes the names of rows that are marked for it, then makes rows with equal labels one.
pub(super) fn strip_names(mut table: Table, overlap: Overlap) -> Result<Table, QueryError> {
    for at in 0..table.len() {
        if table.drop_name[at] {
            table.labels[at] = without_reserved(&table.labels[at]);
            table.drop_name[at] = false;
            if table.distinct < Distinct::Unnamed {
                table.distinct = Distinct::Unknown;
            }
        }
    }
    merge_equal(table, overlap)
}

/// Makes rows with equal labels one; fails when two of them have a value at the same step.
pub(super) fn merge_equal(table: Table, overlap: Overlap) -> Result<Table, QueryError> {
    if table.len() < 2 || table.distinct > Distinct::Unknown || all_differ(&table)? {
        return Ok(table);
    }
    if overlap == Overlap::Never {
        return Err(same_labelset());
    }
    let mut merged = Merger::new(table.sibling(table.steps));
    for at in 0..table.len() {
        for step in 0..table.steps {
            if let Some(cell) = table.get(at, step) {
                let labels = table.labels[at].clone();
                merged.set(labels, table.drop_name[at], step, cell.to_cell())?;
            }
        }
    }
    merged.finish()
}

fn all_differ(table: &Table) -> Result<bool, QueryError> {
    let mut held = table.charge();
    held.hold::<&Labels>(2 * table.len())?;
    let mut seen: HashSet<&Labels> = HashSet::with_capacity(table.len());
    Ok(table.labels.iter().all(|labels| seen.insert(labels)))
}

/// Rows by their labels, filled cell by cell. What they hold counts from the beginning.
pub(super) struct Merger {
    into: Table,
    held: Charge,
    index: HashMap<Labels, usize>,
    rows: Vec<(Labels, bool, Row)>,
}

impl Merger {
    /// Returns a merger whose rows become those of an empty table.
    pub(super) fn new(into: Table) -> Merger {
        Merger {
            held: into.charge(),
            into,
            index: HashMap::new(),
            rows: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the row of these labels.
    pub(super) fn row(&mut self, labels: Labels, drop_name: bool) -> Result<usize, QueryError> {
        match self.index.entry(labels) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(vacant) => {
                let steps = self.into.steps;
                // The label set is held twice, its bytes once.
                let labels = vacant.key().as_bytes().len() + 3 * size_of::<Labels>();
                self.held.grow(size_of::<f64>() * steps + labels, 0)?;
                let row = Row::new(steps);
                self.rows.push((vacant.key().clone(), drop_name, row));
                Ok(*vacant.insert(self.rows.len() - 1))
            }
        }
    }

    pub(super) fn cells(&mut self, row: usize) -> &mut Row {
        &mut self.rows[row].2
    }

    /// Sets a cell; fails when it is taken.
    pub(super) fn set(
        &mut self,
        labels: Labels,
        drop_name: bool,
        step: usize,
        cell: Cell,
    ) -> Result<(), QueryError> {
        let row = self.row(labels, drop_name)?;
        self.set_at(row, step, cell)
    }

    pub(super) fn set_at(&mut self, row: usize, step: usize, cell: Cell) -> Result<(), QueryError> {
        let cells = self.cells(row);
        if cells.get(step).is_some() {
            return Err(same_labelset());
        }
        cells.set(step, cell);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Table, QueryError> {
        for (labels, drop_name, mut row) in self.rows {
            self.into.push(labels, drop_name, &mut row)?;
        }
        self.into.distinct = Distinct::Labelled;
        Ok(self.into)
    }
}
