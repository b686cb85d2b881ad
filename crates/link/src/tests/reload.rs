//! A listener changes its certificate while peers are connected.

use weft_proto::v1::Stream;

use super::fixture::{Realm, WIRES, ack, batch, dialer_options, within};
use crate::client::Dialer;
use crate::identity::Role;

#[tokio::test]
async fn connections_go_on_and_new_ones_see_the_new_identity() {
    for over in WIRES {
        let (old, new) = (Realm::new(), Realm::new());
        let mut listener = old.listen().await;
        let to = listener.local_addr();
        let connection = within(old.dialer(to, over).dial()).await.unwrap();
        let mut channel = connection.open(Stream::Logs).await.unwrap();
        channel.send(batch(1, 10)).await.unwrap();
        let mut inbound = within(listener.accept()).await.unwrap();
        within(inbound.channel.recv()).await.unwrap();

        let identity = new.identity(Role::Collector, "c2");
        listener.handle().set_identity(&identity).unwrap();

        channel.send(batch(2, 10)).await.unwrap();
        let received = within(inbound.channel.recv()).await.unwrap();
        assert!(received == Some(batch(2, 10)), "{over}");
        inbound.channel.send(ack(2)).await.unwrap();
        assert_eq!(within(channel.recv()).await.unwrap(), Some(ack(2)));

        within(old.dialer(to, over).dial()).await.unwrap_err();
        let connection = within(new.dialer(to, over).dial()).await.unwrap();
        assert_eq!(connection.peer(), identity.peer());
    }
}

#[tokio::test]
async fn a_dialler_shows_its_new_identity_from_the_next_connection_on() {
    for over in WIRES {
        let realm = Realm::new();
        let mut listener = realm.listen().await;
        let options = dialer_options(listener.local_addr(), over);
        let first = realm.identity(Role::Agent, "a1");
        let dialer = Dialer::new(options, first.clone(), realm.clock.clone());
        let second = realm.identity(Role::Agent, "a2");
        for identity in [first, second.clone()] {
            let connection = within(dialer.dial()).await.unwrap();
            let mut channel = connection.open(Stream::Logs).await.unwrap();
            channel.send(batch(1, 10)).await.unwrap();
            let inbound = within(listener.accept()).await.unwrap();
            assert_eq!(inbound.peer.as_ref(), Some(identity.peer()), "{over}");
            dialer.set_identity(second.clone());
        }
    }
}

#[tokio::test]
async fn an_identity_that_cannot_serve_leaves_the_present_one() {
    let realm = Realm::new();
    let listener = realm.listen().await;
    let agent = realm.identity(Role::Agent, "a1");
    assert!(listener.set_identity(&agent).is_err());
    for over in WIRES {
        within(realm.dialer(listener.local_addr(), over).dial())
            .await
            .unwrap();
    }
}
