//! Who is connected, and since when.
//!
//! In: channels that begin and end. Out: a list for people. Bound: the listener's connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use weft_link::{PeerId, Transport};
use weft_model::Millis;

/// The peers with open channels.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<BTreeMap<PeerId, Seen>>);

/// A connected peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) remote: SocketAddr,
    pub(crate) transport: Transport,
    /// When a channel was opened or a batch came last.
    pub(crate) last_heard: Millis,
    /// The time of the newest item that came, if any did.
    pub(crate) newest: Option<Millis>,
    channels: usize,
}

/// A channel of a peer; the peer is gone when its last one is.
#[derive(Debug)]
pub(crate) struct OpenChannel {
    peers: Arc<Peers>,
    peer: PeerId,
}

impl Peers {
    /// Notes a channel until the returned value is dropped.
    pub(crate) fn connected(
        self: &Arc<Peers>,
        peer: &PeerId,
        remote: SocketAddr,
        transport: Transport,
        now: Millis,
    ) -> OpenChannel {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = peers.get(peer);
        let seen = Seen {
            remote,
            transport,
            last_heard: now,
            newest: known.and_then(|known| known.newest),
            channels: known.map_or(0, |known| known.channels) + 1,
        };
        peers.insert(peer.clone(), seen);
        OpenChannel {
            peers: Arc::clone(self),
            peer: peer.clone(),
        }
    }

    /// Notes that batches came from a peer, the newest item of which is of the time `newest`.
    pub(crate) fn heard(&self, peer: &PeerId, now: Millis, newest: Option<Millis>) {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = peers.get_mut(peer) {
            seen.last_heard = now;
            seen.newest = seen.newest.max(newest);
        }
    }

    /// Returns all connected peers.
    pub(crate) fn list(&self) -> Vec<(PeerId, Seen)> {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers
            .iter()
            .map(|(peer, seen)| (peer.clone(), *seen))
            .collect()
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = peers.get_mut(&self.peer) {
            seen.channels -= 1;
            if seen.channels == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}
