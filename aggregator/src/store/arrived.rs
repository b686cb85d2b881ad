//! A batch that arrived: the fields that admission and the journal need.

use weft_proto::batch::{self, BatchError, BatchKey};
use weft_proto::v1::{Batch, Encoding, Gap};

/// A batch whose fields make sense.
pub(super) struct Arrived {
    pub(super) key: BatchKey,
    /// Greater than the batch's own number when it is a gap that stands for more than one.
    pub(super) last_seq: u64,
    pub(super) gap: Option<Gap>,
    /// How many of the numbers are new here.
    pub(super) unseen: u64,
}

impl Arrived {
    pub(super) fn of(batch: &Batch) -> Result<Arrived, BatchError> {
        let key = batch::check(batch)?;
        if batch.encoding() != Encoding::GapV1 {
            return Ok(Arrived {
                key,
                last_seq: key.seq,
                gap: None,
                unseen: 1,
            });
        }
        let (gap, last_seq) = batch::decode_gap(batch)?;
        let unseen = last_seq.saturating_sub(key.seq).saturating_add(1);
        Ok(Arrived {
            key,
            last_seq,
            gap: Some(gap),
            unseen,
        })
    }

    /// Returns the share of a gap's items that are in batches which are not here: what came
    /// another way is not lost.
    pub(super) fn items_lost(&self, items: u64) -> u64 {
        let all = self.last_seq.saturating_sub(self.key.seq).saturating_add(1);
        let lost = u128::from(items) * u128::from(self.unseen) / u128::from(all.max(1));
        u64::try_from(lost).unwrap_or(u64::MAX)
    }
}
