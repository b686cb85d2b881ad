//! What a spool holds.

use weft_journal::Position;
use weft_model::{Millis, SessionId, StreamKind};

/// Names an entry of one stream; later entries have greater ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// The record that holds it.
    pub position: Position,
    /// Its index in the record; 0 but for gaps, which share one.
    pub index: u32,
}

/// A batch on its way into the spool.
#[derive(Clone, Copy, Debug)]
pub struct NewBatch<'a> {
    /// The session it was born in.
    pub session: SessionId,
    /// The stream within the session.
    pub stream: StreamKind,
    /// How many samples, series or lines it holds.
    pub items: u32,
    /// The time of the first item.
    pub first: Millis,
    /// The time of the last item.
    pub last: Millis,
    /// What the caller needs to send it again beside the payload: the rest of its message.
    pub meta: &'a [u8],
    /// The payload, opaque.
    pub payload: &'a [u8],
}

/// A batch or a gap on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it for [`Spool::ack`](crate::Spool::ack).
    pub id: EntryId,
    /// The session it was born in.
    pub session: SessionId,
    /// The stream within the session.
    pub stream: StreamKind,
    /// The number of the batch, or of the first one of a gap.
    pub seq: u64,
    /// The number of the last batch of a gap; `seq` for a batch.
    pub last_seq: u64,
    /// How many items the batch or batches hold.
    pub items: u64,
    /// The time of the first item.
    pub first: Millis,
    /// The time of the last item.
    pub last: Millis,
    /// The batch itself, or why it is gone.
    pub content: Content,
}

/// See [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A batch as it was appended.
    Batch {
        /// [`NewBatch::meta`].
        meta: Vec<u8>,
        /// [`NewBatch::payload`].
        payload: Vec<u8>,
    },
    /// Batches that were dropped here.
    Gap(DropReason),
}

/// Why batches were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// The queue was full.
    Full,
    /// They had waited too long.
    Age,
    /// They were damaged on the disk, or being written when the power ended.
    Damage,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [DropReason; 3] = [DropReason::Full, DropReason::Age, DropReason::Damage];

    /// Returns the word used in counters and gaps.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Full => "spool_full",
            DropReason::Age => "spool_age",
            DropReason::Damage => "spool_damage",
        }
    }
}

impl Entry {
    /// Returns how many bytes the entry takes on the wire, about.
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Batch { meta, payload } => meta.len() + payload.len(),
            Content::Gap(_) => 64,
        }
    }
}
