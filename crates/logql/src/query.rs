//! What may be asked of the engine, and how much of it.

use weft_model::Nanos;

use crate::parse::ParseError;
use crate::source::{Direction, SelectStats, SourceError};
use crate::value::Value;

/// A question about a range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeParams {
    /// The first time; lines at it belong to the answer.
    pub start: Nanos,
    /// The last time; lines at it no longer do, but a metric has a sample there.
    pub end: Nanos,
    /// The distance of a metric's samples in nanoseconds; above 0.
    pub step: i64,
    /// The most lines to return.
    pub limit: usize,
    /// Which lines come first and survive the limit.
    pub direction: Direction,
}

/// What one query may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most lines that may be asked for.
    pub entries_max: usize,
    /// The most series in an answer or on the way to it.
    pub series_max: usize,
    /// The most samples per series.
    pub steps_max: usize,
    /// The most bytes of lines that are read.
    pub bytes_max: u64,
    /// The most unwrapped values that are held for one range aggregation.
    pub samples_max: usize,
    /// The most samples of an answer or of what it is made of, all series together.
    pub points_max: usize,
    /// The most bytes of lines in an answer.
    pub result_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries_max: 50_000,
            series_max: 10_000,
            steps_max: 11_000,
            bytes_max: 1 << 40,
            samples_max: 20_000_000,
            points_max: 20_000_000,
            result_bytes_max: 256 << 20,
        }
    }
}

/// An answer and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The answer.
    pub value: Value,
    /// What the source did for it.
    pub stats: SelectStats,
    /// Whether there are lines beyond the limit that was asked for.
    pub truncated: bool,
}

/// Why a query has no answer. The first group is the asker's to mend, as with HTTP status 400.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The expression is not LogQL.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The parameters do not fit the expression.
    #[error("{0}")]
    Params(String),
    /// The answer does not fit the limits.
    #[error("{0}")]
    Limit(String),
    /// A line could not be turned into a sample, or vectors not be matched.
    #[error("{0}")]
    Evaluation(String),
    /// The asker went away or the time is up.
    #[error("query cancelled")]
    Cancelled,
    /// The lines could not be read.
    #[error("query log lines")]
    Source(#[from] SourceError),
}
