//! One item among many that could not be taken, and why.
//!
//! In: a series, sample or log line that breaks a rule. Out: a counted fault, while the rest of
//! the request goes on. Bound: [`Faults`] counts all but keeps only the first
//! [`FAULTS_KEPT_MAX`].

use std::fmt;

use thiserror::Error;
use weft_model::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, LINE_BYTES_MAX};

/// How many faults of one request are kept with their place; more are only counted.
pub const FAULTS_KEPT_MAX: usize = 16;

/// Why an item was not taken as it came.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum Problem {
    /// More labels than [`LABELS_MAX`].
    #[error("there are more than {LABELS_MAX} labels")]
    TooManyLabels,
    /// A label without a name.
    #[error("a label has no name")]
    LabelNameEmpty,
    /// A name of more than [`LABEL_NAME_BYTES_MAX`] bytes.
    #[error("a label's name has more than {LABEL_NAME_BYTES_MAX} bytes")]
    LabelNameTooLong,
    /// A value of more than [`LABEL_VALUE_BYTES_MAX`] bytes.
    #[error("a label's value has more than {LABEL_VALUE_BYTES_MAX} bytes")]
    LabelValueTooLong,
    /// The same name twice.
    #[error("a label's name occurs twice")]
    LabelTwice,
    /// A name or a value is not UTF-8.
    #[error("a label is not UTF-8")]
    LabelNotUtf8,
    /// The bytes of a label cannot be read.
    #[error("a label is malformed")]
    LabelMalformed,
    /// A series without a metric name.
    #[error("the series has no metric name")]
    NoMetricName,
    /// A reference to a symbol that is not in the request's table.
    #[error("a symbol is referred to that the request does not define")]
    UnknownSymbol,
    /// A histogram whose schema is not known.
    #[error("the histogram has an unknown schema")]
    HistogramSchema,
    /// A histogram whose buckets, spans and counts contradict each other.
    #[error("the histogram contradicts itself")]
    HistogramInvalid,
    /// The labels of a log stream are not a selector.
    #[error("the stream's labels cannot be parsed")]
    StreamLabels,
    /// A log line of more than [`LINE_BYTES_MAX`] bytes.
    #[error("the line has more than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// A log line that is not UTF-8; it is kept, with replacement characters.
    #[error("the line is not UTF-8")]
    LineNotUtf8,
    /// A time that cannot be told in nanoseconds since 1970.
    #[error("the time is out of range")]
    TimeOutOfRange,
}

impl Problem {
    /// Returns the word for the `reason` label of a counter.
    pub fn reason(self) -> &'static str {
        match self {
            Problem::TooManyLabels => "too_many_labels",
            Problem::LabelNameEmpty => "label_name_empty",
            Problem::LabelNameTooLong => "label_name_too_long",
            Problem::LabelValueTooLong => "label_value_too_long",
            Problem::LabelTwice => "label_twice",
            Problem::LabelNotUtf8 => "label_not_utf8",
            Problem::LabelMalformed => "label_malformed",
            Problem::NoMetricName => "no_metric_name",
            Problem::UnknownSymbol => "unknown_symbol",
            Problem::HistogramSchema => "histogram_schema",
            Problem::HistogramInvalid => "histogram_invalid",
            Problem::StreamLabels => "stream_labels",
            Problem::LineTooLong => "line_too_long",
            Problem::LineNotUtf8 => "line_not_utf8",
            Problem::TimeOutOfRange => "time_out_of_range",
        }
    }
}

/// A problem, and which item of the request has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The position of the series or stream in the request, from zero.
    pub item: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}: {}", self.item, self.problem)
    }
}

/// The faults of a request: all counted, the first ones kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    count: u64,
    kept: Vec<Fault>,
}

impl Faults {
    /// Counts a fault.
    pub fn push(&mut self, item: usize, problem: Problem) {
        self.count += 1;
        if self.kept.len() < FAULTS_KEPT_MAX {
            self.kept.push(Fault { item, problem });
        }
    }

    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Tells whether there were none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the first ones.
    pub fn kept(&self) -> &[Fault] {
        &self.kept
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.kept.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        match self.count - self.kept.len() as u64 {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
