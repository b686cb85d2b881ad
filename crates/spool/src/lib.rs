//! A bounded queue of batches that survives a crash.
//!
//! In: batches as they came. Out: the same, in order, until each is acknowledged; and a gap for
//! every batch that was dropped. One queue for each stream, so that logs never hold up metrics.
//! Bound: bytes, the space left on the file system, and age; at the bound a queue refuses more or
//! drops its oldest segment, as configured.
//! The bytes are described in `docs/format/spool.md`.

mod config;
mod entry;
mod error;
mod index;
pub mod ledger;
mod queue;
mod record;
mod sessions;
mod spool;
mod stats;

#[cfg(test)]
mod tests;

pub use config::{Config, Full};
pub use entry::{Content, DropReason, Entry, EntryId, NewBatch};
pub use error::{AckError, AppendError, LedgerError, OpenError, ReadError, SyncError};
pub use ledger::{Ledger, MemoryLedger, SledLedger};
pub use spool::{OpenReport, Spool};
pub use stats::{Dropped, Stats};
pub use weft_journal::Position;
