//! Requests for certificates, passed on to the aggregator.
//!
//! In: Enroll and Renew of agents. Out: the aggregator's answers.
//! Bound: 8 requests at a time; more wait. Without an aggregator the agent is told to try later.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use weft_link::{Connection, PeerId, Role, relay};
use weft_proto::v1::{ClientMsg, Refused, RefusedReason, ServerMsg, client_msg, server_msg};

const AT_ONCE_MAX: usize = 8;
const RETRY_MS: u32 = 5_000;

/// The connection to the aggregator, while there is one.
pub(crate) type Upstream = Option<Arc<Connection>>;

/// Passes requests on.
#[derive(Debug)]
pub(crate) struct Relay {
    upstream: watch::Receiver<Upstream>,
    permits: Semaphore,
}

impl Relay {
    pub(crate) fn new(upstream: watch::Receiver<Upstream>) -> Relay {
        let permits = Semaphore::new(AT_ONCE_MAX);
        Relay { upstream, permits }
    }

    /// Asks the aggregator for `peer`, who is nobody yet when it enrols.
    pub(crate) async fn ask(&self, peer: Option<&PeerId>, message: ClientMsg) -> ServerMsg {
        let Some(message) = in_the_name_of(peer, message) else {
            let text = "a collector asks the aggregator for its own certificate";
            return refused(RefusedReason::Forbidden, text, 0);
        };
        let Ok(_permit) = self.permits.acquire().await else {
            return unavailable();
        };
        let upstream = self.upstream.borrow().clone();
        let Some(connection) = upstream else {
            return unavailable();
        };
        match relay(&connection, message).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a request for a certificate was not answered");
                unavailable()
            }
        }
    }
}

/// Says for whom a renewal is, whatever the peer itself said.
fn in_the_name_of(peer: Option<&PeerId>, message: ClientMsg) -> Option<ClientMsg> {
    let kind = match (message.kind?, peer) {
        (client_msg::Kind::Enroll(enroll), _) => client_msg::Kind::Enroll(enroll),
        (client_msg::Kind::Renew(mut renew), Some(peer)) if peer.role() == Role::Agent => {
            renew.on_behalf_of = peer.id().0.clone();
            client_msg::Kind::Renew(renew)
        }
        _ => return None,
    };
    Some(ClientMsg { kind: Some(kind) })
}

fn unavailable() -> ServerMsg {
    let text = "the aggregator cannot be asked at the moment";
    refused(RefusedReason::Unavailable, text, RETRY_MS)
}

fn refused(reason: RefusedReason, message: &str, retry_after_ms: u32) -> ServerMsg {
    let refused = Refused {
        reason: reason.into(),
        message: message.to_owned(),
        retry_after_ms,
    };
    ServerMsg {
        kind: Some(server_msg::Kind::Refused(refused)),
    }
}

#[cfg(test)]
mod tests {
    use weft_proto::v1::{Enroll, Renew};

    use super::*;

    fn renewal(peer: Option<(Role, &str)>) -> Option<String> {
        let renew = Renew {
            csr: Vec::new(),
            on_behalf_of: "somebody-else".to_owned(),
        };
        let message = ClientMsg {
            kind: Some(client_msg::Kind::Renew(renew)),
        };
        let peer = peer.map(|(role, id)| PeerId::new(role, id).unwrap());
        match in_the_name_of(peer.as_ref(), message)?.kind? {
            client_msg::Kind::Renew(renew) => Some(renew.on_behalf_of),
            _ => None,
        }
    }

    #[test]
    fn an_agent_renews_for_itself_only() {
        assert_eq!(renewal(Some((Role::Agent, "a1"))), Some("a1".to_owned()));
        assert_eq!(renewal(Some((Role::Collector, "c1"))), None);
        assert_eq!(renewal(None), None);
    }

    #[tokio::test]
    async fn without_an_aggregator_the_agent_is_told_to_try_later() {
        let (_upstream, watching) = watch::channel(None);
        let relay = Relay::new(watching);
        let message = ClientMsg {
            kind: Some(client_msg::Kind::Enroll(Enroll::default())),
        };
        let answer = relay.ask(None, message).await;
        let Some(server_msg::Kind::Refused(refused)) = answer.kind else {
            panic!("not refused");
        };
        assert_eq!(refused.reason(), RefusedReason::Unavailable);
        assert_eq!(refused.retry_after_ms, RETRY_MS);
    }
}
