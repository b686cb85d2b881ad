//! A wrong configuration, an occupied port, a second process, hostile input: one clear line each.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use crate::http::{WrittenSeries, remote_write};
use crate::process::{Scratch, Weft, command, free_port};

const WRITE: [(&str, &str); 2] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
];

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stderr,
        stdout,
    } = command().args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&stderr) + String::from_utf8_lossy(&stdout);
    (status.code(), said.into_owned())
}

/// Starts an aggregator that must refuse to run, and returns what it said.
fn refused(scratch: &Scratch, extra: &[&str]) -> (Option<i32>, String) {
    let data = scratch.path().join("data");
    let mut arguments = vec!["aggregator", "--data", data.to_str().unwrap()];
    arguments.extend_from_slice(extra);
    run(&arguments)
}

fn check(found: (Option<i32>, String), code: i32, parts: &[&str]) {
    let (status, said) = found;
    assert_eq!(status, Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let scratch = Scratch::new("config");
    let file = scratch.path().join("weft.yaml");
    fs::write(
        &file,
        "agent: {intervall: 1s, interval: soon}\naggregator: {http: nowhere}\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let parts = [
        "agent.intervall",
        "did you mean agent.interval?",
        "agent.interval: \"soon\"",
        "aggregator.http",
    ];
    check(run(&["check", "config", path]), 2, &parts);
    check(run(&["aggregator", "--config", path]), 2, &parts);
    fs::write(&file, "agent: [").unwrap();
    check(run(&["check", "config", path]), 2, &[path]);
    check(
        run(&["check", "config", "/nonexistent/weft.yaml"]),
        2,
        &["/nonexistent/weft.yaml"],
    );
}

#[test]
fn an_occupied_port_is_named() {
    let scratch = Scratch::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = taken.local_addr().unwrap().to_string();
    let admin = format!("127.0.0.1:{}", free_port());
    let ingest = format!("127.0.0.1:{}", free_port());
    check(
        refused(
            &scratch,
            &["--http", &http, "--admin", &admin, "--ingest", &ingest],
        ),
        1,
        &[&http],
    );
    check(
        refused(
            &scratch,
            &["--http", &admin, "--admin", &http, "--ingest", &ingest],
        ),
        1,
        &[&http],
    );
    check(
        refused(
            &scratch,
            &["--http", &admin, "--admin", &admin, "--ingest", &http],
        ),
        1,
        &["127.0.0.1"],
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let scratch = Scratch::new("data");
    let file = scratch.path().join("data");
    fs::write(&file, "in the way").unwrap();
    check(refused(&scratch, &[]), 1, &[file.to_str().unwrap()]);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let scratch = Scratch::new("second");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    let local = || format!("127.0.0.1:{}", free_port());
    let (http, admin, ingest) = (local(), local(), local());
    let found = refused(
        &scratch,
        &["--http", &http, "--admin", &admin, "--ingest", &ingest],
    );
    check(
        found,
        1,
        &["in use by process", weft.data.to_str().unwrap()],
    );
    assert_eq!(weft.get("/-/ready").status, 200);
}

#[test]
fn hostile_requests_get_a_status_and_stop_nothing() {
    let scratch = Scratch::new("hostile");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    let now = (weft.number("time()", None).unwrap() * 1000.0) as i64;
    let samples = [(now, 1.0)];
    let write = |body: &[u8]| weft.send("POST", "/api/v1/write", &WRITE, body).status;

    for garbage in [
        &b""[..],
        b"\xff\xff\xff\xff\xff",
        b"not snappy at all",
        &[0x80; 64],
    ] {
        assert!(
            write(garbage) / 100 == 4 || garbage.is_empty(),
            "{garbage:?}"
        );
    }
    let truncated = remote_write(&[WrittenSeries {
        labels: &[("__name__", "a")],
        samples: &samples,
    }]);
    assert_eq!(write(&truncated[..truncated.len() / 2]), 400);

    let huge = "x".repeat(10 << 20);
    let hostile = [("__name__", "hostile"), ("value", huge.as_str())];
    let many: Vec<(String, String)> = (0..10_000)
        .map(|n| (format!("l{n:05}"), "v".to_owned()))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let good = [("__name__", "good")];
    for labels in [&hostile[..], &many[..]] {
        let body = remote_write(&[
            WrittenSeries {
                labels,
                samples: &samples,
            },
            WrittenSeries {
                labels: &good,
                samples: &samples,
            },
        ]);
        assert_eq!(write(&body), 400);
    }
    assert_eq!(
        weft.number("good", None),
        Some(1.0),
        "the good series of a bad request is kept"
    );
    assert_eq!(weft.number("count(hostile)", None), None);

    let push = |body: &str| {
        weft.send(
            "POST",
            "/loki/api/v1/push",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        )
        .status
    };
    for body in [
        "",
        "{",
        "[]",
        r#"{"streams": 5}"#,
        r#"{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}"#,
    ] {
        assert_eq!(push(body), 400, "{body}");
    }
    for query in ["", "sum(", "{", "rate(a)", "a offset", "((((((", "1 +"] {
        let target = format!("/api/v1/query?query={}", crate::http::escaped(query));
        let answer = weft.get(&target);
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert_eq!(answer.json()["errorType"], "bad_data", "{query}");
    }
    let deep = "(".repeat(100_000) + "1" + &")".repeat(100_000);
    let body = format!("query={deep}");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(
        weft.send("POST", "/api/v1/query", &form, body.as_bytes())
            .status,
        400
    );
    assert_eq!(weft.get("/nowhere").status, 404);
    assert_eq!(weft.get("/-/ready").status, 200);
    assert!(!weft.log().contains("panicked"), "{}", weft.log());
}

#[test]
fn strangers_on_the_ingest_port_get_nowhere() {
    use std::io::{Read, Write};
    let scratch = Scratch::new("strangers");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", weft.ingest)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "plain text was answered");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 20, 1200] {
        udp.send_to(&vec![0xc3; length], ("127.0.0.1", weft.ingest))
            .unwrap();
    }
    assert_eq!(weft.get("/-/ready").status, 200);
}

#[test]
fn a_damaged_journal_is_survived_and_said() {
    let scratch = Scratch::new("damaged");
    let mut weft = Weft::start(scratch.path(), "aggregator", &[]);
    let now = (weft.number("time()", None).unwrap() * 1000.0) as i64;
    for round in 0..20 {
        let samples = [(now - 20_000 + round * 1000, 1.0)];
        let body = remote_write(&[WrittenSeries {
            labels: &[("__name__", "kept")],
            samples: &samples,
        }]);
        assert_eq!(
            weft.send("POST", "/api/v1/write", &WRITE, &body).status / 100,
            2
        );
    }
    weft.kill();
    let segment = largest_file(&weft.data.join("journal"));
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    bytes.extend_from_slice(b"torn tail");
    fs::write(&segment, bytes).unwrap();
    weft.restart();
    let kept = weft.number("count_over_time(kept[5m])", None).unwrap();
    assert!((10.0..=20.0).contains(&kept), "{kept}");
    assert!(weft.log().contains("journal"), "{}", weft.log());
}

fn largest_file(dir: &std::path::Path) -> std::path::PathBuf {
    let mut pending = vec![dir.to_owned()];
    let mut best = (0, dir.to_owned());
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                pending.push(entry.path());
            } else if meta.len() > best.0 {
                best = (meta.len(), entry.path());
            }
        }
    }
    best.1
}
