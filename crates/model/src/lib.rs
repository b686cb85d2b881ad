//! The words everybody uses: labels, samples, log lines, ids, time, limits.
//!
//! In: values that were checked where they entered. Out: the same values, cheap to clone and to
//! compare. Nothing here reads a clock, a file or a socket, and nothing depends on another crate.

pub mod histogram;
pub mod id;
pub mod labels;
pub mod level;
pub mod limits;
pub mod matcher;
pub mod range_set;
pub mod sample;
pub mod time;

pub use histogram::{FloatHistogram, Span};
pub use id::{AgentId, SessionId, StreamKind};
pub use labels::{Labels, LabelsBuilder, METRIC_NAME};
pub use level::Level;
pub use matcher::{MatchOp, Matcher};
pub use range_set::RangeSet;
pub use sample::{
    Exemplar, MetricKind, MetricMetadata, STALE_NAN_BITS, Sample, is_stale, stale_nan,
};
pub use time::{Millis, Nanos};
