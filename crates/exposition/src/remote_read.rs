//! Prometheus remote read: `prometheus.ReadRequest`, and both kinds of answer.
//!
//! In: a request's bytes, decompressed; then series in the order of their labels. Out: questions;
//! then one `prometheus.ReadResponse`, or frames of `prometheus.ChunkedReadResponse`.
//! Bound: [`QUERIES_MAX`] queries and [`MATCHERS_MAX`] matchers in each; a frame is cut when its
//! chunks have [`FRAME_BYTES`].

mod chunked;
mod request;
mod sampled;

pub use chunked::{FRAME_BYTES, Frames};
pub use request::{MATCHERS_MAX, QUERIES_MAX, Query, ReadRequest, RequestError, ResponseType};
pub use sampled::Response;
pub(crate) use sampled::{put_histogram, put_labels};

#[cfg(test)]
mod tests;
