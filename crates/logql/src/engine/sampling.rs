//! Unwrapped values per series, kept until their windows are computed.

use weft_model::{Labels, Nanos};

use super::column::{Column, Columns, Grid};
use super::window;
use crate::ast::RangeAggregation;
use crate::query::QueryError;

/// A value at a time.
pub(super) type Sample = (i64, f64);

/// The values of every series.
pub(super) struct Sampler {
    series: Vec<Vec<Sample>>,
    held: usize,
    samples_max: usize,
}

impl Sampler {
    pub(super) fn new(samples_max: usize) -> Sampler {
        Sampler {
            series: Vec::new(),
            held: 0,
            samples_max,
        }
    }

    /// Returns how many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Adds a value.
    pub(super) fn add(&mut self, series: usize, time: Nanos, value: f64) -> Result<(), QueryError> {
        self.held += 1;
        if self.held > self.samples_max {
            return Err(QueryError::Limit(format!(
                "the query unwraps more than {} values; consider a shorter time range",
                self.samples_max
            )));
        }
        while self.series.len() <= series {
            self.series.push(Vec::new());
        }
        self.series[series].push((time.0, value));
        Ok(())
    }

    /// Computes the windows of every series.
    pub(super) fn finish(
        self,
        aggregation: &RangeAggregation,
        labels: Vec<Labels>,
        grid: Grid,
    ) -> Columns {
        let range = &aggregation.range;
        let shifted = grid.shifted(range.offset);
        let compute = window::Compute {
            op: aggregation.op,
            parameter: aggregation.parameter.unwrap_or(0.0),
            width: range.interval,
        };
        let column = |(mut samples, labels): (Vec<Sample>, Labels)| {
            // Stable: of values at the same time the first to arrive stays first.
            samples.sort_by_key(|sample| sample.0);
            Column {
                labels,
                values: windows(&samples, shifted, &compute),
            }
        };
        self.series.into_iter().zip(labels).map(column).collect()
    }
}

/// Slides over the samples.
fn windows(samples: &[Sample], grid: Grid, compute: &window::Compute) -> Vec<Option<f64>> {
    let (mut from, mut to) = (0, 0);
    let value = |step: usize| {
        let end = grid.time(step).0;
        let start = end.saturating_sub(compute.width);
        while samples.get(to).is_some_and(|sample| sample.0 <= end) {
            to += 1;
        }
        while samples.get(from).is_some_and(|sample| sample.0 <= start) {
            from += 1;
        }
        let window = &samples[from..to.max(from)];
        (!window.is_empty())
            .then(|| compute.of(window, start, end))
            .flatten()
    };
    (0..grid.count).map(value).collect()
}
