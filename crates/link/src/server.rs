//! The accepting side: one port number, QUIC on UDP and gRPC on TCP.
//!
//! In: connections. Out: their channels, each with the peer that its certificate names.
//! Bound: connections, channels of one, connections without certificate, handshake time and the
//! queue of channels that wait to be accepted have the limits of [`ListenerOptions`]; over them a
//! connection is refused and counted. A connection ends when its certificate expires.

mod accept;
mod grpc;
mod quic;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weft_model::limits::MESSAGE_BYTES_MAX;
use weft_stdx::Clock;

use crate::Transport;
use crate::channel::{ServerChannel, quic as wire};
use crate::identity::{Identity, PeerId};
use crate::stats::{Counters, LinkStats};
use crate::tls::{self, TlsError};
use crate::udp::{self, QuicSocket};
use accept::Gate;
pub(crate) use quic::peer_chain;

/// How often a free port is looked for when any will do.
const PORT_TRIES: u32 = 16;

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerOptions {
    /// Connections over both transports together.
    pub connections_max: usize,
    /// Of these, connections without certificate, each for [`Self::enrolment_time_max`].
    pub unauthenticated_max: usize,
    /// Channels open at the same time on one connection.
    pub channels_max: u32,
    /// Channels that wait to be accepted.
    pub backlog: usize,
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// How long a handshake may take.
    pub handshake_time_max: Duration,
    /// How long a peer without certificate may stay connected.
    pub enrolment_time_max: Duration,
    /// How long a connection lives without a sign of the peer.
    pub idle_time_max: Duration,
    /// The wished size of the UDP buffers.
    pub udp_buffer_bytes: usize,
}

impl Default for ListenerOptions {
    fn default() -> ListenerOptions {
        ListenerOptions {
            connections_max: 20_000,
            unauthenticated_max: 64,
            channels_max: 16,
            backlog: 64,
            message_bytes_max: MESSAGE_BYTES_MAX,
            handshake_time_max: Duration::from_secs(10),
            enrolment_time_max: Duration::from_secs(30),
            idle_time_max: Duration::from_secs(30),
            udp_buffer_bytes: 8 << 20,
        }
    }
}

/// Tells the connections of one listener apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A channel that a peer opened.
#[derive(Debug)]
pub struct Inbound {
    /// The peer, as its certificate names it; `None` when it showed none. From such a peer the
    /// channel receives only what enrolment needs.
    pub peer: Option<PeerId>,
    /// Where it connected from.
    pub remote: SocketAddr,
    /// What carries the channel.
    pub transport: Transport,
    /// The connection that the channel belongs to.
    pub connection: ConnectionId,
    /// The channel itself.
    pub channel: ServerChannel,
}

/// Accepts connections until it is closed or dropped; its connections end with it.
#[derive(Debug)]
pub struct Listener {
    inbound: mpsc::Receiver<Inbound>,
    handle: ListenerHandle,
    tasks: JoinSet<()>,
}

/// Changes and observes a listener from elsewhere.
#[derive(Clone, Debug)]
pub struct ListenerHandle {
    shared: Arc<Shared>,
}

/// What the two accepting tasks and the handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    local: SocketAddr,
    options: ListenerOptions,
    clock: Clock,
    counters: Arc<Counters>,
    gate: Gate,
    endpoint: quinn::Endpoint,
    tls: RwLock<Arc<rustls::ServerConfig>>,
    closing: watch::Sender<bool>,
}

impl Shared {
    /// Waits until the listener is being closed.
    async fn closing(&self) {
        let mut closing = self.closing.subscribe();
        // An error means that the sender is gone, and so is the listener.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    fn tls(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener {
    /// Binds `address` for UDP and TCP; with port 0 both get the same free one. `clock` tells
    /// whether certificates are valid.
    ///
    /// # Errors
    /// Names the address and the protocol that cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        identity: &Identity,
        options: ListenerOptions,
        clock: Clock,
    ) -> Result<Listener, BindError> {
        let tls = tls::server_config(identity, &clock, tls::ALPN_GRPC)?;
        let quic = quic_config(identity, &options, &clock)?;
        let (tcp, udp) = bind_both(address, options.udp_buffer_bytes)?;
        let local = tcp
            .local_addr()
            .map_err(|source| occupied(address, "TCP", source))?;
        let counters = Counters::new();
        counters.udp_buffer(udp.receive_buffer_bytes);
        let endpoint = quinn::Endpoint::new(
            quinn::EndpointConfig::default(),
            Some(quic),
            udp.socket,
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(|source| occupied(local, "UDP", source))?;
        let shared = Arc::new(Shared {
            local,
            options,
            clock,
            counters,
            gate: Gate::new(&options),
            endpoint,
            tls: RwLock::new(Arc::new(tls)),
            closing: watch::Sender::new(false),
        });
        Ok(Listener::start(shared, tcp))
    }

    fn start(shared: Arc<Shared>, tcp: TcpListener) -> Listener {
        let (sender, inbound) = mpsc::channel(shared.options.backlog);
        let mut tasks = JoinSet::new();
        tasks.spawn(quic::accept(Arc::clone(&shared), sender.clone()));
        tasks.spawn(grpc::accept(Arc::clone(&shared), tcp, sender));
        Listener {
            inbound,
            handle: ListenerHandle { shared },
            tasks,
        }
    }

    /// Returns the next channel that a peer opened; `None` only when the listener is broken.
    pub async fn accept(&mut self) -> Option<Inbound> {
        self.inbound.recv().await
    }

    /// Returns the address that is bound, the same for UDP and TCP.
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.shared.local
    }

    /// Shows another certificate and trusts its roots from now on; see
    /// [`ListenerHandle::set_identity`].
    ///
    /// # Errors
    /// Fails for an identity that cannot accept connections; the present one is kept.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), TlsError> {
        self.handle.set_identity(identity)
    }

    /// Closes the listener: nobody new is let in, and what was sent on channels that are finished
    /// has until `within` to reach its peers. Then all connections end.
    pub async fn close(mut self, within: Duration) {
        self.handle.shared.closing.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Those that do not end in time are cut off.
        let _ = tokio::time::timeout(within, ended).await;
    }

    /// Returns a handle for other tasks.
    pub fn handle(&self) -> ListenerHandle {
        self.handle.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let endpoint = &self.handle.shared.endpoint;
        endpoint.close(wire::CODE_DONE, b"stopping");
    }
}

impl ListenerHandle {
    /// Shows another certificate and trusts its roots from now on, over both transports.
    /// Connections that exist go on.
    ///
    /// # Errors
    /// Fails for an identity that cannot accept connections; the present one is kept.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), TlsError> {
        let shared = &self.shared;
        let tls = tls::server_config(identity, &shared.clock, tls::ALPN_GRPC)?;
        let quic = quic_config(identity, &shared.options, &shared.clock)?;
        *shared.tls.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tls);
        shared.endpoint.set_server_config(Some(quic));
        Ok(())
    }

    /// Returns what was counted so far.
    pub fn stats(&self) -> LinkStats {
        self.shared.counters.snapshot()
    }

    /// Returns the address that is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }
}

fn quic_config(
    identity: &Identity,
    options: &ListenerOptions,
    clock: &Clock,
) -> Result<quinn::ServerConfig, TlsError> {
    let tls = tls::server_config(identity, clock, tls::ALPN_QUIC)?;
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| TlsError::InitialSuite)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(quic::transport(options)));
    Ok(config)
}

fn bind_both(
    address: SocketAddr,
    udp_buffer_bytes: usize,
) -> Result<(TcpListener, QuicSocket), BindError> {
    let mut tries = 0;
    loop {
        let tcp = bind_tcp(address).map_err(|source| occupied(address, "TCP", source))?;
        let local = tcp
            .local_addr()
            .map_err(|source| occupied(address, "TCP", source))?;
        match udp::bind(local, udp_buffer_bytes) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(source) => {
                tries += 1;
                if address.port() != 0 || tries == PORT_TRIES {
                    return Err(occupied(local, "UDP", source));
                }
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

fn occupied(address: SocketAddr, protocol: &'static str, source: io::Error) -> BindError {
    BindError::Bind {
        address,
        protocol,
        source,
    }
}

/// Why a listener was not made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound, as when another process has it.
    #[error("bind {address} for {protocol}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// UDP or TCP.
        protocol: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The identity cannot be used.
    #[error("bind listener")]
    Tls(#[from] TlsError),
}
