//! Adapters: the stores behind the traits that the query languages declare.

mod cache;
mod lines;
mod pool;
mod samples;
mod selectors;

use weft_promql::Budget;

use crate::config::QueryConfig;

pub(crate) use cache::{Asked, ResultCache};
pub(crate) use lines::{LineSource, range};
pub(crate) use pool::Threads;
pub use samples::SampleSource;
pub(crate) use selectors::selectors;

/// All running queries, those of rules among them, may hold as much as so many at their limit.
const FULL_QUERIES: usize = 2;

/// Returns what all queries share.
pub(crate) fn budget(config: &QueryConfig) -> Budget {
    Budget::new(config.bytes_max.saturating_mul(FULL_QUERIES))
}
