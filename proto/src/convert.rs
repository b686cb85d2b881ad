//! The words of `weft.v1` as words of the model, and back.
//!
//! In: fields of messages from a peer. Out: checked values. Bound: the limits on labels.

use weft_model::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX};
use weft_model::{Labels, SessionId, StreamKind};

use crate::v1;

/// Why a field of a message makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A session id is not 16 bytes long.
    #[error("read session id of {0} bytes instead of 16")]
    SessionId(usize),
    /// The stream is not said, unknown, or one that carries no batches.
    #[error("read stream {0} that carries no batches")]
    Stream(i32),
    /// The encoding is not said or unknown.
    #[error("read unknown encoding {0}")]
    Encoding(i32),
    /// There are more labels, or longer ones, than the limits allow.
    #[error("read labels over the limit")]
    Labels,
}

/// Returns the session that 16 bytes name.
pub fn session_id(bytes: &[u8]) -> Result<SessionId, FieldError> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| FieldError::SessionId(bytes.len()))?;
    Ok(SessionId(u128::from_be_bytes(bytes)))
}

/// Returns the 16 bytes of a session's name, big-endian so that they sort like the number.
pub fn session_bytes(session: SessionId) -> [u8; 16] {
    session.0.to_be_bytes()
}

/// Returns the kind of a stream that carries batches.
pub fn stream_kind(stream: i32) -> Result<StreamKind, FieldError> {
    match v1::Stream::try_from(stream) {
        Ok(v1::Stream::Metrics) => Ok(StreamKind::Metrics),
        Ok(v1::Stream::Logs) => Ok(StreamKind::Logs),
        Ok(v1::Stream::Events) => Ok(StreamKind::Events),
        Ok(v1::Stream::Unspecified | v1::Stream::Control) | Err(_) => {
            Err(FieldError::Stream(stream))
        }
    }
}

/// Returns the stream that carries batches of this kind.
pub fn stream(kind: StreamKind) -> v1::Stream {
    match kind {
        StreamKind::Metrics => v1::Stream::Metrics,
        StreamKind::Logs => v1::Stream::Logs,
        StreamKind::Events => v1::Stream::Events,
    }
}

/// Returns the encoding of a number in a message.
pub fn encoding(encoding: i32) -> Result<v1::Encoding, FieldError> {
    match v1::Encoding::try_from(encoding) {
        Ok(v1::Encoding::Unspecified) | Err(_) => Err(FieldError::Encoding(encoding)),
        Ok(known) => Ok(known),
    }
}

/// Returns the label set of a message; of two labels with one name the later counts.
pub fn labels(pairs: &[v1::Label]) -> Result<Labels, FieldError> {
    let within = |label: &v1::Label| {
        label.name.len() <= LABEL_NAME_BYTES_MAX && label.value.len() <= LABEL_VALUE_BYTES_MAX
    };
    if pairs.len() > LABELS_MAX || !pairs.iter().all(within) {
        return Err(FieldError::Labels);
    }
    let pair = |label: &v1::Label| (label.name.clone(), label.value.clone());
    Ok(Labels::from_pairs(pairs.iter().map(pair)))
}

/// Returns a label set as it stands in a message.
pub fn label_pairs(labels: &Labels) -> Vec<v1::Label> {
    let pair = |(name, value): (&str, &str)| v1::Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    labels.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_has_sixteen_bytes() {
        let session = SessionId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        assert_eq!(session_id(&session_bytes(session)), Ok(session));
        assert_eq!(session_id(&[0; 15]), Err(FieldError::SessionId(15)));
    }

    #[test]
    fn every_kind_has_its_stream() {
        for kind in StreamKind::ALL {
            assert_eq!(stream_kind(stream(kind).into()), Ok(kind));
        }
        for none in [0, 1, 99] {
            assert_eq!(stream_kind(none), Err(FieldError::Stream(none)));
        }
    }

    #[test]
    fn labels_survive_and_are_bounded() {
        let set = Labels::from_pairs([("region", "eu"), ("cluster", "one")]);
        assert_eq!(labels(&label_pairs(&set)), Ok(set));
        let long = v1::Label {
            name: "a".to_owned(),
            value: "x".repeat(LABEL_VALUE_BYTES_MAX + 1),
        };
        assert_eq!(labels(&[long]), Err(FieldError::Labels));
        let many = vec![v1::Label::default(); LABELS_MAX + 1];
        assert_eq!(labels(&many), Err(FieldError::Labels));
    }
}
