//! Dials with gRPC over TLS.
//!
//! In: a target. Out: a connection whose calls are channels.
//! Bound: two messages wait in each channel; TCP_NODELAY is set.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::{BoxFuture, Service, http::Uri};
use tonic::transport::{Channel as HttpChannel, Endpoint};
use weft_proto::v1::link_client::LinkClient;

use super::attempt::{AttemptError, Target};
use super::connection::{Connection, OpenError, Wire};
use crate::channel::grpc::{Messages, Outgoing};
use crate::channel::{
    Channel, ClientChannel, Closer, Receiver, ReceiverWire, Sender, SenderWire, admits_all,
};
use crate::identity::TRUST_DOMAIN;
use crate::stats::Counters;
use crate::tls::{self, TlsError, verified_peer};

/// Messages of one channel that wait to be sent; each may be a large batch.
const QUEUE: usize = 2;

/// Unread bytes of one call; what is received is small.
const WINDOW_BYTES: u32 = 1 << 20;

/// The authority of the calls; the connection is there already.
const ORIGIN: &str = "https://weft.local";

/// An HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct GrpcConnection {
    http: HttpChannel,
    pub(crate) closer: Closer,
    counters: Arc<Counters>,
    message_bytes_max: usize,
}

/// Connects to the target.
pub(crate) async fn connect(target: &Target<'_>) -> Result<Connection, AttemptError> {
    let tls = tls::client_config(&target.credentials, target.clock, tls::ALPN_GRPC)?;
    let tcp = TcpStream::connect(target.resolved)
        .await
        .map_err(AttemptError::Socket)?;
    tcp.set_nodelay(true).map_err(AttemptError::Socket)?;
    let name = ServerName::try_from(TRUST_DOMAIN).expect("the trust domain is a DNS name");
    let stream = TlsConnector::from(Arc::new(tls))
        .connect(name, tcp)
        .await
        .map_err(|error| AttemptError::Handshake(Box::new(error)))?;
    let peer = verified_peer(stream.get_ref().1.peer_certificates())?.ok_or(TlsError::Name)?;
    let connection = GrpcConnection {
        http: http_channel(target, stream).await?,
        closer: Closer::new(None),
        counters: Arc::clone(target.counters),
        message_bytes_max: target.options.message_bytes_max,
    };
    Ok(Connection::new(
        target.address,
        target.resolved,
        peer.peer,
        Wire::Grpc(connection),
    ))
}

async fn http_channel(
    target: &Target<'_>,
    stream: TlsStream<TcpStream>,
) -> Result<HttpChannel, AttemptError> {
    let options = target.options;
    Endpoint::from_static(ORIGIN)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 4)
        .http2_keep_alive_interval(options.keep_alive)
        .keep_alive_timeout(options.idle_time_max.saturating_sub(options.keep_alive))
        .keep_alive_while_idle(true)
        .connect_with_connector(Once(Some(stream)))
        .await
        .map_err(|error| AttemptError::Handshake(Box::new(error)))
}

/// Gives away the stream that is connected already; once it is lost there is no other.
struct Once(Option<TlsStream<TcpStream>>);

impl Service<Uri> for Once {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take();
        let lost = || io::Error::from(io::ErrorKind::NotConnected);
        Box::pin(std::future::ready(
            stream.map(TokioIo::new).ok_or_else(lost),
        )) as Pin<Box<_>>
    }
}

impl GrpcConnection {
    pub(crate) async fn open(&self) -> Result<ClientChannel, OpenError> {
        if self.closer.is_closed() {
            return Err(OpenError::Closed);
        }
        let limit = self.message_bytes_max;
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let answered = LinkClient::new(self.http.clone())
            .max_decoding_message_size(limit)
            .open(Outgoing(outgoing))
            .await
            .map_err(|status| OpenError::Lost(Box::new(status)))?;
        Ok(Channel::new(
            Sender::new(SenderWire::Queue(queue), limit),
            Receiver::new(
                ReceiverWire::Grpc(Messages::new(answered.into_inner(), limit)),
                admits_all,
                self.closer.clone(),
                Arc::clone(&self.counters),
            ),
        ))
    }
}
