//! The transport: QUIC and gRPC that carry the same messages, with mTLS on both.
//!
//! ```text
//!   dialling role                                  accepting role
//!   Dialer::dial -> Connection  == QUIC | gRPC ==  Listener::accept -> Inbound { peer, channel }
//!     open(Stream) -> ClientChannel                  ServerChannel
//! ```
//!
//! In: messages of `weft.v1`. Out: the same messages at the peer, in order, once per channel.
//! Bound: a message has at most [`weft_model::limits::MESSAGE_BYTES_MAX`]; connections, channels
//! and queues have the limits of [`ListenerOptions`] and [`DialerOptions`].

pub mod channel;
pub mod client;
pub mod enroll;
pub mod identity;
pub mod memory;
pub mod server;
mod stats;
mod tls;
mod udp;

#[cfg(test)]
mod tests;

pub use channel::{
    Channel, ClientChannel, GreetError, Receiver, RecvError, SendError, Sender, ServerChannel,
};
pub use client::{
    Attempt, AttemptError, Congestion, Connection, DialError, Dialer, DialerOptions, OpenError,
    TransportChoice,
};
pub use enroll::{EnrollError, enroll, relay, renew};
pub use identity::{
    Authority, AuthorityError, AuthorityOptions, Identity, IdentityError, JoinToken,
    JoinTokenError, PeerId, PeerIdError, Role, SpkiHash, TokenGrant, TokenInfo, TokenStoreError,
};
pub use server::{BindError, ConnectionId, Inbound, Listener, ListenerHandle, ListenerOptions};
pub use stats::LinkStats;
pub use tls::TlsError;

use std::fmt;

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// QUIC over UDP, ALPN `weft/1`.
    Quic,
    /// gRPC over TLS and TCP, ALPN `h2`.
    Grpc,
    /// Queues within one process.
    Memory,
}

impl Transport {
    /// Returns the word used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Quic => "quic",
            Transport::Grpc => "grpc",
            Transport::Memory => "memory",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
