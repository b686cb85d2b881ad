//! The times at which an expression is evaluated.

use crate::engine::TimeRange;

/// Evenly spaced times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) step: i64,
    /// How many there are; at least 1, but for empty subqueries.
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) fn once(time: i64) -> Steps {
        Steps {
            start: time,
            step: 1,
            count: 1,
        }
    }

    pub(crate) fn of_range(range: TimeRange) -> Steps {
        Steps::between(range.start_ms, range.end_ms, range.step_ms.max(1))
    }

    pub(crate) fn between(start: i64, end: i64, step: i64) -> Steps {
        let length = end.saturating_sub(start);
        let count = if length < 0 { 0 } else { length / step + 1 };
        Steps {
            start,
            step,
            count: count as usize,
        }
    }

    pub(crate) fn time(&self, at: usize) -> i64 {
        let passed = self.step.saturating_mul(at as i64);
        self.start.saturating_add(passed)
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |at| self.time(at))
    }

    pub(crate) fn last(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// The query's own times, which `@ start()`, `step()` and the like refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryTimes {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// 0 for an instant query.
    pub(crate) step: i64,
    pub(crate) is_range: bool,
}

impl QueryTimes {
    pub(crate) fn step_seconds(&self) -> f64 {
        self.step as f64 / 1000.0
    }

    pub(crate) fn range_seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1000.0
    }
}
