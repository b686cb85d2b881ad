//! What happens at the limits: a full disk, a full head, senders that outrun the replay, records
//! that cannot be read.

use weft_disk::Fault;
use weft_journal::{Config as JournalConfig, Journal};

use super::senders::{Agent, write};
use super::*;
use crate::store::Verdict;
use crate::store::take::{TakeError, kind};

fn at(second: i64) -> i64 {
    NOW.0 - 3_600_000 + second * 1000
}

/// Writes one sample of a series for each second.
fn write_seconds(store: &Store, seconds: std::ops::Range<i64>) {
    for second in seconds {
        write(store, "seconds", &[(at(second), second as f64)]).unwrap();
    }
}

/// Writes samples that compress badly, in requests of 2000.
fn write_roots(store: &Store, count: i64) -> Vec<(i64, f64)> {
    let root = |n: i64| (at(0) + n * 10, (n as f64).sqrt());
    let samples: Vec<(i64, f64)> = (0..count).map(root).collect();
    for chunk in samples.chunks(2000) {
        write(store, "roots", chunk).unwrap();
    }
    samples
}

fn seconds(content: &Content) -> Vec<i64> {
    let times = content.iter().filter(|((name, _), _)| name == "seconds");
    times.map(|((_, time), _)| (time - at(0)) / 1000).collect()
}

fn range(seconds: std::ops::Range<i64>) -> Vec<i64> {
    seconds.collect()
}

#[test]
fn a_store_answers_before_its_replay_and_says_that_something_is_missing() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..10);
    store.flush().unwrap();
    write_seconds(&store, 10..20);
    let store = machine.crash(store, 1);
    assert!(store.replaying());
    let warning = store.replay_warning().unwrap();
    assert_eq!(
        warning,
        "journal replay in progress: 0 % done, recent samples may be missing"
    );
    assert_eq!(seconds(&content(&store)), range(0..10));
    finish(&store, &machine.stop);
    assert_eq!(store.replay_warning(), None);
    assert_eq!(seconds(&content(&store)), range(0..20));
    let status = store.replay_status();
    assert_eq!(
        (status.running, status.percent, status.records),
        (false, 100, 10)
    );
}

#[test]
fn what_is_written_during_a_replay_follows_what_was_there_before() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write(&store, "seconds", &[(at(0), 1.0)]).unwrap();
    let store = machine.crash(store, 1);
    // The later value of one time counts, also when it comes while the earlier one waits.
    let written = write(&store, "seconds", &[(at(0), 2.0), (at(1), 3.0)]).unwrap();
    assert_eq!(written.samples, 2);
    assert_eq!(content(&store), Content::new());
    finish(&store, &machine.stop);
    let values: Vec<u64> = content(&store).into_values().collect();
    assert_eq!(values, [2.0f64, 3.0].map(f64::to_bits));
    write(&store, "seconds", &[(at(2), 4.0)]).unwrap();
    assert_eq!(seconds(&content(&store)), range(0..3));
}

#[test]
fn a_batch_that_waits_in_the_journal_is_not_taken_twice() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    let mut agent = Agent::new(&["seconds"]);
    for second in 0..5 {
        let from = agent.tick(at(second), second as f64);
        assert!(agent.send(&store, from));
    }
    let bytes = store.samples.journal.bytes();
    let store = machine.crash(store, 1);
    assert!(agent.send(&store, 0));
    assert_eq!(store.samples.journal.bytes(), bytes);
    let from = agent.tick(at(5), 5.0);
    assert!(agent.send(&store, from));
    finish(&store, &machine.stop);
    assert_eq!(seconds(&content(&store)), range(0..6));
}

#[test]
fn a_flush_during_a_replay_keeps_what_is_not_applied() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    let samples = write_roots(&store, 40_000);
    let store = machine.crash(store, 1);
    store.flush().unwrap();
    let store = machine.crash(store, 2);
    assert!(store.samples.replay.from() <= store.samples.journal.start());
    assert!(SamplesReplay::new(&store).step(&machine.stop));
    let applied = store.samples.replay.applied_to();
    assert!(applied < store.samples.journal.end());
    store.flush().unwrap();
    write_seconds(&store, 0..10);
    store.flush().unwrap();
    let store = machine.crash(store, 3);
    // The next replay begins where this one was.
    assert_eq!(store.samples.replay.from(), applied);
    finish(&store, &machine.stop);
    let found = content(&store);
    assert_eq!(seconds(&found), range(0..10));
    assert_eq!(found.len(), samples.len() + 10);
}

#[test]
fn senders_that_outrun_the_replay_are_told_to_come_back() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..10);
    let mut store = machine.crash(store, 1);
    store.samples.behind_bytes_max = 500;
    let mut agent = Agent::new(&["seconds"]);
    let from = agent.tick(at(5000), 0.0);
    let mut taken = 10;
    let refused = loop {
        match write(&store, "seconds", &[(at(taken), 0.0)]) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, TakeError::Busy(_)), "{refused}");
    assert!(refused.retry_after().is_some());
    assert!(!agent.send(&store, from));
    finish(&store, &machine.stop);
    assert!(agent.send(&store, from));
    write_seconds(&store, taken..taken + 5);
    assert_eq!(seconds(&content(&store)).len() as i64, taken + 6);
}

#[test]
fn a_full_disk_lets_a_replay_answer_and_refuses_writes_until_there_is_space() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..10);
    let store = machine.crash(store, 1);
    machine.disk.set_fault(Some(Fault::Full { bytes: 0 }));
    let refused = write(&store, "seconds", &[(at(10), 0.0)]).unwrap_err();
    assert!(matches!(refused, TakeError::Unavailable(_)), "{refused}");
    let replay = SamplesReplay::new(&store);
    while replay.step(&machine.stop) {}
    assert_eq!(seconds(&content(&store)), range(0..10));
    assert_eq!(replay.finish(), crate::store::replay::Round::Blocked);
    machine.disk.set_fault(None);
    assert_eq!(replay.finish(), crate::store::replay::Round::Live);
    write_seconds(&store, 10..20);
    assert_eq!(seconds(&content(&store)), range(0..20));
}

#[test]
fn a_replay_that_is_larger_than_the_head_flushes_on_its_way() {
    let mut machine = Machine::new();
    let store = machine.open_and_replay();
    let samples = write_roots(&store, 100_000);
    machine.config.metrics.head_bytes_max = 16 * 256 * 1024;
    let store = machine.crash(store, 1);
    std::thread::scope(|scope| {
        let replay = scope.spawn(|| store.replay(2, &machine.stop));
        // What is in parts goes from memory as time goes on.
        let mut now = NOW.0;
        while !replay.is_finished() {
            now += 1;
            machine.clock.set_nanos(now * 1_000_000);
            std::thread::yield_now();
        }
    });
    assert!(!store.replaying());
    assert!(store.tsdb.status().parts > 0);
    let found = content(&store);
    assert_eq!(found.len(), samples.len());
    for (time, value) in samples {
        assert_eq!(found[&("roots".to_owned(), time)], value.to_bits());
    }
    assert_eq!(store.drops.counts(), []);
}

#[test]
fn a_head_that_is_full_refuses_what_it_cannot_hold() {
    let mut machine = Machine::new();
    machine.config.metrics.head_bytes_max = 16 * 128 * 1024;
    let store = machine.open_and_replay();
    let mut agent = Agent::new(&["seconds"]);
    let mut taken = 0;
    let refused = loop {
        let samples: Vec<(i64, f64)> = (0..500)
            .map(|n| (at(0) + taken * 500 + n, ((taken * 500 + n) as f64).sqrt()))
            .collect();
        match write(&store, "roots", &samples) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, TakeError::Busy(_)), "{refused}");
    assert!(store.must_flush_samples());
    let from = agent.tick(at(0), 1.0);
    assert!(!agent.send(&store, from));
    machine.clock.set_nanos((NOW.0 + 1) * 1_000_000);
    store.flush_samples_only().unwrap();
    store.maintain();
    assert!(agent.send(&store, from));
    write(&store, "roots", &[(at(3000), 0.0)]).unwrap();
}

#[test]
fn records_that_cannot_be_read_are_skipped_and_counted() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..5);
    drop(store);
    let disk = Arc::new(machine.disk.clone());
    let (journal, _) = Journal::open(disk, &machine.journal(), JournalConfig::default()).unwrap();
    for (kind, bytes) in [
        (kind::BATCH, &b"no batch"[..]),
        (kind::REMOTE_WRITE_1, b"no request"),
        (kind::REMOTE_WRITE_1_SNAPPY, b"\xff\xff\xff\xff\xff"),
        (kind::REMOTE_WRITE_2_SNAPPY, b""),
        (99, b"of a later version"),
    ] {
        journal.append(kind, &[bytes]).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    let store = machine.open_and_replay();
    assert_eq!(store.records_damaged(), 5);
    write_seconds(&store, 5..10);
    let store = machine.crash(store, 1);
    finish(&store, &machine.stop);
    assert_eq!(seconds(&content(&store)), range(0..10));
}

#[test]
fn a_segment_that_is_gone_or_damaged_costs_only_itself() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..10);
    drop(store);
    let names = file_names(&machine.disk, &machine.journal());
    let path = machine.journal().join(&names[0]);
    let bytes = machine.disk.files().into_iter().find(|(it, _)| *it == path);
    assert!(machine.disk.flip_bit(&path, bytes.unwrap().1 / 2, 3));
    let store = machine.open_and_replay();
    assert_eq!(store.records_damaged(), 1);
    assert_eq!(seconds(&content(&store)).len(), 9);
}

#[test]
fn writes_from_many_threads_during_a_replay_are_all_found() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    write_seconds(&store, 0..3000);
    let store = machine.crash(store, 1);
    std::thread::scope(|scope| {
        let store = &store;
        for thread in 0..3i64 {
            scope.spawn(move || {
                for n in 0..500 {
                    let second = 10_000 * (thread + 1) + n;
                    write(store, "seconds", &[(at(second) - 40_000_000, 0.0)]).unwrap();
                }
            });
        }
        store.replay(3, &machine.stop);
    });
    assert_eq!(seconds(&content(&store)).len(), 3000 + 3 * 500);
    let mut agent = Agent::new(&["other"]);
    agent.tick(at(0), 1.0);
    let taken = store.take(agent.sent.clone());
    assert!(taken.iter().all(|one| one.verdict == Verdict::Durable));
}
