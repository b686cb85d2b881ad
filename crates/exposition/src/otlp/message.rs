//! What an OpenTelemetry exporter sends, with the fields that matter here.

use std::borrow::Cow;

/// Text, borrowed from the request where that can be.
pub type Text<'a> = Cow<'a, str>;

/// Names with values.
pub type Attributes<'a> = Vec<(Text<'a>, Value<'a>)>;

/// A value of any type.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// None.
    #[default]
    Empty,
    /// Text.
    Text(Text<'a>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values.
    List(Vec<Value<'a>>),
    /// Names with values.
    Map(Attributes<'a>),
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// What is measured, with its metrics.
    pub resources: Vec<Resource<'a>>,
}

/// Something that is measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource<'a> {
    /// What it is.
    pub attributes: Attributes<'a>,
    /// Its metrics, by who measures them.
    pub scopes: Vec<Scope<'a>>,
}

/// A library that measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Its version.
    pub version: Text<'a>,
    /// Where its names are explained.
    pub schema_url: Text<'a>,
    /// What else there is to say.
    pub attributes: Attributes<'a>,
    /// What it measures.
    pub metrics: Vec<Metric<'a>>,
}

/// A metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// One sentence for people.
    pub description: Text<'a>,
    /// The unit as UCUM writes it.
    pub unit: Text<'a>,
    /// What was measured; none is a kind that is not known here.
    pub data: Option<Data<'a>>,
}

/// What was measured of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Data<'a> {
    /// Values that go up and down.
    Gauge(Vec<NumberPoint<'a>>),
    /// Sums.
    Sum {
        /// The sums.
        points: Vec<NumberPoint<'a>>,
        /// Since when they count.
        temporality: Temporality,
        /// Whether they only grow.
        is_monotonic: bool,
    },
    /// Histograms with bounds.
    Histogram {
        /// The histograms.
        points: Vec<HistogramPoint<'a>>,
        /// Since when they count.
        temporality: Temporality,
    },
    /// Histograms with exponential buckets.
    Exponential {
        /// The histograms.
        points: Vec<ExponentialPoint<'a>>,
        /// Since when they count.
        temporality: Temporality,
    },
    /// Quantiles.
    Summary(Vec<SummaryPoint<'a>>),
}

/// Since when a sum counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Not told.
    #[default]
    Unspecified,
    /// Since the point before.
    Delta,
    /// Since a start that all points share.
    Cumulative,
}

/// What all points have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common<'a> {
    /// Which series it belongs to.
    pub attributes: Attributes<'a>,
    /// When it was measured, in nanoseconds since the epoch.
    pub time_nanos: u64,
    /// Whether it only says that there is nothing any more.
    pub is_absent: bool,
}

/// A number at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberPoint<'a> {
    /// Where and when.
    pub common: Common<'a>,
    /// What was measured.
    pub value: f64,
    /// Examples.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// A histogram with bounds at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramPoint<'a> {
    /// Where and when.
    pub common: Common<'a>,
    /// All observations.
    pub count: u64,
    /// Their sum, if it was kept.
    pub sum: Option<f64>,
    /// Observations between the bounds.
    pub counts: Vec<u64>,
    /// The bounds, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Examples.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// A histogram with exponential buckets at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExponentialPoint<'a> {
    /// Where and when.
    pub common: Common<'a>,
    /// All observations.
    pub count: u64,
    /// Their sum, if it was kept.
    pub sum: Option<f64>,
    /// The base of the buckets is 2^(2^-scale).
    pub scale: i32,
    /// Observations that are nearly zero.
    pub zero_count: u64,
    /// What nearly zero means; zero when it was not told.
    pub zero_threshold: f64,
    /// Buckets above zero.
    pub positive: Buckets,
    /// Buckets below zero.
    pub negative: Buckets,
    /// Examples.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// A run of exponential buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// The index of the first one.
    pub offset: i32,
    /// Their observations.
    pub counts: Vec<u64>,
}

/// Quantiles at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryPoint<'a> {
    /// Where and when.
    pub common: Common<'a>,
    /// All observations.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Quantiles with their values.
    pub quantiles: Vec<(f64, f64)>,
}

/// An example of what a point counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar<'a> {
    /// What the point's attributes do not tell.
    pub attributes: Attributes<'a>,
    /// When it was seen, in nanoseconds since the epoch.
    pub time_nanos: u64,
    /// Its value.
    pub value: f64,
    /// The trace it belongs to; empty for none.
    pub trace_id: Cow<'a, [u8]>,
    /// The span it belongs to; empty for none.
    pub span_id: Cow<'a, [u8]>,
}
