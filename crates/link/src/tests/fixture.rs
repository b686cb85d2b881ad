//! An authority, a clock that stands still, and both ends of a connection over any transport.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use weft_model::Millis;
use weft_proto::v1::{
    Ack, Batch, ClientMsg, Hello, ServerMsg, Stream, Welcome, client_msg, server_msg,
};
use weft_stdx::Clock;

use crate::client::{Connection, Dialer, DialerOptions, TransportChoice};
use crate::enroll::control_hello;
use crate::identity::{Authority, AuthorityOptions, Identity, PeerId, Role};
use crate::memory::{self, MemoryListener, MemoryOptions};
use crate::server::{Inbound, Listener, ListenerOptions};
use crate::{LinkStats, Transport};

pub(super) const ALL: [Transport; 3] = [Transport::Quic, Transport::Grpc, Transport::Memory];
pub(super) const WIRES: [Transport; 2] = [Transport::Quic, Transport::Grpc];

/// Some day in 2026.
pub(super) const NOW: Millis = Millis(1_790_000_000_000);

/// No test waits longer for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// An authority of its own, in a directory that goes with it.
pub(super) struct Realm {
    pub(super) authority: Authority,
    pub(super) clock: Clock,
    _dir: TempDir,
}

impl Realm {
    pub(super) fn new() -> Realm {
        Realm::with_leaf_lifetime(Duration::from_secs(86_400))
    }

    pub(super) fn with_leaf_lifetime(leaf_lifetime: Duration) -> Realm {
        let dir = tempfile::tempdir().unwrap();
        let options = AuthorityOptions {
            leaf_lifetime,
            ..AuthorityOptions::default()
        };
        Realm {
            authority: Authority::open_or_create(dir.path(), options, NOW).unwrap(),
            clock: Clock::manual(NOW.to_nanos().0),
            _dir: dir,
        }
    }

    pub(super) fn identity(&self, role: Role, id: &str) -> Identity {
        let peer = PeerId::new(role, id).unwrap();
        let now = Millis(self.clock.millis());
        self.authority.issue(&peer, &[], now).unwrap()
    }

    pub(super) async fn listen(&self) -> Listener {
        self.listen_with(ListenerOptions::default()).await
    }

    pub(super) async fn listen_with(&self, options: ListenerOptions) -> Listener {
        let identity = self.identity(Role::Collector, "c1");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Listener::bind(address, &identity, options, self.clock.clone())
            .await
            .unwrap()
    }

    pub(super) fn dialer(&self, to: SocketAddr, over: Transport) -> Dialer {
        let identity = self.identity(Role::Agent, "a1");
        Dialer::new(dialer_options(to, over), identity, self.clock.clone())
    }

    /// Connects agent `a1`, or somebody without certificate, to collector `c1`.
    pub(super) async fn connect(&self, over: Transport, named: Named) -> (Connection, Acceptor) {
        let options = ListenerOptions::default();
        self.connect_with(over, named, options).await
    }

    pub(super) async fn connect_with(
        &self,
        over: Transport,
        named: Named,
        options: ListenerOptions,
    ) -> (Connection, Acceptor) {
        if over == Transport::Memory {
            let agent = PeerId::new(Role::Agent, "a1").unwrap();
            let dialler = (named == Named::ByCertificate).then_some(agent);
            let collector = PeerId::new(Role::Collector, "c1").unwrap();
            let (connection, listener) =
                memory::connect(dialler, collector, MemoryOptions::default());
            return (connection, Acceptor::Memory(listener));
        }
        let listener = self.listen_with(options).await;
        let to = listener.local_addr();
        let dialer = match named {
            Named::ByCertificate => self.dialer(to, over),
            Named::Not => Dialer::pinned(
                dialer_options(to, over),
                self.authority.pin(),
                self.clock.clone(),
            ),
        };
        (dialer.dial().await.unwrap(), Acceptor::Wire(listener))
    }
}

/// Whether the dialling side shows a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    ByCertificate,
    Not,
}

/// The accepting end, whatever it accepts from.
pub(super) enum Acceptor {
    Wire(Listener),
    Memory(MemoryListener),
}

impl Acceptor {
    pub(super) async fn accept(&mut self) -> Inbound {
        let accepted = match self {
            Acceptor::Wire(listener) => within(listener.accept()).await,
            Acceptor::Memory(listener) => within(listener.accept()).await,
        };
        accepted.unwrap()
    }

    pub(super) fn stats(&self) -> LinkStats {
        match self {
            Acceptor::Wire(listener) => listener.handle().stats(),
            Acceptor::Memory(listener) => listener.stats(),
        }
    }
}

pub(super) fn dialer_options(to: SocketAddr, over: Transport) -> DialerOptions {
    let transport = match over {
        Transport::Quic => TransportChoice::Quic,
        Transport::Grpc => TransportChoice::Grpc,
        Transport::Memory => TransportChoice::Auto,
    };
    DialerOptions {
        addresses: vec![to.to_string()],
        transport,
        ..DialerOptions::default()
    }
}

/// Waits for something that must happen.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens within the patience of the tests")
}

pub(super) fn hello(stream: Stream) -> Hello {
    Hello {
        stream: stream.into(),
        ..control_hello()
    }
}

pub(super) fn welcome() -> ServerMsg {
    let welcome = Welcome {
        credit_bytes: 1 << 20,
        ..Welcome::default()
    };
    ServerMsg {
        kind: Some(server_msg::Kind::Welcome(welcome)),
    }
}

/// A batch whose payload has `bytes` bytes that follow from its number.
pub(super) fn batch(seq: u64, bytes: usize) -> ClientMsg {
    let payload: Vec<u8> = (0..bytes).map(|i| (i as u64 ^ seq) as u8).collect();
    let batch = Batch {
        stream: Stream::Logs.into(),
        session_id: vec![9; 16],
        seq,
        payload: Bytes::from(payload),
        ..Batch::default()
    };
    ClientMsg {
        kind: Some(client_msg::Kind::Batch(batch)),
    }
}

pub(super) fn ack(durable_seq: u64) -> ServerMsg {
    let ack = Ack {
        durable_seq,
        ..Ack::default()
    };
    ServerMsg {
        kind: Some(server_msg::Kind::Ack(ack)),
    }
}
