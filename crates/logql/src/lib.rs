//! Questions about log lines: LogQL, parsed, planned and answered over a [`Source`].
//!
//! In: the text of a query, its parameters and a [`Source`] that the caller implements. Out:
//! streams, matrices and vectors, or an error worded as Loki words it. Pure: no clock, no files.
//! Bound: [`Limits`] on lines, series, steps, samples and bytes read; a closure that cancels.

pub mod ast;
mod engine;
pub mod parse;
mod pipeline;
mod print;
pub mod query;
pub mod source;
pub mod template;
mod unit;
pub mod value;

pub use engine::Engine;
pub use parse::{ParseError, parse, parse_log, parse_matchers};
pub use pipeline::Pipeline;
pub use print::pretty;
pub use query::{Answer, Limits, QueryError, RangeParams};
pub use source::{
    Case, CountSelection, Direction, Entry, Found, Literal, Needle, SelectStats, Selection, Source,
    SourceError, StepCount, Steps, TimeRange,
};
pub use value::{ScalarSample, Series, Stream, StreamEntry, Value, VectorSample, merge_categories};
