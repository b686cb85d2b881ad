//! Dials with QUIC.
//!
//! In: a target. Out: a connection whose streams are channels.
//! Bound: 8 MiB sent and not acknowledged, so that the credit of the role is what limits.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use weft_proto::v1::Stream;

use super::attempt::{AttemptError, Target};
use super::connection::{Connection, OpenError, Wire};
use super::{Congestion, DialerOptions};
use crate::channel::{
    Channel, ClientChannel, Closer, Receiver, ReceiverWire, Sender, SenderWire, admits_all,
    quic as wire,
};
use crate::identity::TRUST_DOMAIN;
use crate::server::peer_chain;
use crate::stats::Counters;
use crate::tls::{self, TlsError, verified_peer};
use crate::udp;

const SEND_WINDOW_BYTES: u64 = 8 << 20;

/// Unread bytes of one stream; what is received is small.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// A QUIC connection with the socket it has for itself.
#[derive(Debug)]
pub(crate) struct QuicConnection {
    pub(crate) endpoint: Endpoint,
    pub(crate) quic: quinn::Connection,
    closer: Closer,
    counters: Arc<Counters>,
    message_bytes_max: usize,
}

/// Connects to the target.
pub(crate) async fn connect(target: &Target<'_>) -> Result<Connection, AttemptError> {
    let config = client_config(target)?;
    let endpoint = endpoint(target)?;
    let quic = endpoint
        .connect_with(config, target.resolved, TRUST_DOMAIN)
        .map_err(|error| AttemptError::Handshake(Box::new(error)))?
        .await
        .map_err(|error| AttemptError::Handshake(Box::new(error)))?;
    let peer = verified_peer(peer_chain(&quic).as_deref())?.ok_or(TlsError::Name)?;
    let connection = QuicConnection {
        closer: Closer::new(Some(quic.clone())),
        endpoint,
        quic,
        counters: Arc::clone(target.counters),
        message_bytes_max: target.options.message_bytes_max,
    };
    Ok(Connection::new(
        target.address,
        target.resolved,
        peer.peer,
        Wire::Quic(connection),
    ))
}

fn client_config(target: &Target<'_>) -> Result<ClientConfig, TlsError> {
    let tls = tls::client_config(&target.credentials, target.clock, tls::ALPN_QUIC)?;
    let crypto = QuicClientConfig::try_from(tls).map_err(|_| TlsError::InitialSuite)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport(target.options)));
    Ok(config)
}

fn transport(options: &DialerOptions) -> TransportConfig {
    let idle_ms = u32::try_from(options.idle_time_max.as_millis()).unwrap_or(u32::MAX >> 2);
    let mut transport = TransportConfig::default();
    if options.congestion == Congestion::Bbr {
        transport.congestion_controller_factory(Arc::new(BbrConfig::default()));
    }
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES * 4))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(options.keep_alive))
        .max_idle_timeout(Some(VarInt::from_u32(idle_ms).into()));
    transport
}

fn endpoint(target: &Target<'_>) -> Result<Endpoint, AttemptError> {
    let any = match target.resolved {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let udp = udp::bind(any, target.options.udp_buffer_bytes).map_err(AttemptError::Socket)?;
    target.counters.udp_buffer(udp.receive_buffer_bytes);
    Endpoint::new(
        EndpointConfig::default(),
        None,
        udp.socket,
        Arc::new(TokioRuntime),
    )
    .map_err(AttemptError::Socket)
}

impl QuicConnection {
    pub(crate) async fn open(&self, stream: Stream) -> Result<ClientChannel, OpenError> {
        let lost = |error: quinn::ConnectionError| OpenError::Lost(Box::new(error));
        let (send, receive) = self.quic.open_bi().await.map_err(lost)?;
        // It fails only for a stream that is closed, which the first send tells.
        let _ = send.set_priority(priority(stream));
        let limit = self.message_bytes_max;
        Ok(Channel::new(
            Sender::new(SenderWire::Quic(wire::FrameWriter::new(send)), limit),
            Receiver::new(
                ReceiverWire::Quic(wire::FrameReader::new(receive, limit)),
                admits_all,
                self.closer.clone(),
                Arc::clone(&self.counters),
            ),
        ))
    }
}

/// Which data goes first when there is more than the path takes.
fn priority(stream: Stream) -> i32 {
    match stream {
        Stream::Control => 3,
        Stream::Metrics => 2,
        Stream::Events => 1,
        Stream::Logs | Stream::Unspecified => 0,
    }
}
