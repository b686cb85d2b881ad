//! What a spool tells about itself.

use weft_model::Millis;

use crate::entry::DropReason;

/// One queue of a spool, now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes that it may use.
    pub bytes_max: u64,
    /// Batches and gaps that are not acknowledged.
    pub entries: u64,
    /// Those of them that were read and await their acknowledgement.
    pub in_flight: u64,
    /// When the oldest of them was appended, to the accuracy of a segment.
    pub oldest: Option<Millis>,
    /// What was dropped since the spool was opened.
    pub dropped: Vec<(DropReason, Dropped)>,
    /// Bytes that could not be read as entries, since the spool was opened.
    pub damaged_bytes: u64,
    /// How often the ledger failed since the spool was opened.
    pub ledger_failures: u64,
}

/// How much was dropped for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Batches.
    pub batches: u64,
    /// Their items.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}
