//! What is no message closes the connection and is counted; the listener goes on.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codegen::http;
use weft_proto::v1::Stream;

use super::fixture::{Acceptor, Named, Realm, WIRES, batch, within};
use crate::channel::RecvError;
use crate::identity::{Role, TRUST_DOMAIN};
use crate::server::{Listener, ListenerOptions};
use crate::tls::{self, Credentials};
use crate::{LinkStats, Transport};

#[tokio::test]
async fn a_message_over_the_receivers_limit_closes_the_connection() {
    for over in WIRES {
        let realm = Realm::new();
        let options = ListenerOptions {
            message_bytes_max: 1000,
            ..ListenerOptions::default()
        };
        let (connection, mut acceptor) = realm
            .connect_with(over, Named::ByCertificate, options)
            .await;
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        channel.send(batch(1, 10)).await.unwrap();
        channel.send(batch(2, 2000)).await.unwrap();
        let mut inbound = acceptor.accept().await;
        assert!(within(inbound.channel.recv()).await.unwrap().is_some());
        let refused = within(inbound.channel.recv()).await;
        assert!(
            matches!(refused, Err(RecvError::TooLarge { limit: 1000 })),
            "{over}: {refused:?}"
        );
        let lost = within(channel.recv()).await;
        assert!(
            matches!(lost, Err(RecvError::Lost { .. })),
            "{over}: {lost:?}"
        );
        assert_eq!(acceptor.stats().messages_oversized, 1);
        still_serves(&realm, acceptor, over).await;
    }
}

async fn still_serves(realm: &Realm, mut acceptor: Acceptor, over: Transport) {
    let Acceptor::Wire(listener) = &mut acceptor else {
        return;
    };
    let dialer = realm.dialer(listener.local_addr(), over);
    let connection = within(dialer.dial()).await.unwrap();
    let mut channel = within(connection.open(Stream::Logs)).await.unwrap();
    channel.send(batch(1, 10)).await.unwrap();
    let mut inbound = acceptor.accept().await;
    assert!(within(inbound.channel.recv()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_channel_that_ends_inside_a_message_closes_the_connection() {
    // A length of 100 and only 4 bytes after it.
    let bytes = [0, 0, 0, 100, 1, 2, 3, 4];
    for over in WIRES {
        let (error, stats) = receive_raw(over, &bytes).await;
        assert!(matches!(error, RecvError::Truncated), "{over}: {error:?}");
        assert_eq!(stats.messages_truncated, 1, "{over}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_close_the_connection() {
    // A field of wire type 7, which there is not.
    let bytes = [0, 0, 0, 2, 0xff, 0xff];
    for over in WIRES {
        let (error, stats) = receive_raw(over, &bytes).await;
        assert!(
            matches!(error, RecvError::Malformed { .. }),
            "{over}: {error:?}"
        );
        assert_eq!(stats.messages_malformed, 1, "{over}");
    }
}

/// Sends raw bytes on a channel, ends it, and returns what the accepting side makes of it.
async fn receive_raw(over: Transport, bytes: &[u8]) -> (RecvError, LinkStats) {
    let realm = Realm::new();
    let mut listener = realm.listen().await;
    let error = match over {
        Transport::Quic => receive_raw_quic(&realm, &mut listener, bytes).await,
        _ => receive_raw_grpc(&realm, &mut listener, bytes).await,
    };
    (error, listener.handle().stats())
}

async fn receive_raw_quic(realm: &Realm, listener: &mut Listener, bytes: &[u8]) -> RecvError {
    let credentials = Credentials::Identity(realm.identity(Role::Agent, "a1"));
    let tls = tls::client_config(&credentials, &realm.clock, tls::ALPN_QUIC).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let connection = endpoint
        .connect_with(config, listener.local_addr(), TRUST_DOMAIN)
        .unwrap()
        .await
        .unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    let mut inbound = within(listener.accept()).await.unwrap();
    let error = within(inbound.channel.recv()).await.unwrap_err();
    within(connection.closed()).await;
    error
}

async fn receive_raw_grpc(realm: &Realm, listener: &mut Listener, bytes: &[u8]) -> RecvError {
    let credentials = Credentials::Identity(realm.identity(Role::Agent, "a1"));
    let tls = tls::client_config(&credentials, &realm.clock, tls::ALPN_GRPC).unwrap();
    let tcp = TcpStream::connect(listener.local_addr()).await.unwrap();
    let name = ServerName::try_from(TRUST_DOMAIN).unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await;
    let io = TokioIo::new(stream.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    // gRPC has a byte for compression before the length.
    let body = Bytes::from([&[0], bytes].concat());
    let request = http::Request::post("https://weft.local/weft.v1.Link/Open")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(body))
        .unwrap();
    let serve = async {
        let mut inbound = within(listener.accept()).await.unwrap();
        within(inbound.channel.recv()).await.unwrap_err()
    };
    let (error, _, _) = tokio::join!(serve, sender.send_request(request), within(connection));
    error
}
