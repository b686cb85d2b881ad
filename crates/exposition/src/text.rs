//! The text formats of metrics: Prometheus's and OpenMetrics'.
//!
//! In: the body of a scrape, whole or cut at line breaks with [`whole_lines`]. Out: [`Parser`], an
//! iterator over what the lines say; a line that cannot be read is an error of its own and does
//! not end the iteration. [`Writer`] writes the same formats. Bound: a parsed line borrows from
//! the body; only labels are copied, within [`weft_model::limits`].

mod comment;
mod labels;
mod parse;
mod sample;
mod write;

pub use parse::{LineError, LineFlaw, Parser};
pub use sample::{ExemplarText, SampleLine};
pub use write::Writer;

use std::borrow::Cow;

use weft_model::MetricKind;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Prometheus's text format, version 0.0.4 and 1.0.0: times in milliseconds.
    Prometheus,
    /// OpenMetrics 1.0: times in seconds, exemplars, units, and a mark at the end.
    OpenMetrics,
}

impl Dialect {
    /// Returns the dialect of a `Content-Type`, Prometheus's when it says nothing known.
    pub fn of_content_type(content_type: &str) -> Dialect {
        match content_type
            .trim_start()
            .starts_with("application/openmetrics-text")
        {
            true => Dialect::OpenMetrics,
            false => Dialect::Prometheus,
        }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    /// `# TYPE`
    Kind {
        /// The metric's name.
        name: Cow<'a, str>,
        /// What it is.
        kind: MetricKind,
    },
    /// `# HELP`
    Help {
        /// The metric's name.
        name: Cow<'a, str>,
        /// One sentence for people.
        text: Cow<'a, str>,
    },
    /// `# UNIT`
    Unit {
        /// The metric's name.
        name: Cow<'a, str>,
        /// The unit's name.
        unit: Cow<'a, str>,
    },
    /// A sample.
    Sample(SampleLine<'a>),
    /// `# EOF`: the body is complete.
    End,
}

/// Splits what has been received of a body into whole lines and the beginning of another.
pub fn whole_lines(received: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'\n', received) {
        Some(end) => received.split_at(end + 1),
        None => (&[], received),
    }
}

#[cfg(test)]
mod tests;
