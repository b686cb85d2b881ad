//! Log lines at rest: a head in memory, blocks of one stream each, a tantivy index over them.
//!
//! In: lines of a stream, at any time, in any order. Out: the lines that contain some texts, found
//! by labels, times, trigrams and id filters, then verified; counts from block metadata. A line is
//! found as soon as it is appended and durable after [`LogDb::flush`].
//! Bound: [`Config`]; what retention drops is whole partitions of time.

mod block;
mod check;
mod config;
mod db;
mod error;
mod gram;
mod head;
mod id_filter;
mod line_search;
mod partition;
mod raw;
mod selection;
mod tail;

pub use check::{CheckReport, Fault, check};
pub use config::Config;
pub use db::{Appended, Aside, Entry, LogDb, Maintained, OpenReport, StreamVolume, Usage};
pub use error::{AppendError, IndexError, OpenError, ReadError, WriteError};
pub use selection::{
    Case, Direction, Found, Literal, Needle, SelectStats, Selection, Stats, StepCount, Steps,
    StoredEntry, TimeRange,
};
pub use tail::{Tail, TailCursor, TailEntry};
