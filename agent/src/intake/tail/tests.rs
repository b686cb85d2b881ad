//! Writers that do what writers do, an agent that crashes, and a receiver that stores what it does
//! not have: every line is stored once.

mod bench;
mod chaos;
mod copies;
mod partial;
mod rotation;

use self::bench::Bench;

#[test]
fn a_new_line_is_stored_with_its_streams_labels() {
    let mut bench = Bench::new("labels");
    bench.out("hello");
    bench.run();
    let line = &bench.store.lines[0];
    assert_eq!(
        (line.labels.get("container"), line.labels.get("pod")),
        ("web", "cart-1")
    );
    assert_eq!(line.body, "hello");
    assert_eq!(line.time, bench.last_time());
    bench.assert_stored_once();
}

#[test]
fn what_is_stored_and_not_acknowledged_is_sent_again_and_stored_once() {
    let mut bench = Bench::new("unacked");
    bench.acks = false;
    for n in 0..5 {
        bench.out(&format!("before {n}"));
        bench.run();
    }
    bench.crash();
    bench.acks = true;
    bench.out("after");
    bench.run();
    assert_eq!(bench.store.trimmed, 5);
    bench.assert_stored_once();
}

#[test]
fn what_is_acknowledged_is_not_read_again() {
    let mut bench = Bench::new("acked");
    for n in 0..5 {
        bench.out(&format!("before {n}"));
        bench.run();
    }
    bench.crash();
    bench.run();
    assert_eq!(bench.store.trimmed, 0);
    bench.assert_stored_once();
}

#[test]
fn batches_that_are_lost_with_the_agent_are_read_again() {
    let mut bench = Bench::new("lost");
    bench.out("first");
    bench.run();
    bench.delivers = false;
    bench.out("second");
    bench.err("third");
    bench.run();
    bench.crash();
    bench.delivers = true;
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn reading_pauses_at_the_window_and_goes_on_after_an_ack() {
    let mut bench = Bench::with_config("window", |config| {
        config.in_flight_bytes = 1;
        config.batch_bytes = 1;
    });
    bench.acks = false;
    for n in 0..3 {
        bench.out(&format!("line {n}"));
        bench.run();
    }
    assert_eq!(bench.store.lines.len(), 1);
    bench.acks = true;
    bench.ack_all();
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_pod_that_is_gone_at_once_is_still_read() {
    let mut bench = Bench::new("short");
    bench.run();
    bench.new_container("shop_job-1_77/job");
    bench.out("only line");
    bench.step(1);
    bench.remove_pod();
    bench.run();
    bench.assert_stored_once();
    // Its file is held a while longer, in case that somebody still writes to it.
    bench.step(61_000);
    bench.step(11_000);
    bench.run();
    assert_eq!(bench.streams(), 1);
}

#[test]
fn a_pod_of_the_same_name_is_another_stream() {
    let mut bench = Bench::new("again");
    bench.out("old pod");
    bench.run();
    bench.remove_pod();
    bench.run();
    bench.new_container("shop_cart-1_33/web");
    bench.out("new pod");
    bench.run();
    bench.assert_stored_once();
    let uids: Vec<_> = bench
        .store
        .lines
        .iter()
        .map(|line| line.labels.get("uid"))
        .collect();
    assert_eq!(uids, ["22", "33"]);
}

#[test]
fn a_restarted_container_begins_a_new_stream() {
    let mut bench = Bench::new("restart");
    bench.out("first run");
    bench.run();
    bench.restart_container();
    bench.out("second run");
    bench.run();
    bench.assert_stored_once();
    assert_eq!(bench.streams(), 2);
}

#[test]
fn streams_over_the_limit_are_counted() {
    let mut bench = Bench::with_config("limit", |config| config.streams_max = 1);
    bench.out("kept");
    bench.new_container("shop_more-1_44/web");
    bench.out("refused");
    bench.run();
    assert_eq!(bench.store.lines.len(), 1);
    assert!(bench.tally.refused_streams > 0);
}

#[test]
fn a_long_line_is_split_and_nothing_of_it_is_lost() {
    for bytes in [64 << 10, (256 << 10) - 40, 1 << 20, 5 << 20] {
        let mut bench = Bench::new(&format!("long-{bytes}"));
        bench.out("before");
        bench.out(&"x".repeat(bytes));
        bench.out("after");
        bench.run();
        let stored: usize = bench.store.lines.iter().map(|line| line.body.len()).sum();
        assert_eq!(stored, bytes + "before".len() + "after".len(), "{bytes}");
        assert_eq!(
            bench.store.bodies().last().map(String::as_str),
            Some("after")
        );
    }
}

#[test]
fn a_crash_within_a_long_line_loses_and_doubles_nothing() {
    let mut bench = Bench::with_config("long-crash", |config| config.batch_bytes = 1);
    bench.out(&"y".repeat(3 << 20));
    for _ in 0..12 {
        bench.step(5);
        bench.crash();
    }
    bench.run();
    let stored: usize = bench.store.lines.iter().map(|line| line.body.len()).sum();
    assert_eq!(stored, 3 << 20);
}
