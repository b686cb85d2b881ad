//! One measured value, and what is known of its metric.

use crate::{Labels, Millis};

/// A value at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was measured.
    pub time: Millis,
    /// What was measured; [`stale_nan`] says that the series has ended.
    pub value: f64,
}

/// The bits of the NaN that ends a series: Prometheus's staleness marker, a signalling NaN.
///
/// It must survive every encoding bit by bit: the NaN of arithmetic is another one.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Returns the staleness marker.
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Tells whether `value` is the staleness marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// What a metric is, as the exposition formats say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Not said.
    #[default]
    Unknown,
    /// Only grows, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Classic or native histogram.
    Histogram,
    /// A histogram that is not a counter.
    GaugeHistogram,
    /// Quantiles computed by the client.
    Summary,
    /// Constant 1 with informative labels.
    Info,
    /// A set of booleans.
    StateSet,
}

impl MetricKind {
    /// Returns the word that the Prometheus API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Unknown => "unknown",
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::GaugeHistogram => "gaugehistogram",
            MetricKind::Summary => "summary",
            MetricKind::Info => "info",
            MetricKind::StateSet => "stateset",
        }
    }
}

/// What is known of a metric beside its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricMetadata {
    /// What it is.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: String,
    /// The unit's name, empty when there is none.
    pub unit: String,
}

/// An example of what a sample counts, usually a trace.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// The labels of the example itself, such as `trace_id`.
    pub labels: Labels,
    /// The exemplar's own value.
    pub value: f64,
    /// When it was seen.
    pub time: Millis,
}
