//! What Loki's API asks of whoever stores log lines.
//!
//! The methods block; each call comes on a thread of its own, of which there are at most
//! [`crate::Limits`] many. An error's kind decides the HTTP status.

use tokio::sync::mpsc;
use weft_exposition::loki::Push;
use weft_logql::source::Direction;
use weft_logql::{Answer, RangeParams};
use weft_model::{Labels, Matcher, Nanos};

use crate::{Cancel, Error};

/// Log lines, and what is known about them.
pub trait Backend: Send + Sync + 'static {
    /// Returns what may be missing from answers for now, in words for people.
    fn caveat(&self) -> Option<String> {
        None
    }

    /// Evaluates a metric query at one time.
    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error>;

    /// Evaluates a query over a range.
    fn query_range(
        &self,
        query: &str,
        params: &RangeParams,
        cancel: &Cancel,
    ) -> Result<Answer, Error>;

    /// Returns the names of stream labels, in any order.
    fn labels(&self, selection: &Selection) -> Result<Vec<String>, Error>;

    /// Returns the values of a stream label, in any order.
    fn label_values(&self, name: &str, selection: &Selection) -> Result<Vec<String>, Error>;

    /// Returns the streams that one of the selections holds, in any order.
    fn series(&self, selections: &[Selection]) -> Result<Vec<Labels>, Error>;

    /// Counts what a selection holds, from metadata only.
    fn stats(&self, selection: &Selection) -> Result<IndexStats, Error>;

    /// Returns the bytes per group of streams over a range.
    fn volume(&self, query: &VolumeQuery) -> Result<Vec<(Labels, u64)>, Error>;

    /// Returns the bytes per group of streams in each step, at the end of the step.
    fn volume_range(
        &self,
        query: &VolumeQuery,
        step_nanos: i64,
    ) -> Result<Vec<VolumeSeries>, Error>;

    /// Returns the stream labels of a selection and how many values each has.
    fn detected_labels(&self, selection: &Selection) -> Result<Vec<DetectedLabel>, Error>;

    /// Returns the fields that can be taken from the lines of a query.
    fn detected_fields(
        &self,
        query: &FieldQuery,
        cancel: &Cancel,
    ) -> Result<Vec<DetectedField>, Error>;

    /// Returns values of one such field.
    fn detected_field_values(
        &self,
        name: &str,
        query: &FieldQuery,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Error>;

    /// Returns what lines of a selection have in common.
    fn patterns(
        &self,
        selection: &Selection,
        step_nanos: i64,
        cancel: &Cancel,
    ) -> Result<Vec<Pattern>, Error>;

    /// Takes log lines; they are durable when this returns.
    fn push(&self, push: Push<'_>) -> Result<(), Error>;

    /// Follows a query: lines from its start on, then each new line, until the receiver is
    /// dropped. A sender that finds the channel full drops lines and says so in the next batch.
    fn tail(&self, query: &TailQuery) -> Result<mpsc::Receiver<TailBatch>, Error>;
}

/// A metric query at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct InstantQuery {
    /// LogQL.
    pub query: String,
    /// When to evaluate it.
    pub time: Nanos,
    /// The most lines, for a query that yields lines.
    pub limit: usize,
    /// Which lines come first.
    pub direction: Direction,
}

/// Streams over a range of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The conditions on a stream's labels; none selects every stream.
    pub matchers: Vec<Matcher>,
    /// The first time.
    pub start: Nanos,
    /// The first time that no longer belongs to it.
    pub end: Nanos,
}

/// A question for volumes.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeQuery {
    /// Which streams.
    pub selection: Selection,
    /// The most groups, the largest ones first.
    pub limit: usize,
    /// The labels by which streams are grouped; none for those that the selection names.
    pub target_labels: Vec<String>,
    /// What a group is.
    pub aggregate_by: AggregateBy,
}

/// What the groups of a volume are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AggregateBy {
    /// Streams that agree in the target labels.
    #[default]
    Series,
    /// The names of labels.
    Labels,
}

/// The volume of one group over time.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeSeries {
    /// The group.
    pub labels: Labels,
    /// Bytes per step, ascending in time.
    pub points: Vec<(Nanos, u64)>,
}

/// How much a selection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Streams.
    pub streams: u64,
    /// Blocks of lines.
    pub chunks: u64,
    /// Lines.
    pub entries: u64,
    /// Bytes of the lines.
    pub bytes: u64,
}

/// A stream label and how many values it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectedLabel {
    /// The label's name.
    pub label: String,
    /// How many values it has.
    pub cardinality: u64,
}

/// A question for fields.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldQuery {
    /// LogQL that yields lines.
    pub query: String,
    /// The first time.
    pub start: Nanos,
    /// The first time that no longer belongs to it.
    pub end: Nanos,
    /// How many lines to look at.
    pub line_limit: usize,
    /// The most fields or values to return.
    pub limit: usize,
}

/// Something that can be taken from lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectedField {
    /// The label under which a parser extracts it.
    pub label: String,
    /// What its values look like.
    pub kind: FieldKind,
    /// About how many values it has.
    pub cardinality: u64,
    /// The parsers that extract it; none for metadata stored with the line.
    pub parsers: Vec<String>,
    /// Where it is inside of a JSON line; empty otherwise.
    pub json_path: Vec<String>,
}

/// What the values of a field look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    String,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// `true` and `false`.
    Boolean,
    /// Numbers with a unit of time.
    Duration,
    /// Numbers with a unit of size.
    Bytes,
}

/// What many lines have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The line with `<_>` for what varies.
    pub pattern: String,
    /// The level of the lines.
    pub level: String,
    /// How many lines there were in each step.
    pub samples: Vec<(Nanos, u64)>,
}

/// A query to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct TailQuery {
    /// LogQL that yields lines.
    pub query: String,
    /// The first time.
    pub start: Nanos,
    /// How many lines of the past to begin with at most.
    pub limit: usize,
    /// How long to wait for stragglers, in seconds.
    pub delay_seconds: u32,
}

/// What a followed query yields at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TailBatch {
    /// New lines.
    pub streams: Vec<weft_logql::Stream>,
    /// Lines that were dropped since the batch before because the reader was too slow.
    pub dropped: Vec<DroppedEntry>,
}

/// A line that a reader missed.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedEntry {
    /// Its stream.
    pub labels: Labels,
    /// When it was written.
    pub time: Nanos,
}
