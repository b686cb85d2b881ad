//! Adapters: the stores behind the traits that the query languages declare.

mod cache;
mod lines;
mod pool;
mod samples;
mod selectors;

pub(crate) use cache::{Asked, ResultCache};
pub(crate) use lines::{LineSource, range};
pub(crate) use pool::Threads;
pub use samples::SampleSource;
pub(crate) use selectors::selectors;
