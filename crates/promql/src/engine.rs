//! The door: a query's text in, an answer out.

use crate::error::QueryError;
use crate::options::{Options, QueryOptions};
use crate::source::Source;
use crate::value::Answer;

/// Evaluates queries; holds no state between them.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    options: Options,
}

impl Engine {
    /// Returns an engine with these options.
    pub fn new(options: Options) -> Engine {
        Engine { options }
    }

    /// Returns the engine's options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Evaluates a query at one time.
    pub fn instant(
        &self,
        _source: &dyn Source,
        _query: &str,
        _time_ms: i64,
        _options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        Err(QueryError::Execution("not available yet".to_owned()))
    }

    /// Evaluates a query at every step of a range.
    pub fn range(
        &self,
        _source: &dyn Source,
        _query: &str,
        _range: TimeRange,
        _options: &QueryOptions<'_>,
    ) -> Result<Answer, QueryError> {
        Err(QueryError::Execution("not available yet".to_owned()))
    }
}

/// The times of a range query: `start_ms`, then every `step_ms` up to `end_ms` inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time.
    pub start_ms: i64,
    /// The last time at most.
    pub end_ms: i64,
    /// The distance of two times; more than 0.
    pub step_ms: i64,
}
