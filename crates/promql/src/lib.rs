//! Questions about samples: parse, then evaluate over a trait [`Source`].
//!
//! In: PromQL text, a time or a range of times, and a store behind [`Source`]. Out: an
//! [`Answer`] with Prometheus's values, warnings and error texts. Each series is decoded once and
//! all steps slide over it. Bound: [`Limits`] on samples, points and bytes, and [`Cancel`].

pub mod ast;
mod budget;
mod column;
mod engine;
mod error;
mod eval;
pub mod histogram;
mod kahan;
mod options;
pub mod parse;
mod pool;
mod print;
mod source;
mod value;

pub use budget::Budget;
pub use column::{Column, HistogramAt};
pub use engine::{Engine, TimeRange};
pub use error::QueryError;
pub use options::{
    Cancel, Interrupt, Limits, NameRemoval, Never, Options, QueryOptions, StartTimestamps,
    StatsDetail, Watch,
};
pub use parse::{ParseError, parse};
pub use pool::{Pool, Sequential};
pub use print::{format_duration, format_float, pretty};
pub use source::{Falls, Rollup, SelectHints, SeriesSet, Source, SourceError};
pub use value::{Answer, SampleValue, Series, Stats, Timings, Value, VectorSample};
