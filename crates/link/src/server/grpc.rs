//! Accepts TLS connections on TCP and their calls of `weft.v1.Link/Open`.
//!
//! In: TCP connections. Out: a channel for each call.
//! Bound: see [`super::ListenerOptions`]; TCP_NODELAY is set on every connection.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::codegen::{Service, async_trait, http};
use tonic::{Request, Response, Status, Streaming};
use weft_proto::v1::link_server::{Link, LinkServer};
use weft_proto::v1::{ClientMsg, ServerMsg};

use super::accept::{Admitted, Pass};
use super::{Inbound, ListenerOptions, Shared};
use crate::Transport;
use crate::channel::grpc::{Answers, Messages};
use crate::channel::{Channel, Closer, Receiver, ReceiverWire, Sender, SenderWire};
use crate::tls::{ALPN_GRPC, VerifiedPeer, verified_peer};

/// Unread bytes of one call.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;

/// Unread bytes of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Bytes of one HTTP/2 frame.
const FRAME_BYTES: u32 = 64 << 10;

/// Answers of one channel that wait to be sent; each is small.
const ANSWERS_MAX: usize = 64;

/// How long accepting waits after an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections as long as the listener lives.
pub(crate) async fn accept(shared: Arc<Shared>, tcp: TcpListener, inbound: mpsc::Sender<Inbound>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = tcp.accept() => match accepted {
                Ok((stream, remote)) => match shared.gate.enter() {
                    Some(pass) => {
                        let caller = Caller { remote, inbound: inbound.clone() };
                        connections.spawn(serve(Arc::clone(&shared), stream, pass, caller));
                    }
                    None => shared.counters.refused(),
                },
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, "TCP connections cannot be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shared.closing() => break,
        }
    }
    while connections.join_next().await.is_some() {}
}

/// Where a connection came from, and where its channels go.
struct Caller {
    remote: SocketAddr,
    inbound: mpsc::Sender<Inbound>,
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, pass: Pass, caller: Caller) {
    let time_max = shared.options.handshake_time_max;
    let (stream, peer) = match tokio::time::timeout(time_max, handshake(&shared, stream)).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => {
            tracing::debug!(remote = %caller.remote, error = &error as &dyn Error, "TLS handshake failed");
            return shared.counters.handshake_failed();
        }
        Err(_) => return shared.counters.handshake_failed(),
    };
    let Some(admitted) = shared.admit(pass, peer) else {
        return shared.counters.refused();
    };
    shared.counters.connected(Transport::Grpc);
    serve_calls(shared, stream, caller, admitted).await;
}

async fn handshake(
    shared: &Shared,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Option<VerifiedPeer>)> {
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(shared.tls()).accept(stream).await?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(ALPN_GRPC) {
        return Err(io::Error::other("the peer does not speak h2"));
    }
    let peer = verified_peer(session.peer_certificates()).map_err(io::Error::other)?;
    Ok((stream, peer))
}

/// Serves the calls of a connection until either side closes it, a message of the peer is
/// refused, or its certificate expires.
async fn serve_calls(
    shared: Arc<Shared>,
    stream: TlsStream<TcpStream>,
    caller: Caller,
    admitted: Admitted,
) {
    let time_left = admitted.time_left;
    let closer = Closer::new(None);
    let limit = shared.options.message_bytes_max;
    let http2 = http2(&shared.options);
    let closing = Arc::clone(&shared);
    let calls = Calls {
        shared,
        caller,
        admitted,
        closer: closer.clone(),
    };
    let service = LinkServer::new(calls).max_decoding_message_size(limit);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut service = service.clone();
        async move { service.call(request).await }
    });
    let mut connection = pin!(http2.serve_connection(TokioIo::new(stream), service));
    let is_closing = tokio::select! {
        // Each channel of the connection is told how it ended.
        _ = &mut connection => false,
        () = closer.closed() => false,
        () = tokio::time::sleep(time_left) => false,
        () = closing.closing() => true,
    };
    if is_closing {
        connection.as_mut().graceful_shutdown();
        // The closing itself has a time limit.
        let _ = connection.await;
    }
}

fn http2(options: &ListenerOptions) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.channels_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .keep_alive_interval(options.idle_time_max / 3)
        .keep_alive_timeout(options.idle_time_max * 2 / 3);
    builder
}

/// The calls of one connection.
struct Calls {
    shared: Arc<Shared>,
    caller: Caller,
    admitted: Admitted,
    closer: Closer,
}

#[async_trait]
impl Link for Calls {
    type OpenStream = Answers<ServerMsg>;

    async fn open(
        &self,
        request: Request<Streaming<ClientMsg>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let limit = self.shared.options.message_bytes_max;
        let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
        let receiver = Receiver::new(
            ReceiverWire::Grpc(Messages::new(request.into_inner(), limit)),
            self.admitted.admits(),
            self.closer.clone(),
            Arc::clone(&self.shared.counters),
        );
        let arrived = Inbound {
            peer: self.admitted.peer.clone(),
            remote: self.caller.remote,
            transport: Transport::Grpc,
            connection: self.admitted.id,
            channel: Channel::new(Sender::new(SenderWire::Queue(answers), limit), receiver),
        };
        match self.caller.inbound.send(arrived).await {
            Ok(()) => Ok(Response::new(Answers(outgoing))),
            Err(_) => Err(Status::unavailable("stopping")),
        }
    }
}
