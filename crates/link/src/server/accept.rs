//! What both transports do with a new connection: let it in or not, and for how long.
//!
//! In: connections, before and after their handshake. Out: passes that are given back when the
//! connection ends.
//! Bound: the limits of [`ListenerOptions`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weft_model::Millis;
use weft_proto::v1::ClientMsg;

use super::{ConnectionId, ListenerOptions, Shared};
use crate::channel::{admits_all, admits_enrolment};
use crate::identity::PeerId;
use crate::tls::VerifiedPeer;

/// Counts who is in.
#[derive(Debug)]
pub(crate) struct Gate {
    connections: Arc<Semaphore>,
    unauthenticated: Arc<Semaphore>,
    next_id: AtomicU64,
}

/// A place among the connections; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    _connection: OwnedSemaphorePermit,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) id: ConnectionId,
    pub(crate) peer: Option<PeerId>,
    /// How long the connection may last.
    pub(crate) time_left: Duration,
    _pass: Pass,
    _unauthenticated: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(crate) fn new(options: &ListenerOptions) -> Gate {
        Gate {
            connections: Arc::new(Semaphore::new(options.connections_max)),
            unauthenticated: Arc::new(Semaphore::new(options.unauthenticated_max)),
            next_id: AtomicU64::new(1),
        }
    }

    /// Returns a place for a connection before its handshake, unless there are too many.
    pub(crate) fn enter(&self) -> Option<Pass> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(Pass {
            _connection: permit,
        })
    }

    /// Tells whether half of the places are taken.
    pub(crate) fn is_crowded(&self, options: &ListenerOptions) -> bool {
        self.connections.available_permits() < options.connections_max / 2
    }
}

impl Shared {
    /// Lets a connection in after its handshake; `None` when there are too many without
    /// certificate.
    pub(crate) fn admit(&self, pass: Pass, peer: Option<VerifiedPeer>) -> Option<Admitted> {
        let id = ConnectionId(self.gate.next_id.fetch_add(1, Ordering::Relaxed));
        let Some(verified) = peer else {
            let permit = Arc::clone(&self.gate.unauthenticated).try_acquire_owned();
            return Some(Admitted {
                id,
                peer: None,
                time_left: self.options.enrolment_time_max,
                _pass: pass,
                _unauthenticated: Some(permit.ok()?),
            });
        };
        Some(Admitted {
            id,
            peer: Some(verified.peer),
            time_left: self.time_until(verified.expires_at),
            _pass: pass,
            _unauthenticated: None,
        })
    }

    fn time_until(&self, end: Millis) -> Duration {
        let left_ms = end.0.saturating_sub(self.clock.millis());
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }
}

impl Admitted {
    /// Returns what may be received on the channels of this connection.
    pub(crate) fn admits(&self) -> fn(&ClientMsg) -> bool {
        match self.peer {
            Some(_) => admits_all,
            None => admits_enrolment,
        }
    }
}
