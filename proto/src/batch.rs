//! A batch as its sender seals it and its receiver checks it.
//!
//! In: an encoded payload, or a message from a peer. Out: a message with its checksum, or the
//! batch's checked key. Bound: the size limit of a payload.

use bytes::Bytes;
use prost::Message;
use weft_model::limits::BATCH_BYTES_MAX;
use weft_model::{Millis, SessionId, StreamKind};

use crate::convert::{self, FieldError};
use crate::v1;

/// What names a batch from its birth to its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchKey {
    /// The session it was born in.
    pub session: SessionId,
    /// The stream within the session.
    pub stream: StreamKind,
    /// Its number within the stream, contiguous from 1.
    pub seq: u64,
}

/// A payload with what its batch says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// How the payload is encoded.
    pub encoding: v1::Encoding,
    /// How many samples, series or lines it holds.
    pub items: u32,
    /// The time of the first item.
    pub first: Millis,
    /// The time of the last item.
    pub last: Millis,
    /// The bytes, at most [`BATCH_BYTES_MAX`].
    pub payload: Bytes,
}

/// Why a batch is refused for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A field of the message makes no sense.
    #[error("read batch")]
    Field(#[from] FieldError),
    /// The number is 0 or the very last one.
    #[error("read batch number {0}, which is none")]
    Seq(u64),
    /// The payload is over the limit.
    #[error("read payload of {0} bytes, over the limit")]
    TooLarge(usize),
    /// The payload is not what the sender sealed.
    #[error("check payload against its checksum")]
    Checksum,
    /// What a spool has kept of it is not a message.
    #[error("read batch from spool")]
    Meta,
    /// The payload is not a gap message of its own batch.
    #[error("read gap")]
    Gap,
}

impl BatchError {
    /// Returns what the refusal is called on the wire.
    pub fn nack_reason(&self) -> v1::NackReason {
        match self {
            BatchError::TooLarge(_) => v1::NackReason::TooLarge,
            BatchError::Field(_)
            | BatchError::Seq(_)
            | BatchError::Checksum
            | BatchError::Meta
            | BatchError::Gap => v1::NackReason::Malformed,
        }
    }
}

/// Returns the message for a payload that is durable at its origin under `key`. The origin's
/// name and the collectors' labels are added on the way.
pub fn seal(key: BatchKey, encoded: Encoded) -> v1::Batch {
    v1::Batch {
        stream: convert::stream(key.stream).into(),
        session_id: convert::session_bytes(key.session).to_vec(),
        seq: key.seq,
        origin: String::new(),
        first_ms: encoded.first.0,
        last_ms: encoded.last.0,
        items: encoded.items,
        crc: crc32c::crc32c(&encoded.payload),
        encoding: encoded.encoding.into(),
        labels: Vec::new(),
        payload: encoded.payload,
    }
}

/// Checks a batch from a peer and returns its key.
pub fn check(batch: &v1::Batch) -> Result<BatchKey, BatchError> {
    let key = BatchKey {
        session: convert::session_id(&batch.session_id)?,
        stream: convert::stream_kind(batch.stream)?,
        seq: batch.seq,
    };
    convert::encoding(batch.encoding)?;
    if batch.seq == 0 || batch.seq == u64::MAX {
        return Err(BatchError::Seq(batch.seq));
    }
    if batch.payload.len() > BATCH_BYTES_MAX {
        return Err(BatchError::TooLarge(batch.payload.len()));
    }
    if crc32c::crc32c(&batch.payload) != batch.crc {
        return Err(BatchError::Checksum);
    }
    Ok(key)
}

/// Returns all of a batch but its payload, as bytes that a spool keeps beside it.
pub fn to_meta(batch: &v1::Batch) -> Vec<u8> {
    let head = v1::Batch {
        payload: Bytes::new(),
        ..batch.clone()
    };
    head.encode_to_vec()
}

/// Returns the batch that [`to_meta`] took apart.
pub fn from_meta(meta: &[u8], payload: Bytes) -> Result<v1::Batch, BatchError> {
    let mut batch = v1::Batch::decode(meta).map_err(|_| BatchError::Meta)?;
    batch.payload = payload;
    Ok(batch)
}

/// What is told of batches that were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost<'a> {
    /// The number of the last one; the first is that of the key.
    pub last_seq: u64,
    /// How many items they held.
    pub items: u64,
    /// The time of the first item.
    pub first: Millis,
    /// The time of the last item.
    pub last: Millis,
    /// Why, in the words of the drop counters.
    pub reason: &'a str,
}

/// Returns the batch that stands for those that were dropped, from that of `key` on. Batches that
/// may have been sent before are best told one by one, so that a receiver that has some of them
/// already counts exactly those that it has not.
pub fn gap(key: BatchKey, lost: Lost<'_>) -> v1::Batch {
    let gap = v1::Gap {
        seqs: Some(v1::SeqRange {
            first: key.seq,
            last: lost.last_seq,
        }),
        items: lost.items,
        reason: lost.reason.to_owned(),
        first_ms: lost.first.0,
        last_ms: lost.last.0,
    };
    let encoded = Encoded {
        encoding: v1::Encoding::GapV1,
        items: u32::try_from(lost.items).unwrap_or(u32::MAX),
        first: lost.first,
        last: lost.last,
        payload: Bytes::from(gap.encode_to_vec()),
    };
    seal(key, encoded)
}

/// Reads the gap that a checked batch carries, and the number of the last batch that is gone;
/// the first is that of the batch itself.
pub fn decode_gap(batch: &v1::Batch) -> Result<(v1::Gap, u64), BatchError> {
    let gap = v1::Gap::decode(batch.payload.clone()).map_err(|_| BatchError::Gap)?;
    match gap.seqs {
        Some(v1::SeqRange { first, last })
            if first == batch.seq && (first..u64::MAX).contains(&last) =>
        {
            Ok((gap, last))
        }
        _ => Err(BatchError::Gap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: BatchKey = BatchKey {
        session: SessionId(7),
        stream: StreamKind::Logs,
        seq: 3,
    };

    fn sealed() -> v1::Batch {
        let encoded = Encoded {
            encoding: v1::Encoding::LogsV1,
            items: 1,
            first: Millis(1),
            last: Millis(2),
            payload: Bytes::from_static(b"payload"),
        };
        seal(KEY, encoded)
    }

    #[test]
    fn a_sealed_batch_passes_its_check() {
        assert_eq!(check(&sealed()), Ok(KEY));
    }

    #[test]
    fn a_changed_batch_is_refused_with_its_reason() {
        let changed = |change: fn(&mut v1::Batch)| {
            let mut batch = sealed();
            change(&mut batch);
            check(&batch)
        };
        assert_eq!(
            changed(|b| b.payload = Bytes::from_static(b"pAyload")),
            Err(BatchError::Checksum)
        );
        assert_eq!(changed(|b| b.seq = 0), Err(BatchError::Seq(0)));
        assert_eq!(
            changed(|b| b.stream = 1),
            Err(BatchError::Field(FieldError::Stream(1)))
        );
        assert_eq!(
            changed(|b| b.encoding = 0),
            Err(BatchError::Field(FieldError::Encoding(0)))
        );
        assert_eq!(
            changed(|b| b.payload = vec![0; BATCH_BYTES_MAX + 1].into()),
            Err(BatchError::TooLarge(BATCH_BYTES_MAX + 1))
        );
    }

    #[test]
    fn a_batch_is_put_together_again_from_what_a_spool_keeps() {
        let mut batch = sealed();
        batch.origin = "node-1".to_owned();
        let meta = to_meta(&batch);
        assert!(meta.len() < 60);
        assert_eq!(from_meta(&meta, batch.payload.clone()), Ok(batch));
        assert_eq!(from_meta(&[0xff], Bytes::new()), Err(BatchError::Meta));
    }

    #[test]
    fn a_gap_begins_with_its_own_batch() {
        let lost = Lost {
            last_seq: 5,
            items: 40,
            first: Millis(5),
            last: Millis(9),
            reason: "spool_full",
        };
        let batch = gap(KEY, lost);
        assert_eq!(check(&batch), Ok(KEY));
        let (told, last) = decode_gap(&batch).unwrap();
        assert_eq!(
            (told.items, told.reason.as_str(), last),
            (40, "spool_full", 5)
        );
        let mut other = batch;
        other.seq += 1;
        assert_eq!(decode_gap(&other), Err(BatchError::Gap));
        let backwards = gap(
            KEY,
            Lost {
                last_seq: 2,
                ..lost
            },
        );
        assert_eq!(decode_gap(&backwards), Err(BatchError::Gap));
    }
}
