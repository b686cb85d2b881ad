//! An instant vector at every step: one row for each series, one cell for each step.
//!
//! Cells are one flat column of numbers, in which the staleness marker stands for nothing; it
//! cannot be a value, since selectors leave it out and arithmetic makes another NaN of it.
//! Histograms are kept beside it, and only in rows that have any.

use std::sync::Arc;

use weft_model::{FloatHistogram, Labels, STALE_NAN_BITS};

use crate::error::QueryError;
use crate::histogram;

use super::ledger::Charge;

/// The number that stands for nothing.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_NAN_BITS);

pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// The histograms of a row, one place for each step.
pub(crate) type Histograms = Box<[Option<Arc<FloatHistogram>>]>;

/// What is in a cell.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// What is in a cell, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CellRef<'a> {
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

impl CellRef<'_> {
    pub(crate) fn to_cell(self) -> Cell {
        match self {
            CellRef::Float(value) => Cell::Float(value),
            CellRef::Histogram(histogram) => Cell::Histogram(Arc::clone(histogram)),
        }
    }
}

/// A row that is not yet part of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) values: Vec<f64>,
    pub(crate) histograms: Option<Histograms>,
}

impl Row {
    pub(crate) fn new(steps: usize) -> Row {
        Row {
            values: vec![ABSENT; steps],
            histograms: None,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.fill(ABSENT);
        self.histograms = None;
    }

    pub(crate) fn set(&mut self, step: usize, cell: Cell) {
        match cell {
            Cell::Float(value) => self.set_float(step, value),
            Cell::Histogram(histogram) => {
                let steps = self.values.len();
                let histograms = self.histograms.get_or_insert_with(|| empty(steps));
                histograms[step] = Some(histogram);
                self.values[step] = ABSENT;
            }
        }
    }

    pub(crate) fn set_float(&mut self, step: usize, value: f64) {
        // A marker that got this far is a value like any other NaN.
        self.values[step] = if is_absent(value) { f64::NAN } else { value };
        if let Some(histograms) = &mut self.histograms {
            histograms[step] = None;
        }
    }

    pub(crate) fn unset(&mut self, step: usize) {
        self.values[step] = ABSENT;
        if let Some(histograms) = &mut self.histograms {
            histograms[step] = None;
        }
    }

    pub(crate) fn get(&self, step: usize) -> Option<CellRef<'_>> {
        cell(&self.values, self.histograms.as_deref(), step)
    }

    pub(crate) fn has_histogram(&self) -> bool {
        self.histograms.iter().flatten().any(Option::is_some)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.has_histogram() && self.values.iter().all(|value| is_absent(*value))
    }
}

fn empty(steps: usize) -> Histograms {
    vec![None; steps].into_boxed_slice()
}

fn cell<'a>(
    values: &[f64],
    histograms: Option<&'a [Option<Arc<FloatHistogram>>]>,
    step: usize,
) -> Option<CellRef<'a>> {
    let histogram = histograms.and_then(|histograms| histograms[step].as_ref());
    match histogram {
        Some(histogram) => Some(CellRef::Histogram(histogram)),
        None if is_absent(values[step]) => None,
        None => Some(CellRef::Float(values[step])),
    }
}

/// Whether no two rows have the same labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Distinct {
    /// Some may.
    #[default]
    Unknown,
    /// None have.
    Labelled,
    /// None have, not even without their names.
    Unnamed,
}

/// Rows with their labels. See the module's description for the cells.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) steps: usize,
    pub(crate) labels: Vec<Labels>,
    /// Whether the metric's name is to be removed in the end.
    pub(crate) drop_name: Vec<bool>,
    values: Vec<f64>,
    /// Empty, or one for each row.
    histograms: Vec<Option<Histograms>>,
    /// What is known about the rows' labels; whoever changes them says so.
    pub(crate) distinct: Distinct,
    charge: Charge,
}

impl Table {
    pub(crate) fn new(steps: usize, charge: Charge) -> Table {
        Table {
            steps,
            labels: Vec::new(),
            drop_name: Vec::new(),
            values: Vec::new(),
            histograms: Vec::new(),
            distinct: Distinct::Unknown,
            charge,
        }
    }

    /// Returns an empty charge on the table's ledger.
    pub(crate) fn charge(&self) -> Charge {
        self.charge.sibling()
    }

    /// Returns an empty table with other steps that charges the same ledger.
    pub(crate) fn sibling(&self, steps: usize) -> Table {
        Table::new(steps, self.charge.sibling())
    }

    /// Makes room for rows. What is not filled takes no memory, and is not counted.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.labels.reserve_exact(rows);
        self.drop_name.reserve_exact(rows);
        self.values.reserve_exact(rows.saturating_mul(self.steps));
    }

    /// Gives a row other labels.
    pub(crate) fn relabel(&mut self, row: usize, labels: Labels) -> Result<(), QueryError> {
        let (old, new) = (self.labels[row].as_bytes().len(), labels.as_bytes().len());
        self.labels[row] = labels;
        self.distinct = Distinct::Unknown;
        self.charge.grow(new.saturating_sub(old), 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub(crate) fn values(&self, row: usize) -> &[f64] {
        &self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn values_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn histograms(&self, row: usize) -> Option<&[Option<Arc<FloatHistogram>>]> {
        self.histograms.get(row)?.as_deref()
    }

    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    pub(crate) fn get(&self, row: usize, step: usize) -> Option<CellRef<'_>> {
        cell(self.values(row), self.histograms(row), step)
    }

    pub(crate) fn is_present(&self, row: usize, step: usize) -> bool {
        self.get(row, step).is_some()
    }

    /// Appends a row; one without any cell is left out.
    pub(crate) fn push(
        &mut self,
        labels: Labels,
        drop_name: bool,
        row: &mut Row,
    ) -> Result<(), QueryError> {
        if row.is_empty() {
            return Ok(());
        }
        let (bytes, samples) = self.size_of(&labels, row);
        self.charge.grow(bytes, samples)?;
        self.labels.push(labels);
        self.drop_name.push(drop_name);
        self.values.extend_from_slice(&row.values);
        let histograms = row.histograms.take();
        if histograms.is_some() || self.has_histograms() {
            self.histograms.resize_with(self.labels.len() - 1, || None);
            self.histograms.push(histograms);
        }
        Ok(())
    }

    /// Returns the bytes and samples of a row. Labels count wherever they are held, also when they
    /// are shared.
    fn size_of(&self, labels: &Labels, row: &Row) -> (usize, usize) {
        const OVERHEAD: usize = size_of::<Labels>() + 2 * size_of::<usize>() + size_of::<bool>();
        let own = OVERHEAD + labels.as_bytes().len() + size_of::<f64>() * self.steps;
        let present = row.values.iter().filter(|value| !is_absent(**value));
        let mut samples = present.count();
        let Some(histograms) = &row.histograms else {
            return (own, samples);
        };
        let mut held = size_of::<usize>() * self.steps;
        for histogram in histograms.iter().flatten() {
            held += histogram::bytes_of(histogram);
            samples += histogram::samples_of(histogram);
        }
        (own + held, samples)
    }

    /// Appends all rows of another table.
    pub(crate) fn append(&mut self, mut other: Table) -> Result<(), QueryError> {
        if self.is_empty() && self.labels.capacity() == 0 {
            other.distinct = other.distinct.max(self.distinct);
            *self = other;
            return Ok(());
        }
        if self.has_histograms() || other.has_histograms() {
            self.histograms.resize_with(self.labels.len(), || None);
            let rows = other.labels.len();
            other.histograms.resize_with(rows, || None);
            self.histograms.append(&mut other.histograms);
        }
        self.labels.append(&mut other.labels);
        self.drop_name.append(&mut other.drop_name);
        self.values.append(&mut other.values);
        self.charge.absorb(other.charge)
    }

    /// Copies a row out.
    pub(crate) fn row(&self, row: usize) -> Row {
        Row {
            values: self.values(row).to_vec(),
            histograms: self.histograms(row).map(Box::from),
        }
    }

    /// Removes rows without any cell.
    pub(crate) fn without_empty_rows(self) -> Result<Table, QueryError> {
        let is_empty = |row| {
            let values = self.values(row).iter();
            let histograms = self.histograms(row);
            values.clone().all(|value| is_absent(*value))
                && histograms.is_none_or(|all| all.iter().all(Option::is_none))
        };
        let kept: Vec<usize> = (0..self.len()).filter(|row| !is_empty(*row)).collect();
        if kept.len() == self.len() {
            return Ok(self);
        }
        self.reordered(&kept)
    }

    /// Repeats the only step `steps` times.
    pub(crate) fn broadcast(self, steps: usize) -> Result<Table, QueryError> {
        let mut wide = self.sibling(steps);
        wide.distinct = self.distinct;
        let mut row = Row::new(steps);
        for at in 0..self.len() {
            row.clear();
            if let Some(cell) = self.get(at, 0) {
                let cell = cell.to_cell();
                (0..steps).for_each(|step| row.set(step, cell.clone()));
            }
            wide.push(self.labels[at].clone(), self.drop_name[at], &mut row)?;
        }
        Ok(wide)
    }

    /// Returns some of the rows, each at most once, in this order.
    pub(crate) fn reordered(mut self, order: &[usize]) -> Result<Table, QueryError> {
        let mut sorted = self.sibling(self.steps);
        sorted.distinct = self.distinct;
        let mut row = Row::new(self.steps);
        for at in order.iter().copied() {
            row.values.copy_from_slice(self.values(at));
            row.histograms = self.histograms.get_mut(at).and_then(Option::take);
            let labels = self.labels[at].clone();
            sorted.push(labels, self.drop_name[at], &mut row)?;
        }
        Ok(sorted)
    }
}
