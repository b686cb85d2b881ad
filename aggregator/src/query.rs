//! Adapters: the stores behind the traits that the query languages declare.

mod lines;
mod pool;
mod samples;

pub(crate) use lines::LineSource;
pub(crate) use pool::Threads;
pub(crate) use samples::SampleSource;
