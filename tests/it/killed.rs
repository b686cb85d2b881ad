//! Killed in the midst of a flush and in the midst of a merge: what was acknowledged is there, and
//! the files hold.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::http::{WrittenSeries, remote_write};
use crate::process::{Scratch, Weft, command};

/// Samples of one request: what it takes to write them can be seen from outside.
const SAMPLES: i64 = 4_000;

/// How often a kill may come too late, when the file is whole already.
const TRIES: usize = 20;

/// How long the next file is waited for, on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// Starts an aggregator that flushes and merges every second.
fn start(scratch: &Scratch) -> Weft {
    let config = scratch.path().join("weft.yaml");
    fs::write(&config, "aggregator:\n  flush_every: 1s\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    Weft::start(scratch.path(), "aggregator", &arguments)
}

/// Writes a series of its own with numbers that do not compress, hours ago, so that what is flushed
/// is to be merged at once.
fn write(weft: &Weft, number: usize, start_ms: i64) {
    let number = number.to_string();
    let labels = [("__name__", "acked_total"), ("number", number.as_str())];
    let value = |at: i64| f64::from((at as u32).wrapping_mul(2_654_435_761)).sqrt();
    let samples: Vec<(i64, f64)> = (0..SAMPLES)
        .map(|at| (start_ms + at * 200, value(at)))
        .collect();
    let body = remote_write(&[WrittenSeries {
        labels: &labels,
        samples: &samples,
    }]);
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Content-Encoding", "snappy"),
    ];
    let answer = weft.send("POST", "/api/v1/write", &headers, &body);
    assert_eq!(answer.status / 100, 2, "{}", answer.text());
}

/// Returns where the samples of a test begin: in a quarter of an hour that ended hours ago.
fn begin(weft: &Weft) -> i64 {
    const QUARTER_MS: i64 = 15 * 60_000;
    let now = (weft.number("time()", None).unwrap() * 1000.0) as i64;
    now / QUARTER_MS * QUARTER_MS - 12 * QUARTER_MS
}

fn is_unfinished(tsdb: &Path) -> bool {
    let names = fs::read_dir(tsdb).into_iter().flatten().flatten();
    let mut names = names.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".tmp"))
}

/// Looks, without rest, whether a part is being written.
fn sees_unfinished(weft: &Weft, within: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        if is_unfinished(&weft.data.join("tsdb")) {
            return true;
        }
    }
    false
}

/// Writes until the flush of it is seen, and kills the process then.
fn kill_in_a_flush(weft: &mut Weft) -> (usize, i64) {
    let start_ms = begin(weft);
    let begun = Instant::now();
    for number in 0.. {
        assert!(begun.elapsed() < DEADLINE, "a flush is seen");
        write(weft, number, start_ms);
        if number > 8 && sees_unfinished(weft, Duration::from_millis(100)) {
            weft.kill();
            return (number + 1, start_ms);
        }
    }
    unreachable!("the numbers do not end")
}

/// Writes and flushes; what is written to the disk when all is flushed is a merge. Kills the
/// process then.
fn kill_in_a_merge(weft: &mut Weft) -> (usize, i64) {
    let start_ms = begin(weft);
    let begun = Instant::now();
    for number in 0.. {
        assert!(begun.elapsed() < DEADLINE, "a merge is seen");
        write(weft, number, start_ms);
        assert_eq!(weft.send("POST", "/-/flush", &[], b"").status, 200);
        if sees_unfinished(weft, Duration::from_millis(100)) {
            weft.kill();
            return (number + 1, start_ms);
        }
    }
    unreachable!("the numbers do not end")
}

fn check_data(data: &Path, says: &str) {
    let output = command()
        .args(["check", "data"])
        .arg(data)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(says), "{says} is in:\n{text}");
}

/// Kills until a kill leaves a part unfinished, each time in a directory of its own.
fn survives(name: &str, kill: fn(&mut Weft) -> (usize, i64)) {
    for _ in 0..TRIES {
        let scratch = Scratch::new(name);
        let mut weft = start(&scratch);
        let (requests, start_ms) = kill(&mut weft);
        let in_the_midst = is_unfinished(&weft.data.join("tsdb"));
        check_data(&weft.data, "findings");
        weft.restart();
        let end = (start_ms + SAMPLES * 200) as f64 / 1000.0;
        let counted = weft.number("sum(count_over_time(acked_total[1h]))", Some(end));
        assert_eq!(counted, Some((requests as i64 * SAMPLES) as f64));
        assert!(weft.stop().0.success());
        check_data(&weft.data, "0 findings, 0 files set aside before");
        if in_the_midst {
            return;
        }
    }
    panic!("no kill of {TRIES} came in the midst of a write");
}

#[test]
fn a_kill_in_a_flush_leaves_what_was_acknowledged() {
    survives("flush", kill_in_a_flush);
}

#[test]
fn a_kill_in_a_merge_leaves_what_was_acknowledged() {
    survives("merge", kill_in_a_merge);
}
