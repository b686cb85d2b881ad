//! What a query answers.

use std::sync::Arc;

use weft_model::{FloatHistogram, Labels};

/// A value with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// What is probably wrong with the query or the data; sorted, without duplicates.
    pub warnings: Vec<String>,
    /// What may be of interest; sorted, without duplicates.
    pub infos: Vec<String>,
    /// What the query cost.
    pub stats: Stats,
}

/// The result of a query.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number at the query's time.
    Scalar {
        /// Milliseconds since the epoch.
        time_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text at the query's time.
    String {
        /// Milliseconds since the epoch.
        time_ms: i64,
        /// The text.
        text: String,
    },
    /// One sample for each series.
    Vector(Vec<VectorSample>),
    /// Many samples for each series; sorted by labels.
    Matrix(Vec<Series>),
}

/// One sample of a series.
#[derive(Clone, Debug)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// The sample's value.
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

/// A series with its samples.
#[derive(Clone, Debug)]
pub struct Series {
    /// The series.
    pub labels: Labels,
    /// Times in milliseconds and numbers, ascending.
    pub floats: Vec<(i64, f64)>,
    /// Times in milliseconds and histograms, ascending; no time is in both lists.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

/// What a query cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series that were selected.
    pub series: u64,
    /// Samples that were decoded.
    pub samples_read: u64,
    /// Samples that windows and selectors yielded, as Prometheus counts `totalQueryableSamples`.
    pub samples_queryable: u64,
    /// The same for each step of the query; empty unless it was asked for.
    pub samples_queryable_by_step: Vec<u64>,
    /// The most samples that were held at one time, as Prometheus counts `peakSamples`.
    pub samples_peak: u64,
    /// The most bytes that were held at one time.
    pub bytes_peak: u64,
    /// How long it took; zero without a [`Watch`](crate::Watch).
    pub timings: Timings,
}

/// How long a query took, in nanoseconds. Waiting before it began is the caller's to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Selecting series (`queryPreparationTime`).
    pub prepare: u64,
    /// Evaluating (`innerEvalTime`).
    pub evaluate: u64,
    /// Sorting and laying out the result (`resultSortTime`).
    pub sort: u64,
}
