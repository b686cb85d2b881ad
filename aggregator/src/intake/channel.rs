//! One channel: control, or batches that are stored in groups and acknowledged together.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use weft_link::{PeerId, Role, ServerChannel};
use weft_model::{Millis, SessionId, StreamKind};
use weft_proto::convert;
use weft_proto::v1::{
    Ack, Batch, ClientMsg, Control, Nack, NeedDict, RefusedReason, ServerMsg, Welcome, client_msg,
    control, server_msg,
};
use weft_runtime::Shutdown;

use super::{Greeting, Intake};
use crate::store::{Taken, Verdict};

/// The most batches that are stored together.
pub(crate) const GROUP_MAX: usize = 256;

/// The most payload bytes that are stored together.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// The payload bytes that may be in flight on a channel.
const CREDIT_BYTES: u64 = 32 << 20;

/// Answers those who ask for certificates.
pub(super) async fn control(
    mut channel: ServerChannel,
    peer: Option<PeerId>,
    intake: Intake,
    shutdown: Shutdown,
) {
    let welcome = server_msg::Kind::Welcome(welcome(0, intake.store.now()));
    if channel
        .send(ServerMsg {
            kind: Some(welcome),
        })
        .await
        .is_err()
    {
        return;
    }
    loop {
        let received = tokio::select! {
            received = channel.recv() => received,
            () = shutdown.requested() => return,
        };
        let Ok(Some(message)) = received else { return };
        if let Some(client_msg::Kind::Bye(_)) = message.kind {
            return;
        }
        let (authority, peer, now) = (
            Arc::clone(&intake.authority),
            peer.clone(),
            intake.store.now(),
        );
        // Redeeming a token writes to the disk.
        let answered =
            tokio::task::spawn_blocking(move || authority.answer(peer.as_ref(), &message, now))
                .await;
        match answered {
            Ok(Some(answer)) => {
                if channel.send(answer).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                let what = "this is not for a control channel";
                return channel.refuse(RefusedReason::Malformed, what, 0).await;
            }
            Err(error) => {
                tracing::error!(%error, "answering on a control channel panicked");
                return;
            }
        }
    }
}

/// Stores the batches of a channel until it ends or the stop is requested.
pub(super) async fn batches(
    mut channel: ServerChannel,
    peer: PeerId,
    greeting: Greeting,
    intake: Intake,
    shutdown: Shutdown,
) {
    if !intake
        .store
        .fence(greeting.session, greeting.stream, greeting.epoch)
    {
        let what = "a later process of this session has connected";
        return channel.refuse(RefusedReason::Superseded, what, 0).await;
    }
    let durable = intake.store.durable_seq(greeting.session, greeting.stream);
    let welcome = server_msg::Kind::Welcome(welcome(durable, intake.store.now()));
    if channel
        .send(ServerMsg {
            kind: Some(welcome),
        })
        .await
        .is_err()
    {
        return;
    }
    loop {
        let first = tokio::select! {
            first = channel.recv() => first,
            () = shutdown.requested() => break,
        };
        let mut group = Group::new(&peer);
        let mut open = group.add(first);
        while open && !group.is_full() {
            match channel.recv().now_or_never() {
                Some(received) => open = group.add(received),
                None => break,
            }
        }
        let batches = group.batches;
        if !batches.is_empty() {
            let newest = batches.iter().map(|batch| Millis(batch.last_ms)).max();
            intake.peers.heard(&peer, intake.store.now(), newest);
        }
        let store = Arc::clone(&intake.store);
        let taken = match tokio::task::spawn_blocking(move || store.take(batches)).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, %peer, "storing batches panicked");
                return;
            }
        };
        for answer in answers(&intake, greeting.stream, taken) {
            if channel.send(answer).await.is_err() {
                return;
            }
        }
        if !open {
            return;
        }
    }
    let drain = control::Kind::Drain(weft_proto::v1::Drain { within_ms: 500 });
    let kind = server_msg::Kind::Control(Control { kind: Some(drain) });
    if channel.send(ServerMsg { kind: Some(kind) }).await.is_ok() {
        channel.finish().await;
    }
}

/// Batches that are stored together.
struct Group<'a> {
    peer: &'a PeerId,
    batches: Vec<Batch>,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn new(peer: &'a PeerId) -> Group<'a> {
        Group {
            peer,
            batches: Vec::new(),
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.batches.len() >= GROUP_MAX || self.bytes >= GROUP_BYTES_MAX
    }

    /// Adds what was received; tells whether the channel goes on.
    fn add(&mut self, received: Result<Option<ClientMsg>, weft_link::RecvError>) -> bool {
        let message = match received {
            Ok(Some(message)) => message,
            Ok(None) => return false,
            Err(error) => {
                tracing::debug!(peer = %self.peer, %error, "a channel broke off");
                return false;
            }
        };
        match message.kind {
            Some(client_msg::Kind::Batch(mut batch)) => {
                if self.peer.role() == Role::Agent {
                    batch.origin = self.peer.id().0.clone();
                }
                self.bytes += batch.payload.len();
                self.batches.push(batch);
                true
            }
            _ => false,
        }
    }
}

fn welcome(durable_seq: u64, now: Millis) -> Welcome {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Welcome {
        version,
        durable_seq,
        credit_bytes: CREDIT_BYTES,
        now_ms: now.0,
    }
}

/// Returns one ack for each session, and what else the sender has to be told.
fn answers(intake: &Intake, stream: StreamKind, taken: Vec<Taken>) -> Vec<ServerMsg> {
    let mut nacks: BTreeMap<SessionId, Vec<Nack>> = BTreeMap::new();
    let mut missing: BTreeMap<(SessionId, u32), ()> = BTreeMap::new();
    for one in taken {
        let nacks = nacks.entry(one.session).or_default();
        match one.verdict {
            Verdict::Durable => {}
            Verdict::NeedsDict { epoch } => {
                missing.insert((one.session, epoch), ());
            }
            Verdict::Refused {
                reason,
                retry_after_ms,
            } => {
                nacks.push(Nack {
                    seq: one.seq,
                    reason: reason.into(),
                    retry_after_ms,
                });
            }
        }
    }
    let mut answers = Vec::new();
    for (session, nacks) in nacks {
        let ack = Ack {
            nacks,
            ..intake.store.ack(session, stream, CREDIT_BYTES)
        };
        answers.push(ServerMsg {
            kind: Some(server_msg::Kind::Ack(ack)),
        });
    }
    for (session, dict_epoch) in missing.into_keys() {
        let session_id = convert::session_bytes(session).to_vec();
        let need = control::Kind::NeedDict(NeedDict {
            session_id,
            dict_epoch,
        });
        let kind = server_msg::Kind::Control(Control { kind: Some(need) });
        answers.push(ServerMsg { kind: Some(kind) });
    }
    answers
}
