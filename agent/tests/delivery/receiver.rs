//! A receiver that enrols, acknowledges, trims what it has, and keeps what it got.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use weft_link::{
    Authority, AuthorityOptions, Inbound, Listener, ListenerOptions, PeerId, Role, ServerChannel,
    TokenGrant,
};
use weft_model::{Labels, Millis, SessionId, is_stale};
use weft_proto::batch::check;
use weft_proto::delivery::{Admission, Dedup};
use weft_proto::payload::{DictPart, Dictionaries, decode_dict, decode_logs, decode_metrics};
use weft_proto::v1::{self, client_msg, control, server_msg};
use weft_proto::{RangeSet, convert};
use weft_stdx::Clock;

const CREDIT: u64 = 1 << 20;

/// What was received.
#[derive(Debug, Default)]
pub(crate) struct Got {
    pub(crate) lines: Vec<String>,
    pub(crate) dictionaries: usize,
    samples: BTreeMap<String, Vec<(Millis, f64)>>,
}

impl Got {
    pub(crate) fn series(&self, name: &str) -> bool {
        self.samples.contains_key(name)
    }

    pub(crate) fn times(&self, name: &str) -> Vec<Millis> {
        self.samples
            .get(name)
            .into_iter()
            .flatten()
            .map(|(time, _)| *time)
            .collect()
    }

    pub(crate) fn is_ended(&self, name: &str) -> bool {
        self.samples
            .get(name)
            .and_then(|all| all.last())
            .is_some_and(|(_, value)| is_stale(*value))
    }
}

/// All that outlives a channel.
#[derive(Default)]
struct State {
    got: Got,
    dedup: Dedup,
    dictionaries: HashMap<SessionId, Dictionaries>,
    labels: HashMap<(SessionId, u32, u32), Labels>,
    covered: HashMap<(u64, u64), RangeSet>,
    session: Option<SessionId>,
    epoch: u32,
}

struct Shared {
    authority: Authority,
    state: Mutex<State>,
    changed: Notify,
    refuses: watch::Sender<bool>,
    asks: Notify,
}

pub(crate) struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(ca: &Path) -> Receiver {
        let (clock, now) = (Clock::system(), Millis(Clock::system().millis()));
        let authority = Authority::open_or_create(ca, AuthorityOptions::default(), now).unwrap();
        let peer = PeerId::new(Role::Aggregator, "receiver").unwrap();
        let identity = authority
            .issue(&peer, &["127.0.0.1".to_owned()], now)
            .unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = ListenerOptions::default();
        let listener = Listener::bind(any, &identity, options, clock)
            .await
            .unwrap();
        let address = listener.local_addr();
        let shared = Arc::new(Shared {
            authority,
            state: Mutex::default(),
            changed: Notify::new(),
            refuses: watch::channel(false).0,
            asks: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Receiver {
            shared,
            address,
            _tasks: tasks,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn token(&self) -> String {
        let lifetime = Duration::from_secs(3600);
        let grant = TokenGrant {
            role: Role::Agent,
            lifetime,
            uses: None,
        };
        let now = Millis(Clock::system().millis());
        self.shared
            .authority
            .create_token(grant, now)
            .unwrap()
            .to_string()
    }

    pub(crate) fn got(&self) -> impl std::ops::Deref<Target = Got> + std::fmt::Debug + '_ {
        GotGuard(self.shared.state())
    }

    pub(crate) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Refuses every channel, or accepts them again.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.send_replace(refuses);
    }

    pub(crate) fn ask_for_dictionary(&self) {
        self.shared.asks.notify_one();
    }
}

struct GotGuard<'a>(MutexGuard<'a, State>);

impl std::ops::Deref for GotGuard<'_> {
    type Target = Got;

    fn deref(&self) -> &Got {
        &self.0.got
    }
}

impl std::fmt::Debug for GotGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let got = &self.0.got;
        let series = got.samples.len();
        write!(
            f,
            "{:?}, {series} names, {} dictionaries",
            got.lines, got.dictionaries
        )
    }
}

impl State {
    fn need_dict(&self) -> v1::NeedDict {
        v1::NeedDict {
            session_id: convert::session_bytes(self.session.unwrap()).to_vec(),
            dict_epoch: self.epoch,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(mut listener: Listener, shared: Arc<Shared>) {
    let mut channels = JoinSet::new();
    while let Some(Inbound { peer, channel, .. }) = listener.accept().await {
        channels.spawn(serve(peer, channel, Arc::clone(&shared)));
    }
}

async fn serve(peer: Option<PeerId>, mut channel: ServerChannel, shared: Arc<Shared>) {
    let Ok(Some(v1::ClientMsg {
        kind: Some(client_msg::Kind::Hello(hello)),
    })) = channel.recv().await
    else {
        return;
    };
    let is_control = hello.stream() == v1::Stream::Control;
    if *shared.refuses.borrow() && !is_control {
        return channel
            .refuse(v1::RefusedReason::Unavailable, "not now", 0)
            .await;
    }
    let now_ms = Clock::system().millis();
    let durable_seq = match (
        convert::session_id(&hello.session_id),
        convert::stream_kind(hello.stream),
    ) {
        (Ok(session), Ok(stream)) => shared.state().dedup.watermark(session, stream),
        _ => 0,
    };
    let version = "test".to_owned();
    let welcome = v1::Welcome {
        version,
        durable_seq,
        credit_bytes: CREDIT,
        now_ms,
    };
    if channel
        .send(message(server_msg::Kind::Welcome(welcome)))
        .await
        .is_err()
    {
        return;
    }
    let is_metrics = hello.stream() == v1::Stream::Metrics;
    loop {
        let received = tokio::select! {
            received = channel.recv() => received,
            () = shared.asks.notified(), if is_metrics => {
                let need = shared.state().need_dict();
                let kind = Some(control::Kind::NeedDict(need));
                let _ = channel.send(message(server_msg::Kind::Control(v1::Control { kind }))).await;
                continue;
            }
        };
        let Ok(Some(received)) = received else { return };
        if is_control {
            let now = Millis(Clock::system().millis());
            if let Some(answer) = shared.authority.answer(peer.as_ref(), &received, now) {
                let _ = channel.send(answer).await;
            }
            continue;
        }
        let Some(client_msg::Kind::Batch(batch)) = received.kind else {
            return;
        };
        let ack = take(&mut shared.state(), &batch);
        shared.changed.notify_waiters();
        if channel
            .send(message(server_msg::Kind::Ack(ack)))
            .await
            .is_err()
        {
            return;
        }
    }
}

fn take(state: &mut State, batch: &v1::Batch) -> v1::Ack {
    let key = check(batch).unwrap();
    if state.dedup.admit(key, Millis(0)) == Admission::New {
        match batch.encoding() {
            v1::Encoding::LogsV1 => take_logs(state, batch),
            v1::Encoding::DictV1 => take_dict(state, key.session, batch),
            v1::Encoding::MetricsV1 => take_metrics(state, key.session, batch),
            other => panic!("unexpected {other:?}"),
        }
    }
    state.dedup.ack(key.session, key.stream, CREDIT)
}

fn take_logs(state: &mut State, batch: &v1::Batch) {
    for mut part in decode_logs(&batch.payload).unwrap() {
        let covered = state
            .covered
            .entry((part.head.stream_key, part.head.segment))
            .or_default();
        part.trim(covered);
        part.cover(covered);
        assert_eq!(part.head.labels.get("job"), "test");
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
        state
            .got
            .lines
            .extend(part.lines().map(|line| text(line.body)));
    }
}

fn take_dict(state: &mut State, session: SessionId, batch: &v1::Batch) {
    let part = decode_dict(&batch.payload).unwrap();
    state
        .dictionaries
        .entry(session)
        .or_default()
        .apply(&part)
        .unwrap();
    state.got.dictionaries += 1;
    state.session = Some(session);
    match part {
        DictPart::Series(part) => {
            state.epoch = part.epoch;
            for (number, series) in (part.first..).zip(part.series) {
                state
                    .labels
                    .insert((session, part.numbering, number), series.labels);
            }
        }
        DictPart::Rebase(rebase) => state.epoch = rebase.epoch,
    }
}

fn take_metrics(state: &mut State, session: SessionId, batch: &v1::Batch) {
    let dictionaries = &state.dictionaries[&session];
    let samples = decode_metrics(&batch.payload, dictionaries).unwrap();
    for tick in samples.ticks() {
        for (number, value) in tick.series.iter().zip(tick.values) {
            let labels = &state.labels[&(session, samples.numbering, *number)];
            assert_eq!(labels.get("instance"), "node-1");
            let name = labels.name().to_owned();
            state
                .got
                .samples
                .entry(name)
                .or_default()
                .push((tick.time, *value));
        }
    }
}

fn message(kind: server_msg::Kind) -> v1::ServerMsg {
    v1::ServerMsg { kind: Some(kind) }
}
