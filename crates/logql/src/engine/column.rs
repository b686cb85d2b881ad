//! Series over the steps of a query.

use weft_model::{Labels, Nanos};

/// The times a metric is computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) start: i64,
    /// Above 0.
    pub(super) step: i64,
    /// At least 1.
    pub(super) count: usize,
}

impl Grid {
    /// Returns the grid of one time.
    pub(super) fn instant(time: Nanos) -> Grid {
        Grid {
            start: time.0,
            step: 1,
            count: 1,
        }
    }

    /// Returns the time of a step.
    pub(super) fn time(self, step: usize) -> Nanos {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        Nanos(self.start.saturating_add(self.step.saturating_mul(steps)))
    }

    /// Returns the grid that lies `nanos` earlier.
    pub(super) fn shifted(self, nanos: i64) -> Grid {
        Grid {
            start: self.start.saturating_sub(nanos),
            ..self
        }
    }

    /// Returns the first and last step whose window of `width` holds a time: the windows are open
    /// at their beginning and closed at their end.
    pub(super) fn steps_of(self, time: Nanos, width: i64) -> Option<(usize, usize)> {
        let since = i128::from(time.0) - i128::from(self.start);
        let step = i128::from(self.step);
        let first = (since + step - 1).div_euclid(step).max(0);
        let last = (since + i128::from(width) - 1).div_euclid(step);
        let last = last.min(self.count as i128 - 1);
        (first <= last).then_some((first as usize, last as usize))
    }
}

/// A series with a value or none at each step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) labels: Labels,
    /// As many as the grid has steps.
    pub(super) values: Vec<Option<f64>>,
}

/// Series with distinct labels.
pub(super) type Columns = Vec<Column>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_the_windows_that_end_at_or_after_it() {
        let grid = Grid {
            start: 100,
            step: 10,
            count: 3,
        };
        for (time, width, expected) in [
            (100, 10, Some((0, 0))),
            (101, 10, Some((1, 1))),
            (90, 10, None),
            (91, 10, Some((0, 0))),
            (100, 25, Some((0, 2))),
            (105, 5, None),
            (106, 5, Some((1, 1))),
            (121, 10, None),
            (i64::MIN, i64::MAX, None),
        ] {
            assert_eq!(
                grid.steps_of(Nanos(time), width),
                expected,
                "{time} {width}"
            );
        }
    }
}
