//! One channel of a connection: messages both ways, in order, whatever carries them.
//!
//! In: whole messages from the role. Out: whole messages of the peer.
//! Bound: the message size of the connection; a send waits while the transport's window is full.
//! `send` and `recv` may be cancelled: no message is torn by it.

use std::error::Error;
use std::sync::Arc;

use prost::Message;
use tokio::sync::{mpsc, watch};
use weft_proto::v1::{
    ClientMsg, Hello, Refused, RefusedReason, ServerMsg, Stream, Welcome, client_msg, server_msg,
};

pub(crate) mod frame;
pub(crate) mod grpc;
pub(crate) mod quic;

use crate::stats::Counters;

/// The dialling side of a channel.
pub type ClientChannel = Channel<ClientMsg, ServerMsg>;

/// The accepting side of a channel.
pub type ServerChannel = Channel<ServerMsg, ClientMsg>;

/// A channel that sends `Out` and receives `In`.
#[derive(Debug)]
pub struct Channel<Out, In> {
    sender: Sender<Out>,
    receiver: Receiver<In>,
}

impl<Out: Message, In: Message + Default + 'static> Channel<Out, In> {
    pub(crate) fn new(sender: Sender<Out>, receiver: Receiver<In>) -> Channel<Out, In> {
        Channel { sender, receiver }
    }

    /// Sends a message; see [`Sender::send`].
    pub async fn send(&mut self, message: Out) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// Returns the next message; see [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<In>, RecvError> {
        self.receiver.recv().await
    }

    /// Ends the sending direction; see [`Sender::finish`].
    pub async fn finish(&mut self) {
        self.sender.finish().await;
    }

    /// Returns the two directions, to be driven by different tasks.
    pub fn split(self) -> (Sender<Out>, Receiver<In>) {
        (self.sender, self.receiver)
    }
}

impl ClientChannel {
    /// Sends the Hello and waits for the Welcome.
    ///
    /// # Errors
    /// Says why the peer refused, or that it answered with something else or not at all.
    pub async fn greet(&mut self, hello: Hello) -> Result<Welcome, GreetError> {
        let kind = Some(client_msg::Kind::Hello(hello));
        // A peer that refused says why in what it sent before it closed, so that is read even
        // when sending failed.
        let sent = self.send(ClientMsg { kind }).await;
        let answer = self.recv().await?;
        match answer.and_then(|message| message.kind) {
            Some(server_msg::Kind::Welcome(welcome)) => Ok(welcome),
            Some(server_msg::Kind::Refused(refused)) => Err(GreetError::Refused(refused)),
            Some(_) => Err(GreetError::OutOfTurn),
            None => Err(sent.map_or_else(GreetError::Send, |()| GreetError::Ended)),
        }
    }
}

impl Sender<ServerMsg> {
    /// Sends a Refused and ends the sending direction; a peer that is gone is not waited for.
    pub async fn refuse(&mut self, reason: RefusedReason, message: &str, retry_after_ms: u32) {
        let refused = Refused {
            reason: reason.into(),
            message: message.to_owned(),
            retry_after_ms,
        };
        let kind = Some(server_msg::Kind::Refused(refused));
        if self.send(ServerMsg { kind }).await.is_ok() {
            self.finish().await;
        }
    }
}

impl ServerChannel {
    /// Refuses the channel; see [`Sender::refuse`].
    pub async fn refuse(&mut self, reason: RefusedReason, message: &str, retry_after_ms: u32) {
        self.sender.refuse(reason, message, retry_after_ms).await;
    }
}

/// The sending direction of a channel. Dropping it ends the direction in good order.
#[derive(Debug)]
pub struct Sender<M> {
    wire: SenderWire<M>,
    message_bytes_max: usize,
}

#[derive(Debug)]
pub(crate) enum SenderWire<M> {
    Quic(quic::FrameWriter),
    /// A queue into a gRPC call or into the other end within this process.
    Queue(mpsc::Sender<M>),
    Finished,
}

impl<M: Message> Sender<M> {
    pub(crate) fn new(wire: SenderWire<M>, message_bytes_max: usize) -> Sender<M> {
        Sender {
            wire,
            message_bytes_max,
        }
    }

    /// Sends a message, waiting while the transport's window is full.
    ///
    /// When the call is cancelled the message is either sent whole, at the latest with the next
    /// one, or not at all.
    ///
    /// # Errors
    /// Fails for a message over the limit, which leaves the channel usable, and when the peer or
    /// the connection is gone.
    pub async fn send(&mut self, message: M) -> Result<(), SendError> {
        let bytes = message.encoded_len();
        if bytes > self.message_bytes_max {
            let limit = self.message_bytes_max;
            return Err(SendError::TooLarge { bytes, limit });
        }
        match &mut self.wire {
            SenderWire::Quic(writer) => writer.write(&message).await,
            SenderWire::Queue(queue) => queue.send(message).await.map_err(|_| SendError::Closed),
            SenderWire::Finished => Err(SendError::Closed),
        }
    }

    /// Ends the sending direction in good order; the peer reads all that was sent, then the end.
    ///
    /// Over QUIC it waits until the peer has received everything, for 3 seconds at most.
    pub async fn finish(&mut self) {
        if let SenderWire::Quic(mut writer) =
            std::mem::replace(&mut self.wire, SenderWire::Finished)
        {
            writer.finish().await;
        }
    }
}

/// The receiving direction of a channel.
#[derive(Debug)]
pub struct Receiver<M> {
    wire: ReceiverWire<M>,
    /// What the peer may send; a peer without certificate may not send everything.
    admits: fn(&M) -> bool,
    closer: Closer,
    counters: Arc<Counters>,
}

#[derive(Debug)]
pub(crate) enum ReceiverWire<M> {
    Quic(quic::FrameReader),
    Grpc(grpc::Messages<M>),
    Memory(mpsc::Receiver<M>),
}

impl<M: Message + Default + 'static> Receiver<M> {
    pub(crate) fn new(
        wire: ReceiverWire<M>,
        admits: fn(&M) -> bool,
        closer: Closer,
        counters: Arc<Counters>,
    ) -> Receiver<M> {
        Receiver {
            wire,
            admits,
            closer,
            counters,
        }
    }

    /// Returns the next message, or `None` when the peer ended its direction in good order.
    ///
    /// # Errors
    /// A message that is too large, cut off or no message at all closes the whole connection and
    /// is counted; so does one that the peer may not send, but the connection stays open for a
    /// Refused.
    pub async fn recv(&mut self) -> Result<Option<M>, RecvError> {
        let received = match &mut self.wire {
            ReceiverWire::Quic(reader) => reader.read().await,
            ReceiverWire::Grpc(messages) => messages.read().await,
            ReceiverWire::Memory(queue) => Ok(queue.recv().await),
        };
        let received = match received {
            Ok(Some(message)) if !(self.admits)(&message) => Err(RecvError::Forbidden),
            other => other,
        };
        if let Err(error) = &received {
            self.counters.message_fault(error);
            if error.is_fault_of_peer() {
                self.closer.close();
            }
        }
        received
    }
}

/// Admits every message.
pub(crate) fn admits_all<M>(_: &M) -> bool {
    true
}

/// Admits what a peer without certificate may send: a greeting on the control channel, a request
/// for a certificate, and a goodbye.
pub(crate) fn admits_enrolment(message: &ClientMsg) -> bool {
    match &message.kind {
        Some(client_msg::Kind::Hello(hello)) => hello.stream() == Stream::Control,
        Some(client_msg::Kind::Enroll(_) | client_msg::Kind::Bye(_)) => true,
        Some(client_msg::Kind::Batch(_) | client_msg::Kind::Renew(_)) | None => false,
    }
}

/// Closes the connection that a channel belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Closer {
    quic: Option<quinn::Connection>,
    closed: Arc<watch::Sender<bool>>,
}

impl Closer {
    pub(crate) fn new(quic: Option<quinn::Connection>) -> Closer {
        let closed = Arc::new(watch::Sender::new(false));
        Closer { quic, closed }
    }

    /// Closes the connection because the peer broke the protocol.
    fn close(&self) {
        if let Some(connection) = &self.quic {
            connection.close(quic::CODE_PROTOCOL, b"message refused");
        }
        self.closed.send_replace(true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as `self`, so this ends by the value only.
        if closed.wait_for(|closed| *closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The message is over the limit; the channel is still usable.
    #[error("send message of {bytes} bytes: the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer does not receive any more, or the connection is gone.
    #[error("send message: the channel is closed")]
    Closed,
}

/// Why no message was received.
#[derive(Debug, thiserror::Error)]
pub enum RecvError {
    /// The peer announced or sent a message over the limit.
    #[error("receive message: over the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The channel ended inside a message.
    #[error("receive message: the channel ended inside it")]
    Truncated,
    /// The bytes are no message.
    #[error("receive message: not a message of weft.v1")]
    Malformed {
        /// What the decoder says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The peer has no certificate and may not send this.
    #[error("receive message: not allowed without a certificate")]
    Forbidden,
    /// The connection is gone.
    #[error("receive message: the connection is lost")]
    Lost {
        /// What the transport says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl RecvError {
    fn is_fault_of_peer(&self) -> bool {
        matches!(
            self,
            RecvError::TooLarge { .. } | RecvError::Truncated | RecvError::Malformed { .. }
        )
    }
}

/// Why a channel was not opened for use.
#[derive(Debug, thiserror::Error)]
pub enum GreetError {
    /// The peer said no.
    #[error("greet peer: refused: {}", .0.message)]
    Refused(Refused),
    /// The peer answered with something that is no answer to a Hello.
    #[error("greet peer: the answer is neither a welcome nor a refusal")]
    OutOfTurn,
    /// The peer ended the channel without an answer.
    #[error("greet peer: the channel ended without an answer")]
    Ended,
    /// The Hello could not be sent.
    #[error("greet peer")]
    Send(#[source] SendError),
    /// The answer could not be received.
    #[error("greet peer")]
    Recv(#[from] RecvError),
}
