//! Accepts QUIC connections and their bidirectional streams.
//!
//! In: packets on the endpoint. Out: a channel for each stream.
//! Bound: see [`super::ListenerOptions`]; a connection's received bytes that wait for the role are
//! bounded by its window.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Incoming, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::accept::{Admitted, Pass};
use super::{Inbound, ListenerOptions, Shared};
use crate::Transport;
use crate::channel::{Channel, Closer, Receiver, ReceiverWire, Sender, SenderWire, quic as wire};
use crate::tls::verified_peer;

/// Unread bytes of one stream.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// Unread bytes of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Bytes sent and not yet acknowledged, of one connection; the accepting side sends little.
const SEND_WINDOW_BYTES: u64 = 1 << 20;

/// Returns the transport parameters of the accepting side.
pub(crate) fn transport(options: &ListenerOptions) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(options.channels_max))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(options.idle_time_max / 3))
        .max_idle_timeout(Some(
            VarInt::from_u32(idle_ms(options.idle_time_max)).into(),
        ));
    transport
}

fn idle_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX >> 2)
}

/// Accepts connections as long as the endpoint is open.
pub(crate) async fn accept(shared: Arc<Shared>, inbound: mpsc::Sender<Inbound>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = shared.endpoint.accept() => {
                let Some(incoming) = incoming else { return };
                if let Some((pass, incoming)) = enter(&shared, incoming) {
                    connections.spawn(serve(Arc::clone(&shared), incoming, pass, inbound.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            () = shared.closing() => return,
        }
    }
}

/// Lets a connection attempt in. When it is crowded, the sender first has to prove that its
/// address is its own.
fn enter(shared: &Shared, incoming: Incoming) -> Option<(Pass, Incoming)> {
    let unproven = !incoming.remote_address_validated() && incoming.may_retry();
    if unproven && shared.gate.is_crowded(&shared.options) {
        if incoming.retry().is_err() {
            shared.counters.refused();
        }
        return None;
    }
    let Some(pass) = shared.gate.enter() else {
        shared.counters.refused();
        incoming.refuse();
        return None;
    };
    Some((pass, incoming))
}

async fn serve(
    shared: Arc<Shared>,
    incoming: Incoming,
    pass: Pass,
    inbound: mpsc::Sender<Inbound>,
) {
    let remote = incoming.remote_address();
    let handshake = async { incoming.accept()?.await };
    let connection = match tokio::time::timeout(shared.options.handshake_time_max, handshake).await
    {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            tracing::debug!(%remote, error = &error as &dyn std::error::Error, "QUIC handshake failed");
            return shared.counters.handshake_failed();
        }
        Err(_) => return shared.counters.handshake_failed(),
    };
    let Some(admitted) = admit(&shared, &connection, pass) else {
        return;
    };
    shared.counters.connected(Transport::Quic);
    let streams = accept_streams(&shared, &connection, &admitted, &inbound);
    if tokio::time::timeout(admitted.time_left, streams)
        .await
        .is_err()
    {
        connection.close(wire::CODE_EXPIRED, b"certificate expired");
    }
}

fn admit(shared: &Shared, connection: &quinn::Connection, pass: Pass) -> Option<Admitted> {
    let Ok(peer) = verified_peer(peer_chain(connection).as_deref()) else {
        shared.counters.handshake_failed();
        connection.close(wire::CODE_REFUSED, b"certificate names no peer");
        return None;
    };
    let admitted = shared.admit(pass, peer);
    if admitted.is_none() {
        shared.counters.refused();
        connection.close(wire::CODE_REFUSED, b"too many connections");
    }
    admitted
}

/// Returns the certificates that a peer showed in the handshake.
pub(crate) fn peer_chain(connection: &quinn::Connection) -> Option<Vec<CertificateDer<'static>>> {
    let identity = connection.peer_identity()?;
    identity.downcast().ok().map(|chain| *chain)
}

/// Hands out the streams of a connection until it is closed.
async fn accept_streams(
    shared: &Arc<Shared>,
    connection: &quinn::Connection,
    admitted: &Admitted,
    inbound: &mpsc::Sender<Inbound>,
) {
    let limit = shared.options.message_bytes_max;
    let closer = Closer::new(Some(connection.clone()));
    while let Ok((send, receive)) = connection.accept_bi().await {
        let sender = Sender::new(SenderWire::Quic(wire::FrameWriter::new(send)), limit);
        let receiver = Receiver::new(
            ReceiverWire::Quic(wire::FrameReader::new(receive, limit)),
            admitted.admits(),
            closer.clone(),
            Arc::clone(&shared.counters),
        );
        let arrived = Inbound {
            peer: admitted.peer.clone(),
            remote: connection.remote_address(),
            transport: Transport::Quic,
            connection: admitted.id,
            channel: Channel::new(sender, receiver),
        };
        if inbound.send(arrived).await.is_err() {
            return;
        }
    }
}
