//! One try to connect to one host over one transport, and why it failed.
//!
//! In: a target. Out: a connection, or the reason.
//! Bound: the time limit of the options; [`HOSTS_MAX`] hosts behind one address.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use weft_stdx::Clock;

use super::connection::Connection;
use super::{DialerOptions, grpc, quic};
use crate::Transport;
use crate::stats::Counters;
use crate::tls::{Credentials, TlsError};

/// Hosts that are tried behind one address.
const HOSTS_MAX: usize = 8;

/// One address to dial, with all that is needed for it.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(super) address: &'a str,
    pub(super) resolved: SocketAddr,
    pub(super) options: &'a DialerOptions,
    pub(super) credentials: Credentials,
    pub(super) clock: &'a Clock,
    pub(super) counters: &'a Arc<Counters>,
}

/// Returns the hosts behind an address, beginning anywhere, so that many peers with the same
/// name to dial spread over its hosts.
pub(super) async fn resolve(address: &str) -> Result<Vec<SocketAddr>, AttemptError> {
    let found = tokio::net::lookup_host(address)
        .await
        .map_err(AttemptError::Resolve)?;
    let mut hosts: Vec<SocketAddr> = found.take(HOSTS_MAX).collect();
    if hosts.is_empty() {
        return Err(AttemptError::NoAddress);
    }
    let mut chance = [0];
    // Without chance the order of the resolver is as good as any.
    let _ = getrandom::fill(&mut chance);
    let start = usize::from(chance[0]) % hosts.len();
    hosts.rotate_left(start);
    Ok(hosts)
}

pub(super) async fn single(
    target: &Target<'_>,
    transport: Transport,
) -> Result<Connection, Vec<Attempt>> {
    attempt(target, transport)
        .await
        .map_err(|failed| vec![failed])
}

pub(super) async fn attempt(
    target: &Target<'_>,
    transport: Transport,
) -> Result<Connection, Attempt> {
    // Handshakes have large states, which are better not on the stack of whoever dials.
    let connecting = async {
        match transport {
            Transport::Quic => Box::pin(quic::connect(target)).await,
            _ => Box::pin(grpc::connect(target)).await,
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
    pub(super) fn new(address: &str, transport: Option<Transport>, error: AttemptError) -> Attempt {
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
