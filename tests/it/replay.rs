//! Killed while it takes in, asked while it reads its journal: no answer lacks what was
//! acknowledged without saying so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::http::{self, WrittenSeries, escaped, remote_write};
use crate::process::{Scratch, Weft};

/// Senders that write at the same time.
const SENDERS: usize = 2;

/// Requests that must be acknowledged before the process is killed.
const REQUESTS: usize = 40;

/// Samples of one request.
const SAMPLES: i64 = 2000;

/// Where the samples of all senders begin, some time ago.
const START_MS: i64 = 1_000;

fn now_ms(weft: &Weft) -> i64 {
    (weft.number("time()", None).unwrap() * 1000.0) as i64
}

/// Writes the request with a number; tells whether it was acknowledged.
fn write(http: u16, sender: usize, number: usize, start_ms: i64) -> bool {
    let sender = sender.to_string();
    let labels = [("__name__", "acked_total"), ("sender", sender.as_str())];
    let first = number as i64 * SAMPLES;
    let samples: Vec<(i64, f64)> = (first..first + SAMPLES)
        .map(|n| (start_ms + n, (n as f64).sqrt()))
        .collect();
    let body = remote_write(&[WrittenSeries {
        labels: &labels,
        samples: &samples,
    }]);
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Content-Encoding", "snappy"),
    ];
    let answer = http::request(http, "POST", "/api/v1/write", &headers, &body);
    answer.is_some_and(|it| it.status / 100 == 2)
}

/// Kills the process while senders write, and returns how many requests were acknowledged.
fn kill_under_load(weft: &mut Weft, start_ms: i64) -> usize {
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let port = weft.http;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (acknowledged, stop) = (&acknowledged, &stop);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Relaxed) || !write(port, sender, number, start_ms) {
                        return;
                    }
                    acknowledged.fetch_add(1, Relaxed);
                }
            });
        }
        weft.wait("acknowledgements", |_| {
            (acknowledged.load(Relaxed) >= REQUESTS).then_some(())
        });
        weft.kill();
        stop.store(true, Relaxed);
    });
    acknowledged.into_inner()
}

/// What one question was answered: how many samples, and whether some may be missing.
fn ask(weft: &Weft, time_ms: i64) -> Option<(usize, bool)> {
    let query = escaped("sum(count_over_time(acked_total[1h]))");
    let target = format!("/api/v1/query?query={query}&time={}", time_ms / 1000);
    let answer = http::request(weft.http, "GET", &target, &[], b"")?;
    if answer.status != 200 {
        return None;
    }
    let json = answer.json();
    let count = json["data"]["result"][0]["value"][1].as_str();
    let warnings = json["warnings"].as_array().into_iter().flatten();
    let warned = warnings.filter_map(|it| it.as_str());
    let warned = warned.filter(|it| it.starts_with("journal replay in progress"));
    Some((
        count.map_or(0, |it| it.parse().unwrap()),
        warned.count() > 0,
    ))
}

#[test]
fn no_answer_lacks_what_was_acknowledged_without_saying_so() {
    let scratch = Scratch::new("replay");
    let mut weft = Weft::start(scratch.path(), "aggregator", &[]);
    let time_ms = now_ms(&weft);
    let start_ms = time_ms - 30 * 60_000 + START_MS;
    let acknowledged = kill_under_load(&mut weft, start_ms) * SAMPLES as usize;
    weft.spawn();
    let mut warned = 0;
    let found = weft.wait("an answer without warning", |weft| {
        let (found, is_warned) = ask(weft, time_ms)?;
        if is_warned {
            warned += 1;
            return None;
        }
        assert!(found >= acknowledged, "{found} of {acknowledged}, unsaid");
        Some(found)
    });
    // A request may have been stored whose answer was not received any more.
    assert!(
        found <= acknowledged + SENDERS * SAMPLES as usize,
        "{found}"
    );
    let replay = weft.get("/api/v1/status/walreplay").json();
    assert_eq!(replay["data"]["state"], "done", "after {warned} warnings");
    let status = weft.get("/weft/v1/status").json();
    assert_eq!(status["replay"]["running"], false);
    assert_eq!(status["replay"]["percent"], 100);
    let metrics = weft.get("/metrics").text();
    assert!(metrics.contains("weft_aggregator_replay_seconds"));
    assert!(write(weft.http, SENDERS, 0, start_ms));
}
