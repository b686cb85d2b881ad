//! A control channel: requests for certificates.
//!
//! In: Enroll and Renew. Out: the aggregator's answers, or why there is none.
//! Bound: one request at a time on a channel.

use weft_link::{PeerId, ServerChannel};
use weft_proto::v1::{
    ClientMsg, Control, Drain, RefusedReason, ServerMsg, Welcome, client_msg, control, server_msg,
};
use weft_runtime::Shutdown;

use super::{DRAIN_TIME, Intake};

impl Intake {
    pub(super) async fn serve_control(
        &self,
        peer: Option<PeerId>,
        mut channel: ServerChannel,
        shutdown: Shutdown,
    ) {
        if channel.send(self.welcome(0, 0)).await.is_err() {
            return;
        }
        loop {
            let message = tokio::select! {
                message = channel.recv() => message,
                () = shutdown.requested() => {
                    // A peer that is gone needs no goodbye.
                    let _ = channel.send(drain()).await;
                    return channel.finish().await;
                }
            };
            let Ok(Some(ClientMsg { kind: Some(kind) })) = message else {
                return;
            };
            let answer = match kind {
                client_msg::Kind::Enroll(_) | client_msg::Kind::Renew(_) => {
                    let message = ClientMsg { kind: Some(kind) };
                    self.relay.ask(peer.as_ref(), message).await
                }
                client_msg::Kind::Bye(_) => return channel.finish().await,
                client_msg::Kind::Hello(_) | client_msg::Kind::Batch(_) => {
                    let text = "a control channel carries requests for certificates only";
                    return self
                        .refuse(&mut channel, RefusedReason::Malformed, text)
                        .await;
                }
            };
            let is_last = matches!(answer.kind, Some(server_msg::Kind::Refused(_)));
            if channel.send(answer).await.is_err() || is_last {
                return channel.finish().await;
            }
        }
    }

    /// Returns the answer to a Hello.
    pub(super) fn welcome(&self, durable_seq: u64, credit_bytes: u64) -> ServerMsg {
        let welcome = Welcome {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            durable_seq,
            credit_bytes,
            now_ms: self.clock.millis(),
        };
        ServerMsg {
            kind: Some(server_msg::Kind::Welcome(welcome)),
        }
    }
}

/// Returns what a peer is told when the collector stops.
pub(super) fn drain() -> ServerMsg {
    let drain = Drain {
        within_ms: u32::try_from(DRAIN_TIME.as_millis()).unwrap_or(0),
    };
    control_message(control::Kind::Drain(drain))
}

/// Returns a message that wants something of the peer.
pub(super) fn control_message(kind: control::Kind) -> ServerMsg {
    ServerMsg {
        kind: Some(server_msg::Kind::Control(Control { kind: Some(kind) })),
    }
}
