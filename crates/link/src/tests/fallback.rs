//! Where UDP is blocked, gRPC takes over, and QUIC is left alone for a while.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use weft_proto::v1::Stream;

use super::fixture::{Realm, batch, dialer_options, within};
use crate::Transport;
use crate::client::{Congestion, Dialer, DialerOptions};
use crate::identity::Role;

/// A firewall in front of a listener: it lets TCP through and swallows UDP.
struct Firewall {
    tcp: TcpListener,
    _udp: UdpSocket,
}

impl Firewall {
    async fn new() -> Firewall {
        loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = tcp.local_addr().unwrap();
            if let Ok(udp) = UdpSocket::bind(address).await {
                return Firewall { tcp, _udp: udp };
            }
        }
    }

    fn address(&self) -> SocketAddr {
        self.tcp.local_addr().unwrap()
    }

    async fn forward(&self, to: SocketAddr) {
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = self.tcp.accept().await.unwrap();
            tasks.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                // How it ends is for the peers to say.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    }
}

fn auto(realm: &Realm, addresses: &[SocketAddr]) -> Dialer {
    let options = DialerOptions {
        addresses: addresses.iter().map(SocketAddr::to_string).collect(),
        quic_head_start: Duration::from_millis(30),
        attempt_time_max: Duration::from_secs(3),
        ..DialerOptions::default()
    };
    let identity = realm.identity(Role::Agent, "a1");
    Dialer::new(options, identity, realm.clock.clone())
}

#[tokio::test]
async fn quic_wins_where_it_works() {
    let realm = Realm::new();
    let listener = realm.listen().await;
    let options = DialerOptions {
        addresses: vec![listener.local_addr().to_string()],
        ..DialerOptions::default()
    };
    let identity = realm.identity(Role::Agent, "a1");
    let dialer = Dialer::new(options, identity, realm.clock.clone());
    let connection = within(dialer.dial()).await.unwrap();
    assert_eq!(connection.transport(), Transport::Quic);
    assert_eq!(dialer.stats().quic_fallbacks, 0);
    assert_eq!(dialer.stats().connections_quic, 1);
}

#[tokio::test]
async fn either_congestion_control_delivers() {
    for congestion in [Congestion::Cubic, Congestion::Bbr] {
        let realm = Realm::new();
        let mut listener = realm.listen().await;
        let options = DialerOptions {
            congestion,
            ..dialer_options(listener.local_addr(), Transport::Quic)
        };
        let identity = realm.identity(Role::Agent, "a1");
        let dialer = Dialer::new(options, identity, realm.clock.clone());
        let connection = within(dialer.dial()).await.unwrap();
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        let sending = channel.send(batch(1, 3 << 20));
        let receiving = async {
            let mut inbound = listener.accept().await.unwrap();
            inbound.channel.recv().await.unwrap()
        };
        let (sent, received) = within(async { tokio::join!(sending, receiving) }).await;
        sent.unwrap();
        assert!(received == Some(batch(1, 3 << 20)), "{congestion:?}");
    }
}

#[tokio::test]
async fn grpc_takes_over_where_udp_is_blocked_and_goes_first_the_next_time() {
    let realm = Realm::new();
    let listener = realm.listen().await;
    let firewall = Firewall::new().await;
    let dialer = auto(&realm, &[firewall.address()]);
    let dialling = async {
        let connection = within(dialer.dial()).await.unwrap();
        assert_eq!(connection.transport(), Transport::Grpc);
        assert_eq!(dialer.stats().quic_fallbacks, 1);
        assert!(!dialer.quic_is_due(&connection));
        let connection = within(dialer.dial()).await.unwrap();
        assert_eq!(connection.transport(), Transport::Grpc);
        // QUIC was not tried again.
        assert_eq!(dialer.stats().quic_fallbacks, 1);
    };
    tokio::select! {
        () = dialling => {}
        () = firewall.forward(listener.local_addr()) => {}
    }
}

#[tokio::test]
async fn a_stalled_quic_connection_makes_grpc_go_first() {
    let realm = Realm::new();
    let listener = realm.listen().await;
    let dialer = auto(&realm, &[listener.local_addr()]);
    let connection = within(dialer.dial()).await.unwrap();
    dialer.report_stalled(&connection);
    let connection = within(dialer.dial()).await.unwrap();
    assert_eq!(connection.transport(), Transport::Grpc);
}

#[tokio::test]
async fn the_next_address_is_tried_and_every_failure_is_told() {
    let realm = Realm::new();
    let listener = realm.listen().await;
    let closed = {
        let unused = Firewall::new().await;
        unused.address()
    };
    let dialer = auto(&realm, &[closed, listener.local_addr()]);
    let connection = within(dialer.dial()).await.unwrap();
    assert_eq!(connection.address(), listener.local_addr().to_string());

    let dialer = auto(&realm, &[closed]);
    let error = within(dialer.dial()).await.unwrap_err();
    assert_eq!(error.attempts.len(), 2);
    let text = error.to_string();
    assert!(text.contains("over quic: connect: timed out"), "{text}");
    assert!(
        text.contains("over grpc: connect: Connection refused"),
        "{text}"
    );

    let error = within(auto(&realm, &[]).dial()).await.unwrap_err();
    assert_eq!(error.to_string(), "dial peer: there is no address");
}
