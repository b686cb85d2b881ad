//! A connection that was dialled.
//!
//! In: the kind of data a channel is to carry. Out: the channel.
//! Bound: the peer allows a number of channels at a time; opening one more waits.

use std::net::SocketAddr;
use std::time::Duration;

use weft_proto::v1::Stream;

use super::{grpc, quic};
use crate::Transport;
use crate::channel::{ClientChannel, quic as wire};
use crate::identity::PeerId;
use crate::memory::MemoryOpener;

/// How long closing waits for the peer to be told.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// A connection to a collector or an aggregator. It ends when it and all its channels are
/// dropped.
#[derive(Debug)]
pub struct Connection {
    address: String,
    remote: Option<SocketAddr>,
    peer: PeerId,
    wire: Wire,
}

#[derive(Debug)]
pub(crate) enum Wire {
    Quic(quic::QuicConnection),
    Grpc(grpc::GrpcConnection),
    Memory(MemoryOpener),
}

impl Connection {
    pub(crate) fn new(address: &str, remote: SocketAddr, peer: PeerId, wire: Wire) -> Connection {
        Connection {
            address: address.to_owned(),
            remote: Some(remote),
            peer,
            wire,
        }
    }

    pub(crate) fn memory(opener: MemoryOpener, peer: PeerId) -> Connection {
        Connection {
            address: "memory".to_owned(),
            remote: None,
            peer,
            wire: Wire::Memory(opener),
        }
    }

    /// Opens a channel for `stream`; over QUIC it has the priority of that kind of data. The peer
    /// learns of it with the first message.
    ///
    /// # Errors
    /// Fails when the connection is closed.
    pub async fn open(&self, stream: Stream) -> Result<ClientChannel, OpenError> {
        match &self.wire {
            Wire::Quic(connection) => connection.open(stream).await,
            Wire::Grpc(connection) => connection.open().await,
            Wire::Memory(opener) => opener.open().await,
        }
    }

    /// Returns what carries the connection.
    pub fn transport(&self) -> Transport {
        match &self.wire {
            Wire::Quic(_) => Transport::Quic,
            Wire::Grpc(_) => Transport::Grpc,
            Wire::Memory(_) => Transport::Memory,
        }
    }

    /// Returns whom it leads to, as the verified certificate says.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Returns the address as it was configured.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the address that the host was resolved to; `None` within one process.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Tells whether the connection is known to be closed.
    pub fn is_closed(&self) -> bool {
        match &self.wire {
            Wire::Quic(connection) => connection.quic.close_reason().is_some(),
            Wire::Grpc(connection) => connection.closer.is_closed(),
            Wire::Memory(opener) => opener.is_closed(),
        }
    }

    /// Closes the connection and its channels; what the peer has not received is lost, so finish
    /// the channels first.
    pub async fn close(self) {
        if let Wire::Quic(connection) = &self.wire {
            connection.quic.close(wire::CODE_DONE, b"done");
            // The peer times out by itself when it cannot be told.
            let _ = tokio::time::timeout(CLOSE_WAIT, connection.endpoint.wait_idle()).await;
        }
    }
}

/// Why no channel was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The connection is closed.
    #[error("open channel: the connection is closed")]
    Closed,
    /// The connection is lost, or the peer refused.
    #[error("open channel")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
}
