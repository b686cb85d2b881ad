//! From a join token to a certificate, and to the next one.

use std::time::Duration;

use weft_proto::v1::{ClientMsg, Enroll, Refused, RefusedReason, Renew, client_msg, server_msg};

use super::fixture::{ALL, Acceptor, NOW, Named, Realm, WIRES, dialer_options, welcome, within};
use crate::client::DialError;
use crate::enroll::{EnrollError, enroll, enroll_over, relay, renew};
use crate::identity::{Identity, JoinToken, PeerId, Role, TokenGrant};

fn one_use(role: Role) -> TokenGrant {
    TokenGrant {
        role,
        lifetime: Duration::from_secs(3600),
        uses: Some(1),
    }
}

/// Serves control channels as an aggregator does, while `asking` goes on.
async fn serve_while<T>(
    realm: &Realm,
    mut acceptor: Acceptor,
    asking: impl Future<Output = T>,
) -> T {
    let serving = async {
        loop {
            let inbound = acceptor.accept().await;
            let mut channel = inbound.channel;
            assert!(channel.recv().await.unwrap().is_some());
            channel.send(welcome()).await.unwrap();
            let ask = channel.recv().await.unwrap().unwrap();
            let answer = realm
                .authority
                .answer(inbound.peer.as_ref(), &ask, NOW)
                .unwrap();
            channel.send(answer).await.unwrap();
            channel.finish().await;
        }
    };
    tokio::select! {
        result = within(asking) => result,
        () = serving => unreachable!("serving never ends"),
    }
}

#[tokio::test]
async fn a_token_gives_a_certificate_of_its_role_once() {
    for over in ALL {
        let realm = Realm::new();
        let token = realm
            .authority
            .create_token(one_use(Role::Agent), NOW)
            .unwrap();
        let (connection, acceptor) = realm.connect(over, Named::Not).await;
        let asking = async {
            let identity = enroll_over(&connection, &token, "node-7").await.unwrap();
            let again = enroll_over(&connection, &token, "node-8").await;
            (identity, again)
        };
        let (identity, again) = serve_while(&realm, acceptor, asking).await;
        assert_eq!(
            identity.peer(),
            &PeerId::new(Role::Agent, "node-7").unwrap()
        );
        assert_reason(again.unwrap_err(), RefusedReason::BadToken);
    }
}

fn assert_reason(error: EnrollError, expected: RefusedReason) {
    match error {
        EnrollError::Refused(refused) => assert_eq!(refused.reason(), expected),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_certificate_from_a_token_opens_connections_and_renews_itself() {
    for over in WIRES {
        let realm = Realm::new();
        let listener = realm.listen().await;
        let options = dialer_options(listener.local_addr(), over);
        let token = realm
            .authority
            .create_token(one_use(Role::Collector), NOW)
            .unwrap();
        let asking = async {
            let clock = realm.clock.clone();
            let first = enroll(options.clone(), &token, "c9", clock).await.unwrap();
            let clock = realm.clock.clone();
            let dialer = crate::Dialer::new(options.clone(), first.clone(), clock);
            let connection = dialer.dial().await.unwrap();
            let next = renew(&connection).await.unwrap();
            assert_eq!(next.peer(), first.peer());
            assert_ne!(next.key(), first.key());
            dialer.set_identity(next);
            let connection = dialer.dial().await.unwrap();
            renew(&connection).await.unwrap();
        };
        serve_while(&realm, Acceptor::Wire(listener), asking).await;
    }
}

#[tokio::test]
async fn the_secret_is_not_said_to_another_authority() {
    for over in WIRES {
        let (ours, theirs) = (Realm::new(), Realm::new());
        let listener = theirs.listen().await;
        let options = dialer_options(listener.local_addr(), over);
        let token = ours
            .authority
            .create_token(one_use(Role::Agent), NOW)
            .unwrap();
        let asked = within(enroll(options, &token, "node", ours.clock.clone())).await;
        assert!(
            matches!(asked, Err(EnrollError::Dial(DialError { .. }))),
            "{over}"
        );
        let stats = listener.handle().stats();
        assert_eq!(stats.connections_quic + stats.connections_grpc, 0);
    }
}

#[tokio::test]
async fn a_collector_passes_requests_on_and_renews_for_its_agents() {
    for over in ALL {
        let realm = Realm::new();
        let token = realm
            .authority
            .create_token(one_use(Role::Agent), NOW)
            .unwrap();
        let (connection, acceptor) = realm.connect(over, Named::ByCertificate).await;
        let agent = realm.identity(Role::Agent, "a2");
        let key = crate::identity::KeyRequest::generate().unwrap();
        let csr = key.csr().unwrap();
        let enroll = Enroll {
            token: token.credential(),
            csr: csr.clone(),
            name: "a2".to_owned(),
        };
        let ask = ClientMsg {
            kind: Some(client_msg::Kind::Enroll(enroll)),
        };
        let asking = async {
            let enrolled = relay(&connection, ask.clone()).await.unwrap();
            let refused = relay(&connection, ask).await.unwrap();
            (enrolled.kind.unwrap(), refused.kind.unwrap())
        };
        let (enrolled, refused) = serve_while(&realm, acceptor, asking).await;
        let server_msg::Kind::Enrolled(enrolled) = enrolled else {
            panic!("{over}: not enrolled");
        };
        assert!(matches!(refused, server_msg::Kind::Refused(_)), "{over}");
        let identity = key.complete(enrolled).unwrap();
        assert_eq!(identity.peer(), agent.peer());
    }
}

#[test]
fn only_a_collector_renews_for_others_and_only_for_agents() {
    let realm = Realm::new();
    let csr = crate::identity::KeyRequest::generate()
        .unwrap()
        .csr()
        .unwrap();
    let renew = |by: Role, on_behalf_of: &str| {
        let peer = PeerId::new(by, "me").unwrap();
        let on_behalf_of = on_behalf_of.to_owned();
        let ask = Renew {
            csr: csr.clone(),
            on_behalf_of,
        };
        realm.authority.handle_renew(&peer, &ask, NOW).kind.unwrap()
    };
    let leaf_of = |kind| match kind {
        server_msg::Kind::Enrolled(enrolled) => {
            crate::identity::Leaf::read(&enrolled.chain[0])
                .unwrap()
                .peer
        }
        other => panic!("not granted: {other:?}"),
    };
    let own = PeerId::new(Role::Agent, "me").unwrap();
    assert_eq!(leaf_of(renew(Role::Agent, "")), own);
    let other = PeerId::new(Role::Agent, "other").unwrap();
    assert_eq!(leaf_of(renew(Role::Collector, "other")), other);
    for (kind, expected) in [
        (renew(Role::Agent, "other"), RefusedReason::Forbidden),
        (renew(Role::Collector, "../x"), RefusedReason::Malformed),
    ] {
        let server_msg::Kind::Refused(Refused { reason, .. }) = kind else {
            panic!("granted: {kind:?}");
        };
        assert_eq!(reason, i32::from(expected));
    }
}

#[test]
fn what_cannot_be_signed_is_refused_with_the_reason() {
    let realm = Realm::new();
    let token = || {
        let token = realm.authority.create_token(one_use(Role::Agent), NOW);
        token.unwrap()
    };
    let csr = crate::identity::KeyRequest::generate()
        .unwrap()
        .csr()
        .unwrap();
    let other: JoinToken = Realm::new()
        .authority
        .create_token(one_use(Role::Agent), NOW)
        .unwrap();
    let later = NOW.plus(3_600_000);
    for (credential, csr, name, now, expected) in [
        (
            token().credential(),
            csr.clone(),
            "",
            NOW,
            RefusedReason::Malformed,
        ),
        (
            token().credential(),
            csr.clone(),
            "a b",
            NOW,
            RefusedReason::Malformed,
        ),
        (
            token().credential(),
            Vec::new(),
            "a",
            NOW,
            RefusedReason::Malformed,
        ),
        (
            token().credential(),
            csr.clone(),
            "a",
            later,
            RefusedReason::BadToken,
        ),
        (
            other.credential(),
            csr.clone(),
            "a",
            NOW,
            RefusedReason::BadToken,
        ),
        ("".to_owned(), csr, "a", NOW, RefusedReason::BadToken),
    ] {
        let enroll = Enroll {
            token: credential,
            csr,
            name: name.to_owned(),
        };
        let answer = realm.authority.handle_enroll(&enroll, now);
        let Some(server_msg::Kind::Refused(refused)) = answer.kind else {
            panic!("granted: {name:?}");
        };
        assert_eq!(refused.reason(), expected, "{name:?}");
    }
}

#[test]
fn an_identity_is_the_same_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let realm = Realm::new();
    assert!(Identity::load(dir.path()).unwrap().is_none());
    let identity = realm.identity(Role::Agent, "a1");
    identity.save(dir.path()).unwrap();
    let loaded = Identity::load(dir.path()).unwrap().unwrap();
    assert_eq!(loaded.peer(), identity.peer());
    assert_eq!(loaded.key(), identity.key());
    assert_eq!(loaded.chain(), identity.chain());
    assert_eq!(loaded.roots(), identity.roots());
    let path = dir.path().join("identity.pem");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Identity::load(dir.path()).is_err());
}
