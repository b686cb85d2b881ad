//! Messages arrive whole, in order, until a direction ends.

use std::time::Duration;

use weft_proto::v1::{ClientMsg, Stream};

use super::fixture::{ALL, Named, Realm, WIRES, ack, batch, hello, welcome, within};
use crate::Transport;
use crate::channel::SendError;
use crate::identity::{PeerId, Role};

#[tokio::test]
async fn messages_of_any_size_arrive_whole_and_in_order() {
    for over in ALL {
        let realm = Realm::new();
        let (connection, mut acceptor) = realm.connect(over, Named::ByCertificate).await;
        let client = async {
            let mut channel = connection.open(Stream::Logs).await.unwrap();
            channel.greet(hello(Stream::Logs)).await.unwrap();
            for seq in 1..=60 {
                let bytes = size_of_batch(seq);
                channel.send(batch(seq, bytes)).await.unwrap();
                assert_eq!(channel.recv().await.unwrap(), Some(ack(seq)), "{over}");
            }
            channel.finish().await;
            assert_eq!(channel.recv().await.unwrap(), None);
        };
        let server = async {
            let inbound = acceptor.accept().await;
            assert_eq!(inbound.peer, PeerId::new(Role::Agent, "a1").ok());
            assert_eq!(inbound.transport, over);
            let mut channel = inbound.channel;
            channel.recv().await.unwrap().unwrap();
            channel.send(welcome()).await.unwrap();
            let mut seq = 0;
            while let Some(message) = channel.recv().await.unwrap() {
                seq += 1;
                assert!(message == batch(seq, size_of_batch(seq)), "{over} {seq}");
                channel.send(ack(seq)).await.unwrap();
            }
            assert_eq!(seq, 60);
            channel.finish().await;
        };
        within(async { tokio::join!(client, server) }).await;
    }
}

/// From nothing to 4 MiB.
fn size_of_batch(seq: u64) -> usize {
    match seq {
        1..=20 => seq as usize * 7 - 7,
        21..=55 => seq as usize * 1777,
        _ => 4 << 20,
    }
}

#[tokio::test]
async fn a_channel_closed_by_the_sender_still_carries_the_answers() {
    for over in ALL {
        let realm = Realm::new();
        let (connection, mut acceptor) = realm.connect(over, Named::ByCertificate).await;
        let client = async {
            let mut channel = connection.open(Stream::Logs).await.unwrap();
            channel.send(batch(1, 10)).await.unwrap();
            channel.finish().await;
            let late = channel.send(batch(2, 10)).await;
            assert!(matches!(late, Err(SendError::Closed)), "{over}");
            for seq in 1..=3 {
                assert_eq!(channel.recv().await.unwrap(), Some(ack(seq)), "{over}");
            }
            assert_eq!(channel.recv().await.unwrap(), None);
        };
        let server = async {
            let mut channel = acceptor.accept().await.channel;
            assert!(channel.recv().await.unwrap().is_some());
            assert!(channel.recv().await.unwrap().is_none(), "{over}");
            for seq in 1..=3 {
                channel.send(ack(seq)).await.unwrap();
            }
        };
        within(async { tokio::join!(client, server) }).await;
    }
}

#[tokio::test]
async fn channels_of_one_connection_do_not_disturb_each_other() {
    for over in ALL {
        let realm = Realm::new();
        let (connection, mut acceptor) = realm.connect(over, Named::ByCertificate).await;
        // The first channel stands still with all its windows full; the second goes on.
        let mut stuck = connection.open(Stream::Logs).await.unwrap();
        let mut moving = connection.open(Stream::Metrics).await.unwrap();
        stuck.send(batch(1, 10)).await.unwrap();
        let unread = acceptor.accept().await;
        while tokio::time::timeout(Duration::from_millis(50), stuck.send(batch(2, 1 << 20)))
            .await
            .is_ok()
        {}
        moving.send(batch(7, 100)).await.unwrap();
        let mut inbound = acceptor.accept().await;
        let received = within(inbound.channel.recv()).await.unwrap();
        assert!(received == Some(batch(7, 100)), "{over}");
        drop(unread);
    }
}

#[tokio::test]
async fn a_cancelled_send_tears_no_message() {
    for over in [Transport::Quic, Transport::Memory] {
        let realm = Realm::new();
        let (connection, mut acceptor) = realm.connect(over, Named::ByCertificate).await;
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        channel.send(batch(0, 10)).await.unwrap();
        let mut inbound = acceptor.accept().await;
        let mut cancelled = 0;
        for seq in 1..=40 {
            let send = channel.send(batch(seq, 400_000));
            let sent = tokio::time::timeout(Duration::from_millis(2), send).await;
            cancelled += u32::from(sent.is_err());
        }
        assert!(cancelled > 0, "{over}: the windows were never full");
        let finish = channel.finish();
        let receive = async {
            let mut received = Vec::new();
            while let Some(message) = inbound.channel.recv().await.unwrap() {
                received.push(message);
            }
            received
        };
        let ((), received) = within(async { tokio::join!(finish, receive) }).await;
        assert!(is_subsequence(&received), "{over}");
    }
}

/// Tells whether the messages are whole and in order; cancelled ones may be missing.
fn is_subsequence(received: &[ClientMsg]) -> bool {
    let mut rest = received.iter().peekable();
    let mut expected = std::iter::once(batch(0, 10)).chain((1..=40).map(|seq| batch(seq, 400_000)));
    while let Some(message) = rest.peek() {
        match expected.next() {
            Some(next) if next == **message => {
                rest.next();
            }
            Some(_) => {}
            None => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_sent_and_the_channel_goes_on() {
    for over in ALL {
        let realm = Realm::new();
        let (connection, mut acceptor) = realm.connect(over, Named::ByCertificate).await;
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        let refused = channel.send(batch(1, 5 << 20)).await;
        assert!(matches!(refused, Err(SendError::TooLarge { .. })), "{over}");
        channel.send(batch(2, 10)).await.unwrap();
        let mut inbound = acceptor.accept().await;
        let received = within(inbound.channel.recv()).await.unwrap();
        assert!(received == Some(batch(2, 10)), "{over}");
    }
}

#[tokio::test]
async fn what_was_sent_before_the_listener_closed_arrives() {
    for over in WIRES {
        for _ in 0..20 {
            let realm = Realm::new();
            let mut listener = realm.listen().await;
            let dialer = realm.dialer(listener.local_addr(), over);
            let connection = within(dialer.dial()).await.unwrap();
            let mut channel = connection.open(Stream::Logs).await.unwrap();
            channel.send(batch(1, 10)).await.unwrap();
            let mut inbound = within(listener.accept()).await.unwrap();
            within(inbound.channel.recv()).await.unwrap();
            inbound.channel.send(ack(1)).await.unwrap();
            inbound.channel.finish().await;
            drop(inbound);
            within(listener.close(Duration::from_secs(1))).await;
            assert_eq!(
                within(channel.recv()).await.unwrap(),
                Some(ack(1)),
                "{over}"
            );
        }
    }
}
