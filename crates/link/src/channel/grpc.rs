//! A channel on one gRPC call, `weft.v1.Link/Open`.
//!
//! In: messages of the call. Out: the same, with tonic's statuses as our errors; and the queue
//! that tonic sends from.
//! Bound: tonic refuses messages over the limit it was given; the queue has the channel's bound.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};

use super::RecvError;

/// The messages that arrive on a call.
#[derive(Debug)]
pub(crate) struct Messages<M> {
    stream: Streaming<M>,
    message_bytes_max: usize,
}

impl<M> Messages<M> {
    pub(crate) fn new(stream: Streaming<M>, message_bytes_max: usize) -> Messages<M> {
        Messages {
            stream,
            message_bytes_max,
        }
    }

    pub(crate) async fn read(&mut self) -> Result<Option<M>, RecvError> {
        self.stream
            .message()
            .await
            .map_err(|status| explain(status, self.message_bytes_max))
    }
}

/// Tells the peer's faults from a lost connection. Statuses that tonic makes while decoding have
/// no source; those of a lost connection have one, or came from the peer.
fn explain(status: Status, limit: usize) -> RecvError {
    let from_decoder = status.source().is_none();
    match status.code() {
        Code::OutOfRange if from_decoder => RecvError::TooLarge { limit },
        Code::Internal if from_decoder && status.message().contains("EOF") => RecvError::Truncated,
        Code::Internal if from_decoder => RecvError::Malformed {
            source: Box::new(status),
        },
        _ => RecvError::Lost {
            source: Box::new(status),
        },
    }
}

/// The messages that a role sends, as the stream that tonic takes; it ends when the role drops or
/// finishes its sender.
#[derive(Debug)]
pub(crate) struct Outgoing<M>(pub(crate) mpsc::Receiver<M>);

impl<M> Stream for Outgoing<M> {
    type Item = M;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<M>> {
        self.0.poll_recv(context)
    }
}

/// The same for the accepting side, where each item may be a status.
#[derive(Debug)]
pub(crate) struct Answers<M>(pub(crate) mpsc::Receiver<M>);

impl<M> Stream for Answers<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|message| message.map(Ok))
    }
}
