//! What happened on the links so far, counted.
//!
//! In: events of listeners and channels. Out: a snapshot for the role's metrics.
//! Bound: a fixed set of counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Transport;
use crate::channel::RecvError;

/// A snapshot of what a listener or a dialler counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Connections whose handshake completed over QUIC.
    pub connections_quic: u64,
    /// Connections whose handshake completed over gRPC.
    pub connections_grpc: u64,
    /// Connections refused because there were too many.
    pub connections_refused: u64,
    /// Handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Messages over the size limit; each closed its connection.
    pub messages_oversized: u64,
    /// Channels that ended inside a message; each closed its connection.
    pub messages_truncated: u64,
    /// Messages that are no protobuf of the expected kind; each closed its connection.
    pub messages_malformed: u64,
    /// Messages that a peer without a certificate may not send.
    pub messages_forbidden: u64,
    /// Diallings that went on over gRPC because QUIC failed.
    pub quic_fallbacks: u64,
    /// The size of the UDP receive buffer that the kernel granted, in bytes; 0 if there is none.
    pub udp_receive_buffer_bytes: u64,
}

/// The counters behind [`LinkStats`], shared by a listener and all its channels.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    connections_quic: AtomicU64,
    connections_grpc: AtomicU64,
    connections_refused: AtomicU64,
    handshakes_failed: AtomicU64,
    messages_oversized: AtomicU64,
    messages_truncated: AtomicU64,
    messages_malformed: AtomicU64,
    messages_forbidden: AtomicU64,
    quic_fallbacks: AtomicU64,
    udp_receive_buffer_bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Arc<Counters> {
        Arc::new(Counters::default())
    }

    pub(crate) fn connected(&self, transport: Transport) {
        match transport {
            Transport::Quic => bump(&self.connections_quic),
            Transport::Grpc => bump(&self.connections_grpc),
            Transport::Memory => {}
        }
    }

    pub(crate) fn refused(&self) {
        bump(&self.connections_refused);
    }

    pub(crate) fn handshake_failed(&self) {
        bump(&self.handshakes_failed);
    }

    pub(crate) fn fell_back(&self) {
        bump(&self.quic_fallbacks);
    }

    pub(crate) fn udp_buffer(&self, bytes: usize) {
        self.udp_receive_buffer_bytes
            .store(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn message_fault(&self, error: &RecvError) {
        match error {
            RecvError::TooLarge { .. } => bump(&self.messages_oversized),
            RecvError::Truncated => bump(&self.messages_truncated),
            RecvError::Malformed { .. } => bump(&self.messages_malformed),
            RecvError::Forbidden => bump(&self.messages_forbidden),
            RecvError::Lost { .. } => {}
        }
    }

    pub(crate) fn snapshot(&self) -> LinkStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkStats {
            connections_quic: read(&self.connections_quic),
            connections_grpc: read(&self.connections_grpc),
            connections_refused: read(&self.connections_refused),
            handshakes_failed: read(&self.handshakes_failed),
            messages_oversized: read(&self.messages_oversized),
            messages_truncated: read(&self.messages_truncated),
            messages_malformed: read(&self.messages_malformed),
            messages_forbidden: read(&self.messages_forbidden),
            quic_fallbacks: read(&self.quic_fallbacks),
            udp_receive_buffer_bytes: read(&self.udp_receive_buffer_bytes),
        }
    }
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
