//! Series side by side: ranges of series are tasks, and their tables are put together in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::QueryError;

use super::table::Table;
use super::{Evaluator, Steps};

/// The series of one task; also how many pass between two questions whether to go on.
const TASK_SERIES: usize = 256;

impl Evaluator<'_> {
    /// Calls `each` for every series from 0 on, with a table that collects rows in order and
    /// scratch space that is kept from one series to the next.
    pub(super) fn gather<S: Default>(
        &self,
        series: usize,
        steps: Steps,
        each: &(dyn Fn(usize, &mut S, &mut Table) -> Result<(), QueryError> + Sync),
    ) -> Result<Table, QueryError> {
        let tasks = series.div_ceil(TASK_SERIES);
        if tasks <= 1 {
            return self.gather_range(0..series, steps, each);
        }
        let parts = Mutex::new((0..tasks).map(|_| None).collect::<Vec<_>>());
        let failed = AtomicBool::new(false);
        let task = |task: usize| {
            if failed.load(Ordering::Relaxed) {
                return;
            }
            let start = task * TASK_SERIES;
            let end = (start + TASK_SERIES).min(series);
            let part = self.gather_range(start..end, steps, each);
            failed.fetch_or(part.is_err(), Ordering::Relaxed);
            parts.lock().unwrap_or_else(PoisonError::into_inner)[task] = Some(part);
        };
        self.query.pool.run(tasks, &task);
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.table(steps);
        let mut missing = false;
        for part in parts {
            match part {
                Some(part) => all.append(part?)?,
                None => missing = true,
            }
        }
        if missing {
            return Err(super::execution("a part of the query was not run"));
        }
        Ok(all)
    }

    fn gather_range<S: Default>(
        &self,
        series: std::ops::Range<usize>,
        steps: Steps,
        each: &(dyn Fn(usize, &mut S, &mut Table) -> Result<(), QueryError> + Sync),
    ) -> Result<Table, QueryError> {
        self.check()?;
        let mut table = self.table(steps);
        // Each task has a row of its own.
        let mut held = self.ledger.charge();
        held.grow(size_of::<f64>() * steps.count, 0)?;
        let mut scratch = S::default();
        for series in series {
            each(series, &mut scratch, &mut table)?;
        }
        Ok(table)
    }
}
