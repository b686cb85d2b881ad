//! Samples as columns of codes, compared with the bases of a dictionary.
//!
//! In: ticks, each the values of one target's series at one time. Out: payloads, and the ticks
//! again. Bound: [`SAMPLES_MAX`](super::SAMPLES_MAX) codes in a payload.

mod catalogue;
mod decode;
mod drift;
mod encode;
#[cfg(test)]
mod tests;

pub use catalogue::DefineError;
pub use decode::{MetricsNeeds, Samples, Tick, decode_metrics, metrics_needs};
pub use encode::{MetricsEncoder, PushError};
