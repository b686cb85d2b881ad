//! OpenTelemetry's metrics, translated into a remote-write request as Prometheus translates them.
//!
//! In: `opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest` as protobuf, or
//! [`message`]s that somebody else has read. Out: [`Translated`]: the body of a request of version
//! 2, and what had to be left out. Bound: [`ITEMS_MAX`] messages in a request, each of which costs
//! about a hundred bytes; values nest at most [`NESTING_MAX`] deep.
//!
//! The rules are those of OpenTelemetry's page on compatibility with Prometheus.

mod answer;
mod body;
mod decode;
mod exemplar;
mod exponential;
mod labels;
pub mod message;
mod name;
mod translate;
mod value;

pub use answer::{response, status};
pub use decode::{ITEMS_MAX, NESTING_MAX, decode};
pub use translate::{Translated, translate};

#[cfg(test)]
mod tests;
