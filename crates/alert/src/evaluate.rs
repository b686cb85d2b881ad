//! What rules need from outside: answers to queries, and a place for what they make.

use std::sync::Arc;

use weft_model::{FloatHistogram, Labels, Matcher, Millis};

/// Answers queries and stores samples; the caller of [`crate::GroupState::evaluate`] implements it.
pub trait Evaluate {
    /// Evaluates PromQL at one time. A scalar is one element without labels.
    fn query(&self, query: &str, at: Millis) -> Result<Vec<Found>, EvaluateError>;

    /// Returns the newest sample of each series that fulfils the matchers and has one in
    /// `[from, to]`; a marker of staleness is a sample, and a histogram has no number.
    fn newest(
        &self,
        matchers: &[Matcher],
        from: Millis,
        to: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError>;

    /// Stores samples; those that are taken are seen by the next query.
    fn store(&self, samples: &[Sample]) -> Result<(), EvaluateError>;
}

/// Why a rule has no result. The text is shown as the rule's `lastError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluateError(pub String);

/// An element of a query's result.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: SampleValue,
}

/// A sample to store.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// The time.
    pub time: Millis,
    /// The value.
    pub value: SampleValue,
}

/// A number or a histogram.
#[derive(Clone, Debug)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

impl SampleValue {
    /// Returns the number; 0 for a histogram, as alerts tell it.
    pub fn number(&self) -> f64 {
        match self {
            SampleValue::Float(value) => *value,
            SampleValue::Histogram(_) => 0.0,
        }
    }
}
