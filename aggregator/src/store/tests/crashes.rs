//! Every acknowledged sample is found once, whenever the power goes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weft_model::StreamKind;

use super::senders::{Agent, SESSION, write};
use super::*;

/// What was written: for each series and time the value acknowledged last, and those tried since.
#[derive(Default)]
struct Model(BTreeMap<(String, i64), Tried>);

#[derive(Default)]
struct Tried {
    acknowledged: Option<u64>,
    later: Vec<u64>,
}

impl Model {
    fn wrote(&mut self, series: &str, time: i64, value: f64, acknowledged: bool) {
        let tried = self.0.entry((series.to_owned(), time)).or_default();
        if acknowledged {
            tried.acknowledged = Some(value.to_bits());
            tried.later.clear();
        } else {
            tried.later.push(value.to_bits());
        }
    }

    /// Checks what a store answers after its replay.
    fn check(&self, found: &Content) {
        self.check_partial(found);
        for (key, tried) in &self.0 {
            let is_there = found.contains_key(key);
            assert!(tried.acknowledged.is_none() || is_there, "{key:?} is lost");
            let Some(value) = found.get(key) else {
                continue;
            };
            let may_be = tried.acknowledged == Some(*value) || tried.later.contains(value);
            assert!(may_be, "{key:?} is {}", f64::from_bits(*value));
        }
    }

    /// Checks that nothing is there that was never written.
    fn check_partial(&self, found: &Content) {
        for key in found.keys() {
            assert!(self.0.contains_key(key), "{key:?} was never written");
        }
    }
}

/// One thing that happens to the store.
#[derive(Clone, Debug)]
enum Event {
    Write {
        series: u8,
        times: Vec<u8>,
    },
    Tick {
        time: u8,
    },
    Resend,
    Flush,
    Maintain,
    /// So many runs of a replay, if it goes on.
    Step(u8),
    GoLive,
    Crash,
    /// The power goes after so many operations of the disk from here on.
    CutAfter(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let times = proptest::collection::vec(0..40u8, 1..4);
    prop_oneof![
        6 => (0..4u8, times).prop_map(|(series, times)| Event::Write { series, times }),
        4 => (0..40u8).prop_map(|time| Event::Tick { time }),
        1 => Just(Event::Resend),
        2 => Just(Event::Flush),
        1 => Just(Event::Maintain),
        2 => (1..4u8).prop_map(Event::Step),
        2 => Just(Event::GoLive),
        1 => Just(Event::Crash),
        2 => (0..30u8).prop_map(Event::CutAfter),
    ]
}

/// A store with those who write to it.
struct World {
    machine: Machine,
    store: Option<Store>,
    model: Model,
    agent: Agent,
    acknowledged: usize,
    value: f64,
    seed: u64,
}

const AGENT_SERIES: [&str; 2] = ["agent_a", "agent_b"];

impl World {
    fn new(seed: u64) -> World {
        let machine = Machine::new();
        World {
            store: Some(machine.open()),
            machine,
            model: Model::default(),
            agent: Agent::new(&AGENT_SERIES),
            acknowledged: 0,
            value: 0.0,
            seed,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Write { series, times } => self.write(*series, times),
            Event::Tick { time } => self.tick(*time),
            Event::Resend => {
                self.agent.send(self.store(), 0);
            }
            Event::Flush => drop(self.store().flush()),
            Event::Maintain => drop(self.store().maintain()),
            Event::Step(runs) => self.step(*runs),
            Event::GoLive => self.go_live(),
            Event::Crash => self.crash(),
            Event::CutAfter(operations) => {
                self.machine.disk.cut_power_after((*operations).into());
            }
        }
    }

    fn write(&mut self, series: u8, times: &[u8]) {
        let name = format!("written_{series}");
        let mut samples = Vec::new();
        for time in times {
            self.value += 1.0;
            samples.push((NOW.0 - 60_000 + i64::from(*time), self.value));
        }
        let acknowledged = write(self.store(), &name, &samples).is_ok();
        for (time, value) in samples {
            self.model.wrote(&name, time, value, acknowledged);
        }
    }

    fn tick(&mut self, time: u8) {
        self.value += 1.0;
        let time = NOW.0 - 60_000 + i64::from(time);
        self.agent.tick(time, self.value);
        let acknowledged = self.agent.send(self.store(), self.acknowledged);
        for name in AGENT_SERIES {
            self.model.wrote(name, time, self.value, acknowledged);
        }
        if acknowledged {
            self.acknowledged = self.agent.sent.len();
        }
    }

    fn step(&mut self, runs: u8) {
        if self.store().replaying() {
            assert!(self.store().replay_warning().is_some());
            self.store().recall_dictionaries();
            let replay = SamplesReplay::new(self.store());
            for _ in 0..runs {
                replay.step(&self.machine.stop);
            }
        }
        self.model.check_partial(&content(self.store()));
    }

    fn go_live(&mut self) {
        if self.store().replaying() {
            self.store().recall_dictionaries();
            let replay = SamplesReplay::new(self.store());
            while replay.step(&self.machine.stop) {}
            replay.finish();
        }
    }

    fn crash(&mut self) {
        self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1);
        let store = self.store.take().unwrap();
        self.store = Some(self.machine.crash(store, self.seed));
    }

    /// After a last crash everything is checked.
    fn check(mut self) {
        self.crash();
        let durable = self.store().durable_seq(SESSION, StreamKind::Metrics);
        assert!(durable >= self.acknowledged as u64, "{durable} is durable");
        finish(self.store(), &self.machine.stop);
        self.model.check(&content(self.store()));
        // What was not acknowledged is sent again, and what was, too.
        assert!(self.agent.send(self.store(), 0));
        let found = content(self.store());
        let agents = |(name, _): &&(String, i64)| AGENT_SERIES.contains(&name.as_str());
        for key in self.model.0.keys().filter(agents) {
            assert!(found.contains_key(key), "{key:?} is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_acknowledged_sample_is_found_once(
        events in proptest::collection::vec(event(), 1..40),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(seed);
        for event in &events {
            world.happen(event);
        }
        world.check();
    }
}

/// The same events, and the power goes after each operation of the disk in turn.
fn check_every_cut(events: &[Event]) {
    for operations in 0.. {
        let mut world = World::new(operations);
        world.go_live();
        let before = world.machine.disk.operations();
        world.machine.disk.cut_power_after(operations);
        for event in events {
            world.happen(event);
        }
        let used = world.machine.disk.operations() - before;
        world.check();
        if operations > used {
            return;
        }
    }
}

#[test]
fn the_power_may_go_between_append_apply_flush_checkpoint_and_trim() {
    let write = |series, time| Event::Write {
        series,
        times: vec![time],
    };
    check_every_cut(&[
        write(0, 1),
        Event::Tick { time: 1 },
        Event::Flush,
        write(0, 2),
        Event::Tick { time: 2 },
        Event::Flush,
        write(1, 1),
    ]);
}

#[test]
fn the_power_may_go_at_any_time_of_a_replay_with_writes_coming_in() {
    let write = |time| Event::Write {
        series: 0,
        times: vec![time],
    };
    for cut in 0..40 {
        let mut world = World::new(cut);
        world.go_live();
        for time in 0..5 {
            world.happen(&write(time));
            world.happen(&Event::Tick { time });
        }
        world.happen(&Event::Crash);
        world.machine.disk.cut_power_after(cut);
        for event in [
            write(5),
            Event::Tick { time: 5 },
            Event::Step(1),
            Event::Flush,
            write(6),
            Event::GoLive,
            write(7),
            Event::Tick { time: 7 },
            Event::Flush,
        ] {
            world.happen(&event);
        }
        world.check();
    }
}
