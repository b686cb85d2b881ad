//! Rows that are another metric than what they were made of, and so lose their names.

use weft_model::Labels;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::merge::{Overlap, is_reserved, strip_names, without_reserved};
use crate::eval::table::Distinct;

use super::{Rows, Scratch, Vector};

/// When the names go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    Removed,
    /// They are marked, and removed at the end of the query.
    Marked,
}

struct Renamed<'a> {
    inner: Box<dyn Rows + 'a>,
    naming: Naming,
}

impl Rows for Renamed<'_> {
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
        self.inner.make(at, scratch)
    }

    fn labels(&self, at: usize) -> Labels {
        let labels = self.inner.labels(at);
        match self.naming {
            Naming::Removed => without_reserved(&labels),
            Naming::Marked => labels,
        }
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        match self.naming {
            Naming::Removed => self.inner.each_label(at, &mut |name, value| {
                if !is_reserved(name) {
                    each(name, value);
                }
            }),
            Naming::Marked => self.inner.each_label(at, each),
        }
    }

    fn drops_name(&self, _at: usize) -> bool {
        self.naming == Naming::Marked
    }

    fn distinct(&self) -> Distinct {
        match self.naming {
            // Only rows that stay apart are made this way.
            Naming::Removed => Distinct::Unnamed,
            Naming::Marked => self.inner.distinct(),
        }
    }
}

impl Evaluator<'_> {
    /// Makes the rows of a vector another metric. Where that gives rows the same labels, `overlap`
    /// tells whether they may become one.
    pub(in crate::eval) fn renamed<'a>(
        &'a self,
        inner: Vector<'a>,
        overlap: Overlap,
    ) -> Result<Vector<'a>, QueryError> {
        let at_once = self.removes_names_at_once();
        let inner = match inner {
            Vector::Made(rows) => {
                let naming = if at_once {
                    Naming::Removed
                } else {
                    Naming::Marked
                };
                if !at_once || self.is_distinct_unnamed(rows.as_ref())? {
                    let inner = rows;
                    return Ok(Vector::Made(Box::new(Renamed { inner, naming })));
                }
                self.collect(rows.as_ref())?
            }
            Vector::Held(table) => table,
        };
        let mut table = inner;
        table.drop_name.fill(true);
        if at_once {
            table = strip_names(table, overlap)?;
        }
        Ok(Vector::Held(table))
    }
}
