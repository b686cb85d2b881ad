//! A native histogram with float counts, in Prometheus's sparse exponential layout.
//!
//! Bucket `i` of the schema `s` covers `(2^(2^-s * (i-1)), 2^(2^-s * i)]`; schema -53 has custom
//! bounds instead. Spans tell which buckets are present.

/// The schema of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i8 = -53;

/// A run of present buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The distance to the end of the span before, or for the first one its first index.
    pub offset: i32,
    /// How many buckets are in the run.
    pub len: u32,
}

/// Whether a counter reset lies between a histogram and the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Not known; it must be found out by comparing.
    #[default]
    Unknown,
    /// There is one.
    Reset,
    /// There is none.
    NotReset,
    /// A gauge histogram: resets have no meaning.
    Gauge,
}

/// A native histogram. Counts are absolute, not deltas between buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatHistogram {
    /// -4 to 8 for exponential buckets, [`CUSTOM_BUCKETS_SCHEMA`] for custom bounds.
    pub schema: i8,
    /// Whether there was a counter reset before.
    pub reset_hint: ResetHint,
    /// The zero bucket covers `[-zero_threshold, zero_threshold]`.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// The sum of all observations; the staleness marker is kept here.
    pub sum: f64,
    /// The runs of positive buckets.
    pub positive_spans: Vec<Span>,
    /// One count for each bucket of `positive_spans`.
    pub positive: Vec<f64>,
    /// The runs of negative buckets.
    pub negative_spans: Vec<Span>,
    /// One count for each bucket of `negative_spans`.
    pub negative: Vec<f64>,
    /// Upper bounds of custom buckets, ascending, without +Inf; empty for exponential schemas.
    pub custom_bounds: Vec<f64>,
}
