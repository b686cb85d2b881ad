//! The gap that takes the place of a batch.
//!
//! In: a batch that is of no use to a receiver. Out: a batch that says so in its place.
//! Bound: a few dozen bytes.

use weft_model::Millis;
use weft_proto::batch::{self, BatchKey, Lost};
use weft_proto::v1::Batch;

/// Returns the gap for `batch`, with its origin and labels.
pub(crate) fn gap_of(key: BatchKey, batch: &Batch, reason: &str) -> Batch {
    let lost = Lost {
        last_seq: key.seq,
        items: batch.items.into(),
        first: Millis(batch.first_ms),
        last: Millis(batch.last_ms),
        reason,
    };
    let mut gap = batch::gap(key, lost);
    gap.origin.clone_from(&batch.origin);
    gap.labels.clone_from(&batch.labels);
    gap
}
