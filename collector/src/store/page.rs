//! Batches as the spool keeps them, and as they are sent again.
//!
//! In: a batch, or an entry of the spool. Out: the parts that are kept; the batch again.
//! Bound: none of its own. The payload is kept as it came; the rest of the message is kept beside
//! it, as the same protobuf without its payload.

use bytes::Bytes;
use prost::Message;
use weft_proto::batch::{self, BatchKey, Lost};
use weft_proto::v1::Batch;
use weft_spool::{Content, Entry, EntryId};

use crate::admit::Span;

/// The next entries of a stream.
pub(crate) type Page = Vec<Held>;

/// A batch that is on its way out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) id: EntryId,
    pub(crate) span: Span,
    pub(crate) batch: Batch,
}

/// Returns what is kept of a batch beside its payload.
pub(crate) fn meta_of(batch: &Batch) -> Vec<u8> {
    let payload = Bytes::new();
    let head = Batch {
        payload,
        ..batch.clone()
    };
    head.encode_to_vec()
}

/// Returns an entry as it is sent; `None` when what was kept cannot be read.
pub(crate) fn held(entry: Entry) -> Option<Held> {
    let key = BatchKey {
        session: entry.session,
        stream: entry.stream,
        seq: entry.seq,
    };
    let batch = match entry.content {
        Content::Batch { meta, payload } => {
            let mut batch = Batch::decode(meta.as_slice()).ok()?;
            batch.payload = Bytes::from(payload);
            batch
        }
        Content::Gap(reason) => {
            let lost = Lost {
                last_seq: entry.last_seq,
                items: entry.items,
                first: entry.first,
                last: entry.last,
                reason: reason.as_str(),
            };
            batch::gap(key, lost)
        }
    };
    let span = Span {
        key,
        last_seq: entry.last_seq,
    };
    Some(Held {
        id: entry.id,
        span,
        batch,
    })
}
