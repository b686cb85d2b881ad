//! The dialling side: finds a peer that answers, over QUIC or else over gRPC.
//!
//! In: addresses and an identity. Out: a [`Connection`] that opens channels.
//! Bound: one attempt per address and transport, each with a time limit; QUIC that failed where
//! gRPC worked is not tried again for 5 minutes, then 10, up to a day.

mod attempt;
mod connection;
mod cooldown;
mod grpc;
mod quic;
mod race;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weft_model::limits::MESSAGE_BYTES_MAX;
use weft_stdx::Clock;

pub use attempt::{Attempt, AttemptError, DialError};
pub use connection::{Connection, OpenError};

use crate::Transport;
use crate::identity::{Identity, SpkiHash};
use crate::stats::{Counters, LinkStats};
use crate::tls::Credentials;
use attempt::{Target, attempt, resolve, single};
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

/// How QUIC finds out how fast it may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// By losses: for paths that lose packets only when they are full.
    #[default]
    Cubic,
    /// By rate and round trips: for long paths that lose packets all the time; experimental.
    Bbr,
}

/// Where and how to dial.
#[derive(Clone, Debug)]
pub struct DialerOptions {
    /// `host:port`, tried in this order.
    pub addresses: Vec<String>,
    /// Which transport to use.
    pub transport: TransportChoice,
    /// How QUIC controls its rate.
    pub congestion: Congestion,
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
            congestion: Congestion::Cubic,
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
        let hosts = match resolve(address).await {
            Ok(hosts) => hosts,
            Err(error) => return Err(vec![Attempt::new(address, None, error)]),
        };
        let mut attempts = Vec::new();
        for resolved in hosts {
            match self.dial_host(address, resolved).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => attempts.extend(failed),
            }
        }
        Err(attempts)
    }

    async fn dial_host(
        &self,
        address: &str,
        resolved: SocketAddr,
    ) -> Result<Connection, Vec<Attempt>> {
        let target = Target {
            address,
            resolved,
            options: &self.options,
            credentials: self.credentials(),
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

    fn credentials(&self) -> Credentials {
        let credentials = self.credentials.lock();
        credentials.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cooldowns(&self) -> MutexGuard<'_, Cooldowns> {
        self.cooldowns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
