//! Kills a process that fills a spool, at any moment, and claims that what it said was durable is
//! there. The process is this test once more, with a directory in its environment.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use weft_model::{Millis, SessionId, StreamKind};
use weft_spool::{Config, NewBatch, Spool};

const DIR: &str = "WEFT_TEST_SPOOL";
const SESSION: SessionId = SessionId(1);
const STREAM: StreamKind = StreamKind::Logs;

fn open(dir: &Path) -> Spool {
    let config = Config {
        segment_bytes: 64 << 10,
        free_bytes_min: 0,
        ..Config::default()
    };
    Spool::open(dir, config).unwrap().0
}

/// Appends and syncs without end, acknowledges a part, and says after each sync which number is
/// durable and after each acknowledgement, before it is made, which number goes.
fn fill(dir: &Path) {
    let spool = open(dir);
    let mut out = std::io::stdout();
    loop {
        let batch = NewBatch {
            session: SESSION,
            stream: STREAM,
            items: 1,
            first: Millis(0),
            last: Millis(0),
            meta: b"meta",
            payload: &[7; 3000],
        };
        let seq = spool.append_next(&batch, Millis(0)).unwrap();
        spool.sync(STREAM).unwrap();
        writeln!(out, "durable {seq}").unwrap();
        if seq.is_multiple_of(3) {
            for entry in spool.read(STREAM, 5000).unwrap() {
                writeln!(out, "acked {}", entry.seq).unwrap();
                spool.ack(STREAM, &[entry.id]).unwrap();
            }
        }
        out.flush().unwrap();
    }
}

#[test]
fn filling_until_killed() {
    if let Some(dir) = std::env::var_os(DIR) {
        fill(Path::new(&dir));
    }
}

fn start(dir: &Path) -> Child {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test);
    command.args(["--exact", "filling_until_killed", "--nocapture"]);
    command
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn what_was_said_to_be_durable_survives_kill_9() {
    let dir: PathBuf = std::env::temp_dir().join(format!("weft-kill-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&dir));
    let mut owed = BTreeSet::new();
    for round in 0..8usize {
        let mut child = start(&dir);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (at, line) in lines.map_while(Result::ok).enumerate() {
            if let Some((word, Ok(seq))) = line.split_once(' ').map(|(w, s)| (w, s.parse::<u64>()))
            {
                let _changed = match word {
                    "durable" => owed.insert(seq),
                    "acked" => owed.remove(&seq),
                    _ => false,
                };
            }
            if at == 40 + round * 17 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let spool = open(&dir);
        let found: Vec<u64> = spool
            .read(STREAM, usize::MAX)
            .unwrap()
            .iter()
            .map(|entry| entry.seq)
            .collect();
        let lost: Vec<&u64> = owed.iter().filter(|seq| !found.contains(seq)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        let greatest = owed.last().copied().unwrap_or(0);
        assert!(spool.next_seq(SESSION, STREAM) > greatest);
    }
    assert!(owed.len() > 50, "the child did its work");
    std::fs::remove_dir_all(&dir).unwrap();
}
