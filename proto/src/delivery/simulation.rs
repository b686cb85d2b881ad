//! The whole way in one thread, from a seed: an agent, two collectors, an aggregator.
//!
//! Links lose, double and reorder messages and break; every node crashes and keeps only what it
//! had synced; collectors drop what they hold and tell so by gaps. At the end the faults stop.
//! Claimed: nothing that was acknowledged is lost, nothing is stored twice, and
//! produced = stored + counted drops.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::{Millis, SessionId, StreamKind};

use super::{Dedup, Inbox, Offer, SendWindow};
use crate::batch::BatchKey;
use crate::v1;

const SESSION: SessionId = SessionId(77);
const STREAM: StreamKind = StreamKind::Logs;
const ITEMS_MAX: u64 = 9;

/// A batch as it travels: the items it holds, or those of the batch whose gap it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parcel {
    seq: u64,
    items: u64,
    is_gap: bool,
}

fn key(seq: u64) -> BatchKey {
    BatchKey {
        session: SESSION,
        stream: STREAM,
        seq,
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// One direction of a connection. While it is faulty, any message may be lost or doubled and
/// they arrive in any order.
#[derive(Debug)]
struct Wire<M>(Vec<M>);

impl<M: Clone> Wire<M> {
    fn send(&mut self, message: M, random: &mut Random, is_faulty: bool) {
        if is_faulty && random.one_in(8) {
            return;
        }
        if is_faulty && random.one_in(8) {
            self.0.push(message.clone());
        }
        self.0.push(message);
    }

    fn receive(&mut self, random: &mut Random, is_faulty: bool) -> Option<M> {
        if self.0.is_empty() {
            return None;
        }
        let at = if is_faulty {
            random.below(self.0.len() as u64) as usize
        } else {
            0
        };
        Some(self.0.remove(at))
    }
}

/// Batches that are held until someone else has them, and the window through which they leave.
struct Outbox {
    /// What a crash leaves.
    durable: BTreeMap<u64, Parcel>,
    unsynced: BTreeMap<u64, Parcel>,
    /// What the window has been given.
    offered: BTreeSet<u64>,
    window: SendWindow<Parcel>,
}

impl Outbox {
    fn new() -> Outbox {
        Outbox {
            durable: BTreeMap::new(),
            unsynced: BTreeMap::new(),
            offered: BTreeSet::new(),
            window: SendWindow::new(),
        }
    }

    fn crash(&mut self) {
        self.unsynced.clear();
        self.offered.clear();
        self.window = SendWindow::new();
    }

    fn sync(&mut self) {
        self.durable.append(&mut self.unsynced);
    }

    fn next(&mut self, now: Millis) -> Option<Parcel> {
        while self.window.wants_more() {
            let fresh = self
                .durable
                .values()
                .find(|parcel| !self.offered.contains(&parcel.seq));
            let Some(parcel) = fresh.copied() else {
                break;
            };
            self.offered.insert(parcel.seq);
            self.window.push(key(parcel.seq), 1 + parcel.items, parcel);
        }
        self.window.next(now).map(|(_, parcel)| *parcel)
    }

    fn handle(&mut self, ack: &v1::Ack, now: Millis) {
        for (_, parcel) in self.window.handle_ack(ack, now).unwrap().acked {
            self.durable.remove(&parcel.seq);
            self.offered.remove(&parcel.seq);
        }
    }
}

/// A node that receives: what it appended, and how much of it is durable.
struct Receiver {
    journal: Vec<Parcel>,
    synced: usize,
    inbox: Inbox<usize>,
}

impl Receiver {
    fn new() -> Receiver {
        Receiver {
            journal: Vec::new(),
            synced: 0,
            inbox: Inbox::new(Dedup::new()),
        }
    }

    /// Takes a parcel in, and returns whether it was appended and what to answer at once.
    fn handle(&mut self, parcel: Parcel, now: Millis) -> (bool, Option<v1::Ack>) {
        match self.inbox.offer(key(parcel.seq)) {
            Offer::Store => {
                self.inbox
                    .appended(key(parcel.seq), self.journal.len(), now);
                self.journal.push(parcel);
                (true, None)
            }
            Offer::AckAgain => (false, Some(self.inbox.ack(SESSION, STREAM, 30))),
            Offer::Wait | Offer::TooFarAhead => (false, None),
        }
    }

    fn sync(&mut self, now: Millis) -> Option<v1::Ack> {
        self.synced = self.journal.len();
        let more = self.inbox.durable_to(self.synced, now);
        (!more.is_empty()).then(|| self.inbox.ack(SESSION, STREAM, 30))
    }

    fn crash(&mut self, kept: &[Parcel], now: Millis) {
        let mut dedup = Dedup::new();
        for parcel in kept {
            dedup.note(key(parcel.seq), now);
        }
        self.inbox = Inbox::new(Dedup::decode(&dedup.encode()).unwrap());
    }
}

struct Collector {
    receiver: Receiver,
    outbox: Outbox,
    up: Wire<Parcel>,
    down: Wire<v1::Ack>,
}

impl Collector {
    fn new() -> Collector {
        Collector {
            receiver: Receiver::new(),
            outbox: Outbox::new(),
            up: Wire(Vec::new()),
            down: Wire(Vec::new()),
        }
    }

    /// Loses all that was not synced; of its duplicates it knows only those that it still holds.
    fn crash(&mut self, now: Millis) {
        self.outbox.crash();
        let held: Vec<Parcel> = self.outbox.durable.values().copied().collect();
        self.receiver.journal.clear();
        self.receiver.synced = 0;
        self.receiver.crash(&held, now);
        self.up.0.clear();
        self.down.0.clear();
    }

    /// Drops its oldest batch as if its spool was full, and tells so in its place.
    fn drop_oldest(&mut self) {
        if let Some((seq, parcel)) = self.outbox.durable.iter_mut().next() {
            parcel.is_gap = true;
            self.outbox.window.forget(key(*seq));
            self.outbox.offered.remove(&parcel.seq);
        }
    }
}

struct World {
    random: Random,
    is_faulty: bool,
    now: Millis,
    produced: BTreeMap<u64, u64>,
    agent: Outbox,
    next_seq: u64,
    /// Which collector the agent is connected to.
    chosen: Option<usize>,
    up: Wire<Parcel>,
    down: Wire<v1::Ack>,
    collectors: [Collector; 2],
    aggregator: Receiver,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            random: Random(seed),
            is_faulty: true,
            now: Millis(0),
            produced: BTreeMap::new(),
            agent: Outbox::new(),
            next_seq: 1,
            chosen: None,
            up: Wire(Vec::new()),
            down: Wire(Vec::new()),
            collectors: [Collector::new(), Collector::new()],
            aggregator: Receiver::new(),
        }
    }

    /// A number is used up only by a batch that is durable at its origin.
    fn produce(&mut self) {
        let items = 1 + self.random.below(ITEMS_MAX);
        let seq = self.next_seq + self.agent.unsynced.len() as u64;
        let parcel = Parcel {
            seq,
            items,
            is_gap: false,
        };
        self.agent.unsynced.insert(seq, parcel);
    }

    fn sync_agent(&mut self) {
        for (seq, parcel) in &self.agent.unsynced {
            self.produced.insert(*seq, parcel.items);
        }
        self.next_seq += self.agent.unsynced.len() as u64;
        self.agent.sync();
    }

    fn connect_agent(&mut self) {
        self.up.0.clear();
        self.down.0.clear();
        self.chosen = Some(self.random.below(2) as usize);
        self.agent.window.connected(40);
    }

    fn connect_collector(&mut self, at: usize) {
        let collector = &mut self.collectors[at];
        collector.up.0.clear();
        collector.down.0.clear();
        collector.outbox.window.connected(40);
    }

    fn step_agent(&mut self) {
        let Some(chosen) = self.chosen else { return };
        if let Some(parcel) = self.agent.next(self.now) {
            self.up.send(parcel, &mut self.random, self.is_faulty);
        }
        if let Some(parcel) = self.up.receive(&mut self.random, self.is_faulty) {
            let collector = &mut self.collectors[chosen];
            let (is_new, ack) = collector.receiver.handle(parcel, self.now);
            if is_new {
                collector.outbox.unsynced.insert(parcel.seq, parcel);
            }
            if let Some(ack) = ack {
                self.down.send(ack, &mut self.random, self.is_faulty);
            }
        }
        if let Some(ack) = self.down.receive(&mut self.random, self.is_faulty) {
            self.agent.handle(&ack, self.now);
        }
    }

    fn step_collector(&mut self, at: usize) {
        let World {
            random,
            is_faulty,
            now,
            aggregator,
            collectors,
            ..
        } = self;
        let collector = &mut collectors[at];
        if let Some(parcel) = collector.outbox.next(*now) {
            collector.up.send(parcel, random, *is_faulty);
        }
        if let Some(parcel) = collector.up.receive(random, *is_faulty) {
            let (_, ack) = aggregator.handle(parcel, *now);
            if let Some(ack) = ack {
                collector.down.send(ack, random, *is_faulty);
            }
        }
        if let Some(ack) = collector.down.receive(random, *is_faulty) {
            collector.outbox.handle(&ack, *now);
        }
    }

    fn sync_collector(&mut self, at: usize) {
        let collector = &mut self.collectors[at];
        collector.outbox.sync();
        let ack = collector.receiver.sync(self.now);
        if let Some(ack) = ack.filter(|_| self.chosen == Some(at)) {
            self.down.send(ack, &mut self.random, self.is_faulty);
        }
    }

    fn sync_aggregator(&mut self) {
        if let Some(ack) = self.aggregator.sync(self.now) {
            for collector in &mut self.collectors {
                collector
                    .down
                    .send(ack.clone(), &mut self.random, self.is_faulty);
            }
        }
    }

    fn crash_aggregator(&mut self) {
        let synced = self.aggregator.synced;
        self.aggregator.journal.truncate(synced);
        let kept = self.aggregator.journal.clone();
        self.aggregator.crash(&kept, self.now);
        for collector in &mut self.collectors {
            collector.up.0.clear();
            collector.down.0.clear();
            collector.outbox.window.disconnected();
        }
    }

    fn crash_collector(&mut self, at: usize) {
        self.collectors[at].crash(self.now);
        if self.chosen == Some(at) {
            self.chosen = None;
            self.agent.window.disconnected();
        }
    }

    fn crash_agent(&mut self) {
        self.agent.crash();
        self.chosen = None;
    }

    /// One thing happens, most often something ordinary.
    fn happen(&mut self) {
        self.now = self.now.plus(1);
        let at = self.random.below(2) as usize;
        match self.random.below(100) {
            0..15 => self.produce(),
            15..22 => self.sync_agent(),
            22..45 => self.step_agent(),
            45..70 => self.step_collector(at),
            70..77 => self.sync_collector(at),
            77..84 => self.sync_aggregator(),
            84..88 => self.connect_agent(),
            88..93 => self.connect_collector(at),
            93..95 => self.collectors[at].drop_oldest(),
            95 => self.crash_agent(),
            96..98 => self.crash_collector(at),
            _ => self.crash_aggregator(),
        }
    }

    /// Ends all faults and goes on until nothing moves any longer.
    fn settle(&mut self) {
        self.is_faulty = false;
        self.sync_agent();
        let mut rounds = 0;
        while !self.is_settled() {
            self.connect_agent();
            for at in 0..2 {
                self.connect_collector(at);
            }
            for _ in 0..40 {
                self.now = self.now.plus(1);
                self.step_agent();
                for at in 0..2 {
                    self.sync_collector(at);
                    self.step_collector(at);
                }
                self.sync_aggregator();
            }
            rounds += 1;
            assert!(rounds < 100, "something is never delivered");
        }
    }

    /// What was acknowledged to its producer must be durable further down.
    fn check_nothing_is_lost(&self, seed: u64) {
        let synced = &self.aggregator.journal[..self.aggregator.synced];
        let mut held: BTreeSet<u64> = synced.iter().map(|parcel| parcel.seq).collect();
        held.extend(self.agent.durable.keys());
        held.extend(self.collectors.iter().flat_map(|c| c.outbox.durable.keys()));
        let lost = self.produced.keys().find(|seq| !held.contains(seq));
        assert_eq!(lost, None, "seed {seed}: acknowledged and lost");
    }

    fn is_settled(&self) -> bool {
        let empty = |outbox: &Outbox| outbox.durable.is_empty() && outbox.unsynced.is_empty();
        empty(&self.agent)
            && self
                .collectors
                .iter()
                .all(|collector| empty(&collector.outbox))
    }
}

fn check(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..20 {
        (0..20).for_each(|_| world.happen());
        world.check_nothing_is_lost(seed);
    }
    world.settle();
    let mut accounted = BTreeMap::new();
    for parcel in &world.aggregator.journal {
        let before = accounted.insert(parcel.seq, parcel.items);
        assert_eq!(before, None, "seed {seed}: {parcel:?} is stored twice");
    }
    assert_eq!(
        accounted, world.produced,
        "seed {seed}: produced = stored + dropped"
    );
    let watermark = world.aggregator.inbox.durable().watermark(SESSION, STREAM);
    assert_eq!(watermark, world.next_seq - 1, "seed {seed}");
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_stored_twice() {
    for seed in 0..3000 {
        check(seed);
    }
}

#[test]
fn the_simulation_is_not_idle() {
    let mut stored = 0;
    let mut dropped = 0;
    for seed in 0..100 {
        let mut world = World::new(seed);
        (0..400).for_each(|_| world.happen());
        stored += world
            .aggregator
            .journal
            .iter()
            .filter(|parcel| !parcel.is_gap)
            .count();
        dropped += world
            .aggregator
            .journal
            .iter()
            .filter(|parcel| parcel.is_gap)
            .count();
    }
    assert!(
        stored > 500 && dropped > 20,
        "{stored} stored, {dropped} dropped"
    );
}
