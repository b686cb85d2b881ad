//! An aggregator that keeps batches in memory and counts what arrives twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinSet;
use weft_link::{Inbound, Listener, ListenerOptions, Role};
use weft_model::Millis;
use weft_proto::batch::check;
use weft_proto::v1::{
    Ack, Batch, ClientMsg, Control, Encoding, Hello, Nack, NackReason, NeedDict, ServerMsg, Stream,
    Welcome, client_msg, control, server_msg,
};

use super::world::{NOW, World};

/// Where a batch was born: session, stream, number.
pub(crate) type Place = (Vec<u8>, i32, u64);

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) batches: BTreeMap<Place, Batch>,
    pub(crate) arrivals: u64,
}

pub(crate) struct Aggregator {
    pub(crate) address: SocketAddr,
    pub(crate) kept: Arc<Mutex<Kept>>,
    /// Says of which session dictionaries are missing.
    pub(crate) need_dict: watch::Sender<Option<NeedDict>>,
    /// The numbers that are refused for good unless they are gaps.
    pub(crate) refuse: Arc<Mutex<Vec<u64>>>,
    _task: JoinSet<()>,
}

struct Serving {
    kept: Arc<Mutex<Kept>>,
    refuse: Arc<Mutex<Vec<u64>>>,
    need_dict: watch::Receiver<Option<NeedDict>>,
}

impl Aggregator {
    pub(crate) async fn start(world: &Arc<World>) -> Aggregator {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Aggregator::start_at(world, address).await
    }

    pub(crate) async fn start_at(world: &Arc<World>, address: SocketAddr) -> Aggregator {
        let identity = world.identity(Role::Aggregator, "main");
        let options = ListenerOptions::default();
        let mut listener = Listener::bind(address, &identity, options, world.clock.clone())
            .await
            .unwrap();
        let address = listener.local_addr();
        let kept = Arc::default();
        let refuse = Arc::default();
        let need_dict = watch::Sender::new(None);
        let mut task = JoinSet::new();
        let (shared, refused) = (Arc::clone(&kept), Arc::clone(&refuse));
        let (asking, world) = (need_dict.clone(), Arc::clone(world));
        task.spawn(async move {
            let mut channels = JoinSet::new();
            while let Some(inbound) = listener.accept().await {
                let serving = Serving {
                    kept: Arc::clone(&shared),
                    refuse: Arc::clone(&refused),
                    need_dict: asking.subscribe(),
                };
                channels.spawn(serving.serve(inbound, Arc::clone(&world)));
            }
        });
        Aggregator {
            address,
            kept,
            need_dict,
            refuse,
            _task: task,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.kept.lock().unwrap().batches.len()
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        let kept = self.kept.lock().unwrap();
        kept.batches.keys().map(|place| place.2).collect()
    }
}

impl Serving {
    async fn serve(mut self, inbound: Inbound, world: Arc<World>) {
        let (peer, mut channel) = (inbound.peer, inbound.channel);
        let Ok(Some(ClientMsg {
            kind: Some(client_msg::Kind::Hello(Hello { stream, .. })),
        })) = channel.recv().await
        else {
            return;
        };
        let welcome = Welcome {
            credit_bytes: 4 << 20,
            now_ms: NOW.0,
            ..Welcome::default()
        };
        let _ = channel
            .send(message(server_msg::Kind::Welcome(welcome)))
            .await;
        loop {
            let received = tokio::select! {
                received = channel.recv() => received,
                _ = self.need_dict.changed(), if stream == i32::from(Stream::Metrics) => {
                    let need = self.need_dict.borrow_and_update().clone().unwrap();
                    let kind = Some(control::Kind::NeedDict(need));
                    let _ = channel.send(message(server_msg::Kind::Control(Control { kind }))).await;
                    continue;
                }
            };
            let Ok(Some(received)) = received else { return };
            let answer = match &received.kind {
                Some(client_msg::Kind::Batch(batch)) => self.keep(batch),
                _ => {
                    let now = Millis(world.clock.millis());
                    match world.authority.answer(peer.as_ref(), &received, now) {
                        Some(answer) => answer,
                        None => return,
                    }
                }
            };
            if channel.send(answer).await.is_err() {
                return;
            }
        }
    }

    fn keep(&self, batch: &Batch) -> ServerMsg {
        check(batch).unwrap();
        let mut ack = Ack {
            stream: batch.stream,
            session_id: batch.session_id.clone(),
            credit_bytes: 4 << 20,
            ..Ack::default()
        };
        let is_gap = batch.encoding() == Encoding::GapV1;
        if self.refuse.lock().unwrap().contains(&batch.seq) && !is_gap {
            ack.nacks.push(Nack {
                seq: batch.seq,
                reason: NackReason::Malformed.into(),
                retry_after_ms: 0,
            });
            return message(server_msg::Kind::Ack(ack));
        }
        ack.ranges.push(weft_proto::v1::SeqRange {
            first: batch.seq,
            last: batch.seq,
        });
        let place = (batch.session_id.clone(), batch.stream, batch.seq);
        let mut kept = self.kept.lock().unwrap();
        kept.arrivals += 1;
        kept.batches.insert(place, batch.clone());
        message(server_msg::Kind::Ack(ack))
    }
}

fn message(kind: server_msg::Kind) -> ServerMsg {
    ServerMsg { kind: Some(kind) }
}
