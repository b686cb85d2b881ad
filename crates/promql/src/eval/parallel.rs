//! Items side by side: ranges of items are tasks, and what they yield is taken in order.
//!
//! The ranges depend on the items only, never on how many threads there are, so that a sum of
//! partial sums is the same on any machine.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::QueryError;

use super::Evaluator;

/// The items of one task at most; also how many pass between two questions whether to go on.
const TASK_ITEMS_MAX: usize = 512;

/// The cells of one task, if it has several items.
const TASK_CELLS: usize = 16 << 10;

/// What tasks have yielded, and what was taken of it.
struct Taken<T, F> {
    /// The task whose yield is taken next.
    next: usize,
    /// Yields of later tasks.
    waiting: BTreeMap<usize, T>,
    take: F,
    failed: Option<QueryError>,
}

impl<T, F: FnMut(T) -> Result<(), QueryError>> Taken<T, F> {
    fn settle(&mut self, task: usize, yielded: Result<T, QueryError>) {
        match yielded {
            Ok(yielded) => {
                self.waiting.insert(task, yielded);
            }
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
        while self.failed.is_none() {
            let Some(yielded) = self.waiting.remove(&self.next) else {
                return;
            };
            self.next += 1;
            self.failed = (self.take)(yielded).err();
        }
        self.waiting.clear();
    }
}

impl Evaluator<'_> {
    /// Calls `each` for ranges that make up `0..items`, and `take` for what it yields, in order.
    ///
    /// `cells` tells how much work an item is: its steps, say. Fails with any of the faults of
    /// `each` and `take`, after which the rest is left out.
    pub(crate) fn in_order<T: Send>(
        &self,
        items: usize,
        cells: usize,
        each: impl Fn(Range<usize>) -> Result<T, QueryError> + Sync,
        take: impl FnMut(T) -> Result<(), QueryError> + Send,
    ) -> Result<(), QueryError> {
        let size = (TASK_CELLS / cells.max(1)).clamp(1, TASK_ITEMS_MAX);
        let tasks = items.div_ceil(size);
        let taken = Mutex::new(Taken {
            next: 0,
            waiting: BTreeMap::new(),
            take,
            failed: None,
        });
        let stopped = AtomicBool::new(false);
        let task = |task: usize| {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let start = task * size;
            let range = start..(start + size).min(items);
            let yielded = self.check().and_then(|()| each(range));
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.settle(task, yielded);
            stopped.fetch_or(taken.failed.is_some(), Ordering::Relaxed);
        };
        match tasks {
            0 => {}
            1 => task(0),
            _ => self.query.pool.run(tasks, &task),
        }
        let taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        match taken.failed {
            Some(error) => Err(error),
            None if taken.next < tasks => Err(super::execution("a part of the query was not run")),
            None => Ok(()),
        }
    }
}
