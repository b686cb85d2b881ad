//! Rows that are made when they are asked for: series by series, in any order, side by side.
//!
//! In: the series of a selection, or the rows of a table. Out: rows, one at a time, which are
//! either collected into a table or folded into groups at once, so that an aggregation of many
//! series never holds them all. Bound: the scratch space of one series for each task.

mod distinct;
mod map;
mod rename;

use std::ops::Range;

use weft_model::Labels;

use crate::ast::{Expr, ExprKind, UnaryOp, ValueType};
use crate::column::Column;
use crate::error::QueryError;
use crate::source::hand_out;

use super::ledger::Charge;
use super::of_times::OfTimes;
use super::samples::Samples;
use super::select::{Places, Want};
use super::table::{Distinct, Row, Table};
use super::tally::Tally;
use super::window::Edges;
use super::{Evaluator, Steps, invariant};

pub(super) use map::Change;

/// What is kept from one row to the next.
pub(super) struct Scratch<'q> {
    pub(super) column: Column,
    pub(super) samples: Samples,
    pub(super) row: Row,
    pub(super) tally: Tally<'q>,
    /// Where the windows of range selectors lie.
    pub(super) edges: Edges,
    /// Which samples selectors find.
    pub(super) places: Places,
    /// What the row takes.
    _row_held: Charge,
    /// What the samples take.
    samples_held: Charge,
}

impl Scratch<'_> {
    /// Counts the samples as held until the next series is read.
    pub(super) fn count_samples(&mut self) -> Result<(), QueryError> {
        self.samples_held.clear();
        self.samples_held.grow(self.samples.bytes(), 0)
    }

    /// Counts what the column holds now, as read and as held until the next series is read.
    pub(super) fn count_column(&mut self) -> Result<(), QueryError> {
        let (bytes, samples) = (self.column.bytes(), self.column.len());
        self.tally.read(samples)?;
        self.samples_held.clear();
        self.samples_held.grow(bytes, samples)
    }
}

/// Rows that are made one by one.
pub(super) trait Rows: Sync {
    /// Returns how many there may be; some turn out to be empty.
    fn len(&self) -> usize;

    /// Returns how many cells each has.
    fn steps(&self) -> usize;

    /// Returns about how much work a row is, in cells.
    fn cost(&self) -> usize {
        self.steps()
    }

    /// Makes a row in the scratch space, where the row is empty before.
    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError>;

    /// Returns the labels of a row.
    fn labels(&self, at: usize) -> Labels;

    /// Hands out name and value of each label of a row, in order of the names.
    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        hand_out(&self.labels(at), each);
    }

    /// Tells whether a row's name is to be removed in the end.
    fn drops_name(&self, at: usize) -> bool;

    /// Tells whether no two rows have the same labels.
    fn distinct(&self) -> Distinct;
}

/// An instant vector at all steps, there already or yet to be made.
pub(super) enum Vector<'a> {
    Held(Table),
    Made(Box<dyn Rows + 'a>),
}

impl<'a> Vector<'a> {
    pub(super) fn rows(&self) -> &(dyn Rows + 'a) {
        match self {
            Vector::Held(table) => table,
            Vector::Made(rows) => rows.as_ref(),
        }
    }
}

impl Rows for Table {
    fn len(&self) -> usize {
        Table::len(self)
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        scratch.row.values.copy_from_slice(self.values(at));
        scratch.row.histograms = self.histograms(at).map(Box::from);
        Ok(())
    }

    fn labels(&self, at: usize) -> Labels {
        self.labels[at].clone()
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        hand_out(&self.labels[at], each);
    }

    fn drops_name(&self, at: usize) -> bool {
        self.drop_name[at]
    }

    fn distinct(&self) -> Distinct {
        self.distinct
    }
}

impl Evaluator<'_> {
    /// Evaluates an instant vector as far as it must be for its rows to be made one by one.
    pub(super) fn vector<'a>(
        &'a self,
        expr: &'a Expr,
        steps: Steps,
    ) -> Result<Vector<'a>, QueryError> {
        self.check()?;
        let invariant = steps.count > 1 && invariant::is_invariant(expr);
        let lazy = if invariant || steps.count == 0 {
            None
        } else {
            self.lazy(expr, steps)?
        };
        match lazy {
            Some(vector) => Ok(vector),
            None => self.eval_vector(expr, steps).map(Vector::Held),
        }
    }

    /// Returns an instant vector whose rows can be made one by one; nothing for other expressions.
    pub(super) fn lazy<'a>(
        &'a self,
        expr: &'a Expr,
        steps: Steps,
    ) -> Result<Option<Vector<'a>>, QueryError> {
        if expr.value_type() != ValueType::Vector {
            return Ok(None);
        }
        match &expr.kind {
            ExprKind::Paren(inner) => self.vector(inner, steps).map(Some),
            ExprKind::Selector(selector) => {
                let selected = self.selector(selector, expr.span, steps, Want::Value)?;
                Ok(Some(Vector::Made(selected)))
            }
            ExprKind::Unary(unary) if unary.op == UnaryOp::Minus => {
                self.negative(unary, steps).map(Some)
            }
            ExprKind::Binary(binary) => self.with_scalar(binary, expr.span, steps),
            ExprKind::Call(call) => self.lazy_call(call, steps),
            _ => Ok(None),
        }
    }

    /// Returns a vector as a table, making all its rows.
    pub(super) fn collected(&self, vector: Vector<'_>) -> Result<Table, QueryError> {
        match vector {
            Vector::Held(table) => Ok(table),
            Vector::Made(rows) => self.collect(rows.as_ref()),
        }
    }

    fn collect(&self, rows: &dyn Rows) -> Result<Table, QueryError> {
        let steps = rows.steps();
        self.ledger.expect_table(rows.len(), steps)?;
        let mut all = self.table_of(steps);
        all.distinct = rows.distinct();
        if rows.len().saturating_mul(steps) <= self.ledger.limits().bytes_max / size_of::<f64>() {
            all.reserve(rows.len());
        }
        let each = |range: Range<usize>| {
            let mut table = self.table_of(steps);
            self.make_each(rows, range, |at, scratch| {
                let row = &mut scratch.row;
                if row.is_empty() {
                    return Ok(());
                }
                table.push(rows.labels(at), rows.drops_name(at), row)
            })?;
            Ok(table)
        };
        self.in_order(rows.len(), rows.cost(), each, |table| all.append(table))?;
        Ok(all)
    }

    /// Makes rows one after another and hands each out with its scratch space.
    pub(super) fn make_each(
        &self,
        rows: &dyn Rows,
        range: Range<usize>,
        mut each: impl FnMut(usize, &mut Scratch<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut scratch = self.scratch(rows.steps())?;
        for at in range {
            scratch.row.clear();
            rows.make(at, &mut scratch)?;
            each(at, &mut scratch)?;
        }
        Ok(())
    }

    fn scratch(&self, steps: usize) -> Result<Scratch<'_>, QueryError> {
        let mut held = self.ledger.charge();
        held.hold::<f64>(steps)?;
        Ok(Scratch {
            column: Column::new(),
            samples: Samples::default(),
            row: Row::new(steps),
            tally: self.tally(steps),
            edges: OfTimes::new(held.sibling()),
            places: OfTimes::new(held.sibling()),
            samples_held: held.sibling(),
            _row_held: held,
        })
    }

    pub(crate) fn tally(&self, steps: usize) -> Tally<'_> {
        Tally::new(&self.ledger, self.query.cancel, steps)
    }
}
