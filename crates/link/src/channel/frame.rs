//! Messages on a byte stream: each is preceded by its length as a big-endian u32.
//!
//! In: chunks of bytes, cut anywhere. Out: the bytes of whole messages.
//! Bound: a length over the limit is refused before a byte of the message is kept; memory grows
//! with what arrived, not with what was announced.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use super::RecvError;

const HEADER_BYTES: usize = 4;

/// Bytes reserved for a message before any of it arrived.
const RESERVE_BYTES: usize = 64 * 1024;

/// Puts chunks together to messages.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    limit: usize,
    /// The rest of the chunk that arrived last.
    chunk: Bytes,
    /// The header so far, then the message so far.
    partial: BytesMut,
    /// The length of the message that is being put together.
    length: Option<usize>,
}

impl FrameDecoder {
    pub(crate) fn new(limit: usize) -> FrameDecoder {
        FrameDecoder {
            limit,
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            length: None,
        }
    }

    /// Takes the next chunk; the last one must be used up, that is [`Self::next`] gave `None`.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "chunks are used up one by one");
        self.chunk = chunk;
    }

    /// Returns the next message, or `None` when it needs another chunk.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, RecvError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.take_header()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.partial.is_empty() && self.chunk.len() >= length {
            self.length = None;
            return Ok(Some(self.chunk.split_to(length)));
        }
        self.fill_partial(length);
        if self.partial.len() < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(std::mem::take(&mut self.partial).freeze()))
    }

    /// Checks that no message is cut off where the stream ends.
    pub(crate) fn end(&self) -> Result<(), RecvError> {
        if self.length.is_none() && self.partial.is_empty() && self.chunk.is_empty() {
            Ok(())
        } else {
            Err(RecvError::Truncated)
        }
    }

    fn take_header(&mut self) -> Result<Option<usize>, RecvError> {
        self.fill_partial(HEADER_BYTES);
        if self.partial.len() < HEADER_BYTES {
            return Ok(None);
        }
        let announced = self.partial.get_u32();
        self.partial = BytesMut::new();
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(RecvError::TooLarge { limit: self.limit });
        }
        self.length = Some(length);
        Ok(Some(length))
    }

    fn fill_partial(&mut self, length: usize) {
        let missing = length - self.partial.len();
        if self.partial.is_empty() {
            self.partial.reserve(length.min(RESERVE_BYTES));
        }
        let taken = missing.min(self.chunk.len());
        self.partial.put(self.chunk.split_to(taken));
    }
}

/// Returns a message with its length before it.
pub(crate) fn encode_frame<M: Message>(message: &M) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + length);
    frame.put_u32(u32::try_from(length).expect("senders refuse messages over the limit"));
    message
        .encode(&mut frame)
        .expect("the buffer has the encoded length and grows");
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(bytes: &[u8], cut: usize, limit: usize) -> (Vec<Bytes>, Result<(), RecvError>) {
        let mut decoder = FrameDecoder::new(limit);
        let mut messages = Vec::new();
        for chunk in bytes.chunks(cut) {
            decoder.push(Bytes::copy_from_slice(chunk));
            loop {
                match decoder.next() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Err(error)),
                }
            }
        }
        (messages, decoder.end())
    }

    fn frames(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.put_u32(u32::try_from(message.len()).unwrap());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let sent: [&[u8]; 5] = [b"one", b"", b"three hundred", b"x", &[7; 300]];
        let bytes = frames(&sent);
        for cut in 1..=bytes.len() {
            let (messages, end) = decode_all(&bytes, cut, 300);
            assert_eq!(messages, sent, "cut every {cut} bytes");
            assert!(end.is_ok());
        }
    }

    #[test]
    fn a_stream_that_ends_inside_a_message_is_truncated() {
        let bytes = frames(&[b"one", b"two"]);
        for end in (1..7).chain(8..14) {
            let (_, result) = decode_all(&bytes[..end], 3, 300);
            assert!(matches!(result, Err(RecvError::Truncated)), "{end} bytes");
        }
        assert!(decode_all(&bytes[..7], 3, 300).1.is_ok());
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_at_once() {
        let (messages, result) = decode_all(&frames(&[b"ok", &[0; 11]])[..10], 10, 10);
        assert_eq!(messages, [&b"ok"[..]]);
        assert!(matches!(result, Err(RecvError::TooLarge { limit: 10 })));
        let (_, result) = decode_all(&[0xff; 4], 4, 10);
        assert!(matches!(result, Err(RecvError::TooLarge { limit: 10 })));
    }
}
