//! A channel on one bidirectional QUIC stream.
//!
//! In: messages, and chunks from the stream. Out: frames on the stream, and messages.
//! Bound: one frame waits in the writer, one partial frame in the reader.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use quinn::{ReadError, RecvStream, SendStream, VarInt};

use super::frame::{FrameDecoder, encode_frame};
use super::{RecvError, SendError};

/// The connection is closed in good order.
pub(crate) const CODE_DONE: VarInt = VarInt::from_u32(0);

/// The connection is closed because the peer sent what is no message.
pub(crate) const CODE_PROTOCOL: VarInt = VarInt::from_u32(1);

/// The connection is refused: no valid certificate where one is needed, or too many connections.
pub(crate) const CODE_REFUSED: VarInt = VarInt::from_u32(2);

/// The peer's certificate has expired while it was connected.
pub(crate) const CODE_EXPIRED: VarInt = VarInt::from_u32(3);

/// A stream is given up inside a message.
const CODE_CANCELLED: VarInt = VarInt::from_u32(4);

/// How many bytes of a stream are taken at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// How long the end of a stream waits for the peer to have received it.
const FINISH_WAIT: Duration = Duration::from_secs(3);

/// Writes frames.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    stream: SendStream,
    /// What is left of a frame whose writing was cancelled.
    unsent: [Bytes; 1],
}

impl FrameWriter {
    pub(crate) fn new(stream: SendStream) -> FrameWriter {
        let unsent = [Bytes::new()];
        FrameWriter { stream, unsent }
    }

    pub(crate) async fn write<M: Message>(&mut self, message: &M) -> Result<(), SendError> {
        self.flush().await?;
        self.unsent = [encode_frame(message)];
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), SendError> {
        while !self.unsent[0].is_empty() {
            self.stream
                .write_chunks(&mut self.unsent)
                .await
                .map_err(|_| SendError::Closed)?;
        }
        Ok(())
    }

    pub(crate) async fn finish(&mut self) {
        let ended = async {
            if self.flush().await.is_ok() && self.stream.finish().is_ok() {
                // The answer is irrelevant: received, refused and lost all end the wait.
                let _ = self.stream.stopped().await;
            }
        };
        let _ = tokio::time::timeout(FINISH_WAIT, ended).await;
    }
}

impl Drop for FrameWriter {
    /// A frame that was begun and not sent must not look like a stream that ended inside it.
    fn drop(&mut self) {
        if !self.unsent[0].is_empty() {
            // A stream that is closed already needs no reset.
            let _ = self.stream.reset(CODE_CANCELLED);
        }
    }
}

/// Reads frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: RecvStream,
    frames: FrameDecoder,
}

impl FrameReader {
    pub(crate) fn new(stream: RecvStream, message_bytes_max: usize) -> FrameReader {
        let frames = FrameDecoder::new(message_bytes_max);
        FrameReader { stream, frames }
    }

    pub(crate) async fn read<M: Message + Default>(&mut self) -> Result<Option<M>, RecvError> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return decode(frame).map(Some);
            }
            match self.stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => self.frames.push(chunk.bytes),
                Ok(None) => return self.frames.end().map(|()| None),
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

fn decode<M: Message + Default>(frame: Bytes) -> Result<M, RecvError> {
    M::decode(frame).map_err(|source| RecvError::Malformed {
        source: Box::new(source),
    })
}

fn lost(error: ReadError) -> RecvError {
    RecvError::Lost {
        source: Box::new(error),
    }
}
