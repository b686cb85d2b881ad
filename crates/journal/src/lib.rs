//! Append-only segments of checksummed records, with group commit.
//!
//! In: records from many threads. Out: positions, and the records again, in order, after any
//! crash: a record is there if a sync returned after it was appended.
//! Bound: segments of a fixed size, removed whole; bytes that are not written yet up to a limit.
//! The bytes are described in `docs/format/journal.md`.

mod catalogue;
mod check;
mod error;
mod journal;
mod pending;
mod position;
mod reader;
mod record;
mod replay;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

pub use check::{CheckReport, Fault, FaultKind, check};
pub use error::{AppendError, OpenError, ReplayError, SyncError, TrimError};
pub use journal::{Config, Journal, OpenReport};
pub use position::Position;
pub use reader::{Damage, Record, ReplayReport};
