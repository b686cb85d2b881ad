//! Who gets in, with which certificate, and how far.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use weft_model::Millis;
use weft_proto::v1::{RefusedReason, Stream};
use weft_stdx::Clock;

use super::fixture::{ALL, NOW, Named, Realm, WIRES, batch, dialer_options, hello, within};
use crate::channel::{GreetError, RecvError};
use crate::client::{Connection, Dialer};
use crate::identity::{Identity, Role};
use crate::server::{BindError, Listener, ListenerOptions};
use crate::tls::{self, TlsError};

/// Tries to use a connection; a peer that refuses the certificate tells it only after the
/// handshake.
async fn greet(connection: &Connection) -> Result<(), String> {
    let mut channel = connection
        .open(Stream::Logs)
        .await
        .map_err(|error| error.to_string())?;
    match channel.greet(hello(Stream::Logs)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() {
    for over in WIRES {
        let (ours, theirs) = (Realm::new(), Realm::new());
        let listener = theirs.listen().await;
        let dialer = ours.dialer(listener.local_addr(), over);
        let error = within(dialer.dial()).await.unwrap_err();
        assert_eq!(error.attempts.len(), 1);
        assert!(
            error.to_string().contains("UnknownIssuer"),
            "{over}: {error}"
        );
    }
}

#[tokio::test]
async fn a_client_of_another_authority_is_not_let_in() {
    for over in WIRES {
        let (ours, theirs) = (Realm::new(), Realm::new());
        let stranger = theirs.identity(Role::Agent, "a1");
        // It trusts us, but we did not sign it.
        let stranger = Identity::new(
            stranger.key().secret_der().to_vec(),
            stranger.chain().to_vec(),
            ours.identity(Role::Agent, "a1").roots().to_vec(),
        )
        .unwrap();
        refuses_client(&ours, stranger, ours.clock.clone(), over).await;
    }
}

#[tokio::test]
async fn an_expired_client_is_not_let_in() {
    for over in WIRES {
        let realm = Realm::new();
        let expired = realm.identity(Role::Agent, "a1");
        let two_days_later = NOW.plus(2 * 86_400_000).to_nanos().0;
        realm.clock.set_nanos(two_days_later);
        refuses_client(&realm, expired, realm.clock.clone(), over).await;
    }
}

async fn refuses_client(realm: &Realm, client: Identity, clock: Clock, over: crate::Transport) {
    let listener = realm.listen().await;
    let to = listener.local_addr();
    let dialer = Dialer::new(dialer_options(to, over), client, clock);
    let refused = match within(dialer.dial()).await {
        Ok(connection) => within(greet(&connection)).await.unwrap_err(),
        Err(error) => error.to_string(),
    };
    assert!(!refused.is_empty());
    let stats = listener.handle().stats();
    assert_eq!(stats.handshakes_failed, 1, "{over}: {refused}");
    assert_eq!(stats.connections_quic + stats.connections_grpc, 0);
}

#[tokio::test]
async fn an_expired_server_is_not_trusted() {
    for over in WIRES {
        let realm = Realm::new();
        let listener = realm.listen().await;
        let later = NOW.plus(2 * 86_400_000);
        let ahead = Clock::manual(later.to_nanos().0);
        let identity = realm.identity(Role::Agent, "a1");
        let options = dialer_options(listener.local_addr(), over);
        let error = within(Dialer::new(options, identity, ahead).dial())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("expired"), "{over}: {error}");
    }
}

#[tokio::test]
async fn a_connection_ends_when_its_certificate_does() {
    for over in WIRES {
        let realm = Realm::with_leaf_lifetime(Duration::from_secs(2));
        let mut listener = realm.listen().await;
        // Certificates count seconds: 1.9 of the 2 have passed.
        let dialer = realm.dialer(listener.local_addr(), over);
        realm.clock.set_nanos(NOW.plus(1900).to_nanos().0);
        let connection = within(dialer.dial()).await.unwrap();
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        channel.send(batch(1, 10)).await.unwrap();
        let mut inbound = within(listener.accept()).await.unwrap();
        assert!(within(inbound.channel.recv()).await.unwrap().is_some());
        let lost = within(inbound.channel.recv()).await;
        assert!(
            matches!(lost, Err(RecvError::Lost { .. })),
            "{over}: {lost:?}"
        );
        let lost = within(channel.recv()).await;
        assert!(
            matches!(lost, Err(RecvError::Lost { .. })),
            "{over}: {lost:?}"
        );
    }
}

#[tokio::test]
async fn an_agent_cannot_accept_connections() {
    let realm = Realm::new();
    let agent = realm.identity(Role::Agent, "a1");
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Listener::bind(
        address,
        &agent,
        ListenerOptions::default(),
        realm.clock.clone(),
    )
    .await;
    assert!(matches!(
        bound,
        Err(BindError::Tls(TlsError::Role(Role::Agent)))
    ));
}

#[test]
fn an_agent_that_poses_as_a_server_is_not_trusted() {
    let realm = Realm::new();
    let check = |role| {
        let identity = realm.identity(role, "x");
        let verifier = tls::verifier_for_tests(&identity);
        let now = UnixTime::since_unix_epoch(Duration::from_millis(NOW.0 as u64));
        let name = ServerName::try_from("weft.local").unwrap();
        verifier
            .verify_server_cert(&identity.chain()[0], identity.roots(), &name, &[], now)
            .is_ok()
    };
    assert!(check(Role::Aggregator));
    assert!(check(Role::Collector));
    assert!(!check(Role::Agent));
}

#[tokio::test]
async fn without_certificate_only_enrolment_is_received() {
    for over in ALL {
        for (index, message) in [batch(1, 10), renew(), hello_logs()]
            .into_iter()
            .enumerate()
        {
            let realm = Realm::new();
            let (connection, mut acceptor) = realm.connect(over, Named::Not).await;
            let mut channel = connection.open(Stream::Control).await.unwrap();
            channel.send(message).await.unwrap();
            let mut inbound = acceptor.accept().await;
            assert_eq!(inbound.peer, None);
            let received = within(inbound.channel.recv()).await;
            assert!(
                matches!(received, Err(RecvError::Forbidden)),
                "{over} {index}"
            );
            assert_eq!(acceptor.stats().messages_forbidden, 1);
            let reason = RefusedReason::Forbidden;
            within(inbound.channel.refuse(reason, "show a certificate", 0)).await;
            let refused = within(channel.greet(hello(Stream::Control))).await;
            assert!(
                matches!(refused, Err(GreetError::Refused(_))),
                "{over}: {refused:?}"
            );
        }
    }
}

fn renew() -> weft_proto::v1::ClientMsg {
    use weft_proto::v1::{ClientMsg, Renew, client_msg};
    ClientMsg {
        kind: Some(client_msg::Kind::Renew(Renew::default())),
    }
}

fn hello_logs() -> weft_proto::v1::ClientMsg {
    use weft_proto::v1::{ClientMsg, client_msg};
    ClientMsg {
        kind: Some(client_msg::Kind::Hello(hello(Stream::Logs))),
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_and_counted() {
    for over in WIRES {
        let realm = Realm::new();
        let options = ListenerOptions {
            connections_max: 2,
            ..ListenerOptions::default()
        };
        let listener = realm.listen_with(options).await;
        let dialer = realm.dialer(listener.local_addr(), over);
        let first = within(dialer.dial()).await.unwrap();
        let _second = within(dialer.dial()).await.unwrap();
        let third = match within(dialer.dial()).await {
            Ok(connection) => within(greet(&connection)).await,
            Err(error) => Err(error.to_string()),
        };
        assert!(third.is_err(), "{over}");
        assert_eq!(listener.handle().stats().connections_refused, 1);
        within(first.close()).await;
        within(async { while dialer.dial().await.is_err() {} }).await;
    }
}

#[tokio::test]
async fn an_occupied_port_is_named_with_its_protocol() {
    let realm = Realm::new();
    let identity = realm.identity(Role::Collector, "c1");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (address, expected) in [
        (tcp.local_addr().unwrap(), "TCP"),
        (udp.local_addr().unwrap(), "UDP"),
    ] {
        let options = ListenerOptions::default();
        let bound = Listener::bind(address, &identity, options, realm.clock.clone()).await;
        let error = bound.unwrap_err();
        assert_eq!(error.to_string(), format!("bind {address} for {expected}"));
    }
}

#[test]
fn an_identity_is_renewed_at_seventy_percent_of_its_life() {
    let realm = Realm::new();
    let identity = realm.identity(Role::Agent, "a1");
    let lifetime = 86_400_000;
    let slack = 120_000;
    let at = identity.renew_at().0 - NOW.0;
    assert!((at - lifetime * 7 / 10).abs() < slack, "{at}");
    assert!(!identity.renew_due(NOW));
    assert!(identity.renew_due(Millis(identity.renew_at().0)));
    assert_eq!(identity.expires_at(), NOW.plus(lifetime));
}
