//! Samples at rest: head, parts, index, compaction, retention.
//!
//! ```text
//! intern, append ──> head ──flush──> parts ──maintain──> larger parts, fewer, until retention
//!                     │                │
//!                     └───── select ───┴──> Selection: labels and samples by series
//! ```
//!
//! In: samples, at any time within the retention. Out: what was written last at each time, bit by
//! bit. The store starts no thread and reads no clock; files go through a
//! [`Disk`](weft_disk::Disk). What was appended before a flush is durable after it; what came
//! later is the caller's to journal. Bound: [`Config`]; every refusal is counted in [`Status`].
//!
//! The files are described in `docs/format/part.md`.

mod config;
mod error;
mod status;

mod db;
mod selection;

mod head;

mod view;

mod part;

mod merge;

mod check;

mod restore;

mod cache;
mod changes;
mod deletion;
mod identity;
mod matching;
mod run;
mod segmented;
mod side_files;

pub use changes::ChangeMark;
pub use check::{check, check_each};
pub use config::{Budgets, Config, RETENTION_RULES_MAX, Retention};
pub use db::Tsdb;
pub use error::{OpenError, PartError, ReadError, Rejected, WriteError};
pub use head::{AppendReport, SeriesRef};
pub use part::{Extent, Falls, Newest, ROLLUP_RESOLUTIONS, Rollup};
pub use restore::{RestoreError, RestoreReport, restore};
pub use selection::{Beside, Selection};
pub use status::{
    CheckFault, CheckReport, DeleteReport, Drop, FlushReport, HeadExtent, MaintainReport,
    OpenReport, PartStatus, Status,
};

#[cfg(test)]
mod tests;
