//! A data directory at rest: checked, damaged, checked again, and made anew from a snapshot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::http::{WrittenSeries, remote_write};
use crate::process::{Scratch, Weft, command};

const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// Starts an aggregator that allows snapshots, and gives it a sample and a line.
fn filled(scratch: &Scratch) -> Weft {
    let config = scratch.path().join("weft.yaml");
    fs::write(&config, "aggregator:\n  admin_api: true\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let weft = Weft::start(scratch.path(), "aggregator", &arguments);
    let now = (weft.number("time()", None).unwrap() * 1000.0) as i64;
    let body = remote_write(&[WrittenSeries {
        labels: &[("__name__", "kept"), ("job", "it")],
        samples: &[(now - 1000, 41.0), (now, 42.0)],
    }]);
    assert_eq!(
        weft.send("POST", "/api/v1/write", &HEADERS, &body).status,
        204
    );
    let line = format!(
        r#"{{"streams":[{{"stream":{{"job":"it"}},"values":[["{}","kept"]]}}]}}"#,
        now * 1_000_000
    );
    let json = [("Content-Type", "application/json")];
    let pushed = weft.send("POST", "/loki/api/v1/push", &json, line.as_bytes());
    assert_eq!(pushed.status, 204);
    weft
}

fn check_data(data: &Path, extra: &[&str]) -> Output {
    let mut command = command();
    command.args(["check", "data"]).arg(data).args(extra);
    command.output().unwrap()
}

fn check(data: &Path, code: i32, says: &[&str]) {
    let output = check_data(data, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in says {
        assert!(text.contains(word), "{word} is in:\n{text}");
    }
}

fn only_file(dir: &Path, ending: &str) -> PathBuf {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|it| it.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn what_is_damaged_is_told_with_what_a_start_would_do() {
    let scratch = Scratch::new("check");
    let mut weft = filled(&scratch);
    check(&weft.data, 2, &["in use by process"]);
    assert_eq!(weft.send("POST", "/-/flush", &[], b"").status, 200);
    assert!(weft.stop().0.success());
    let data = weft.data.clone();
    check(
        &data,
        0,
        &["1 parts with", "1 blocks of lines", "0 findings"],
    );
    check(scratch.path(), 2, &["not the data directory"]);
    check(&scratch.path().join("none"), 2, &["no such directory"]);

    let part = only_file(&data.join("tsdb"), ".part");
    let whole = fs::read(&part).unwrap();
    let damage = |byte: usize| {
        let mut bytes = whole.clone();
        bytes[byte] ^= 4;
        fs::write(&part, bytes).unwrap();
    };
    damage(20);
    let when_read = "a start would serve it until a query or a merge reads the damage";
    check(&data, 1, &[part.to_str().unwrap(), when_read]);
    damage(whole.len() - 20);
    let segment = only_file(&data.join("journal/samples"), ".wal");
    let sound = fs::metadata(&segment).unwrap().len();
    let torn = [fs::read(&segment).unwrap(), vec![7; 33]].concat();
    fs::write(&segment, torn).unwrap();
    fs::write(data.join("journal/lines.checkpoint"), "nonsense").unwrap();
    let cut = format!("a start would cut the torn tail at {sound}");
    let aside = "a start would set it aside and serve the rest";
    check(&data, 1, &[aside, &cut, "read the whole journal"]);
    let object: Value = serde_json::from_slice(&check_data(&data, &["--json"]).stdout).unwrap();
    assert_eq!(object["findings"].as_array().unwrap().len(), 3);

    weft.restart();
    assert!(weft.stop().0.success());
    check(&data, 0, &["0 findings, 1 files set aside before"]);
}

#[test]
fn a_snapshot_becomes_a_data_directory() {
    let scratch = Scratch::new("restore");
    let mut weft = filled(&scratch);
    let answer = weft.send("POST", "/api/v1/admin/tsdb/snapshot", &[], b"");
    let name = answer.json()["data"]["name"].as_str().unwrap().to_owned();
    let snapshot = weft.data.join("snapshots").join(name);
    assert!(weft.stop().0.success());
    let restore = |to: &Path| {
        let mut command = command();
        command.arg("restore").arg(&snapshot).arg("--data").arg(to);
        command.output().unwrap()
    };
    let refused = restore(&weft.data);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("already") && why.lines().count() == 1, "{why}");
    let fresh = scratch.path().join("fresh");
    let done = restore(&fresh);
    assert!(done.status.success(), "{done:?}");
    weft.data = fresh;
    weft.restart();
    assert_eq!(weft.number("kept", None), Some(42.0));
}
