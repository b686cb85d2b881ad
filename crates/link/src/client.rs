//! The dialling side: finds a peer that answers, over QUIC or else over gRPC.
//!
//! In: addresses and an identity. Out: a [`Connection`] that opens channels.
//! Bound: one attempt per address and transport, each with a time limit; QUIC that failed where
//! gRPC worked is not tried again for 5 minutes, then 10, up to a day.

mod connection;
mod cooldown;
mod grpc;
mod quic;
mod race;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weft_model::limits::MESSAGE_BYTES_MAX;
use weft_stdx::Clock;

pub use connection::{Connection, OpenError};

use crate::Transport;
use crate::identity::{Identity, SpkiHash};
use crate::stats::{Counters, LinkStats};
use crate::tls::{Credentials, TlsError};
use cooldown::Cooldowns;
use race::{Outcome, race};

/// Which transport to dial with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportChoice {
    /// QUIC, and gRPC a moment later unless QUIC has answered.
    #[default]
    Auto,
    /// QUIC only.
    Quic,
    /// gRPC only.
    Grpc,
}

/// Where and how to dial.
#[derive(Clone, Debug)]
pub struct DialerOptions {
    /// `host:port`, tried in this order.
    pub addresses: Vec<String>,
    /// Which transport to use.
    pub transport: TransportChoice,
    /// How long QUIC is alone in the race.
    pub quic_head_start: Duration,
    /// How long one attempt may take.
    pub attempt_time_max: Duration,
    /// How often an idle connection shows that it is alive.
    pub keep_alive: Duration,
    /// How long a connection lives without a sign of the peer.
    pub idle_time_max: Duration,
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// The wished size of the UDP buffers.
    pub udp_buffer_bytes: usize,
}

impl Default for DialerOptions {
    fn default() -> DialerOptions {
        DialerOptions {
            addresses: Vec::new(),
            transport: TransportChoice::Auto,
            quic_head_start: Duration::from_millis(300),
            attempt_time_max: Duration::from_secs(5),
            keep_alive: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(30),
            message_bytes_max: MESSAGE_BYTES_MAX,
            udp_buffer_bytes: 1 << 20,
        }
    }
}

/// Makes connections, one at a time or several; remembers where QUIC does not get through.
#[derive(Debug)]
pub struct Dialer {
    options: DialerOptions,
    clock: Clock,
    credentials: Mutex<Credentials>,
    cooldowns: Mutex<Cooldowns>,
    counters: Arc<Counters>,
}

impl Dialer {
    /// Returns a dialler that shows `identity` and trusts its roots. `clock` tells whether
    /// certificates are valid.
    pub fn new(options: DialerOptions, identity: Identity, clock: Clock) -> Dialer {
        Dialer::with_credentials(options, Credentials::Identity(identity), clock)
    }

    /// Returns a dialler without identity that trusts the root with this key; for enrolment.
    pub(crate) fn pinned(options: DialerOptions, pin: SpkiHash, clock: Clock) -> Dialer {
        Dialer::with_credentials(options, Credentials::Pinned(pin), clock)
    }

    fn with_credentials(options: DialerOptions, credentials: Credentials, clock: Clock) -> Dialer {
        Dialer {
            options,
            clock,
            credentials: Mutex::new(credentials),
            cooldowns: Mutex::new(Cooldowns::default()),
            counters: Counters::new(),
        }
    }

    /// Shows another certificate and trusts its roots from the next connection on.
    pub fn set_identity(&self, identity: Identity) {
        let mut credentials = self
            .credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *credentials = Credentials::Identity(identity);
    }

    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// Says for every attempt why it failed.
    pub async fn dial(&self) -> Result<Connection, DialError> {
        let mut attempts = Vec::new();
        for address in &self.options.addresses {
            match self.dial_address(address).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => attempts.extend(failed),
            }
        }
        Err(DialError { attempts })
    }

    /// Tells whether a connection over gRPC may be given up to try QUIC again: QUIC is wished
    /// for, had failed, and has had its rest.
    pub fn quic_is_due(&self, connection: &Connection) -> bool {
        self.options.transport == TransportChoice::Auto
            && connection.transport() == Transport::Grpc
            && self
                .cooldowns()
                .allows(connection.address(), Instant::now())
    }

    /// Remembers that QUIC to this connection's address delivers nothing although it had
    /// connected, so that the next dial prefers gRPC.
    pub fn report_stalled(&self, connection: &Connection) {
        if connection.transport() == Transport::Quic {
            let now = Instant::now();
            self.cooldowns().failed(connection.address(), now);
        }
    }

    /// Returns what was counted so far.
    pub fn stats(&self) -> LinkStats {
        self.counters.snapshot()
    }

    async fn dial_address(&self, address: &str) -> Result<Connection, Vec<Attempt>> {
        let resolved = match resolve(address).await {
            Ok(resolved) => resolved,
            Err(error) => return Err(vec![Attempt::new(address, None, error)]),
        };
        let target = Target {
            address,
            resolved,
            options: &self.options,
            credentials: self
                .credentials
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            clock: &self.clock,
            counters: &self.counters,
        };
        let connected = match self.options.transport {
            TransportChoice::Quic => single(&target, Transport::Quic).await,
            TransportChoice::Grpc => single(&target, Transport::Grpc).await,
            TransportChoice::Auto => self.dial_any(&target).await,
        };
        if let Ok(connection) = &connected {
            self.counters.connected(connection.transport());
        }
        connected
    }

    async fn dial_any(&self, target: &Target<'_>) -> Result<Connection, Vec<Attempt>> {
        if !self.cooldowns().allows(target.address, Instant::now()) {
            match attempt(target, Transport::Grpc).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => {
                    return single(target, Transport::Quic).await.map_err(|mut rest| {
                        rest.insert(0, failed);
                        rest
                    });
                }
            }
        }
        let quic = attempt(target, Transport::Quic);
        let grpc = attempt(target, Transport::Grpc);
        match race(quic, grpc, self.options.quic_head_start).await {
            Outcome::First(connection) => {
                self.cooldowns().succeeded(target.address);
                Ok(connection)
            }
            Outcome::Second(connection) => {
                self.counters.fell_back();
                self.cooldowns().failed(target.address, Instant::now());
                Ok(connection)
            }
            Outcome::Neither(quic, grpc) => Err(vec![quic, grpc]),
        }
    }

    fn cooldowns(&self) -> MutexGuard<'_, Cooldowns> {
        self.cooldowns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One address to dial, with all that is needed for it.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    address: &'a str,
    resolved: SocketAddr,
    options: &'a DialerOptions,
    credentials: Credentials,
    clock: &'a Clock,
    counters: &'a Arc<Counters>,
}

async fn resolve(address: &str) -> Result<SocketAddr, AttemptError> {
    let mut found = tokio::net::lookup_host(address)
        .await
        .map_err(AttemptError::Resolve)?;
    found.next().ok_or(AttemptError::NoAddress)
}

async fn single(target: &Target<'_>, transport: Transport) -> Result<Connection, Vec<Attempt>> {
    attempt(target, transport)
        .await
        .map_err(|failed| vec![failed])
}

async fn attempt(target: &Target<'_>, transport: Transport) -> Result<Connection, Attempt> {
    let connecting = async {
        match transport {
            Transport::Quic => quic::connect(target).await,
            _ => grpc::connect(target).await,
        }
    };
    let connected = match tokio::time::timeout(target.options.attempt_time_max, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(AttemptError::TimedOut),
    };
    connected.map_err(|error| Attempt::new(target.address, Some(transport), error))
}

/// Why no connection was made: each attempt failed.
#[derive(Debug)]
pub struct DialError {
    /// What was tried, in order; empty when there are no addresses.
    pub attempts: Vec<Attempt>,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempts[..] {
            [] => f.write_str("dial peer: there is no address"),
            attempts => {
                f.write_str("dial peer")?;
                for (index, attempt) in attempts.iter().enumerate() {
                    let separator = if index == 0 { ": " } else { "; " };
                    write!(f, "{separator}{attempt}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for DialError {}

/// One attempt to connect that failed.
#[derive(Debug)]
pub struct Attempt {
    /// Where to.
    pub address: String,
    /// Over what; `None` when the address has no meaning.
    pub transport: Option<Transport>,
    /// Why it failed.
    pub error: AttemptError,
}

impl Attempt {
    fn new(address: &str, transport: Option<Transport>, error: AttemptError) -> Attempt {
        Attempt {
            address: address.to_owned(),
            transport,
            error,
        }
    }
}

impl fmt::Display for Attempt {
    /// Writes the whole chain of reasons, because several attempts share one error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        if let Some(transport) = self.transport {
            write!(f, " over {transport}")?;
        }
        let mut reason: Option<&dyn std::error::Error> = Some(&self.error);
        while let Some(error) = reason {
            write!(f, ": {error}")?;
            reason = error.source();
        }
        Ok(())
    }
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The host has no known address.
    #[error("resolve host")]
    Resolve(#[source] std::io::Error),
    /// The host has no address at all.
    #[error("resolve host: no address")]
    NoAddress,
    /// Nobody answered in time.
    #[error("connect: timed out")]
    TimedOut,
    /// The socket cannot be made, or nobody listens.
    #[error("connect")]
    Socket(#[source] std::io::Error),
    /// The peer is not who it should be, or does not accept us.
    #[error("shake hands")]
    Handshake(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Our own identity is of no use, or the peer's names no peer.
    #[error("shake hands")]
    Tls(#[from] TlsError),
}
