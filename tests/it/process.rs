//! A running weft in a directory of its own: started, asked, killed, started again.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{self, Answer, escaped};

/// How long a condition may take that is met at once on an idle machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A scratch directory that is removed with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("weft-it-{name}-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A weft process with its own data and ports.
pub(crate) struct Weft {
    pub(crate) data: PathBuf,
    pub(crate) http: u16,
    pub(crate) admin: u16,
    pub(crate) ingest: u16,
    role: String,
    extra: Vec<String>,
    child: Option<Child>,
    log: PathBuf,
}

impl Weft {
    /// Starts `weft ROLE` below `scratch` and waits until it is ready.
    pub(crate) fn start(scratch: &Path, role: &str, extra: &[&str]) -> Weft {
        let mut weft = Weft {
            data: scratch.join("data"),
            http: free_port(),
            admin: free_port(),
            ingest: free_port(),
            role: role.to_owned(),
            extra: extra.iter().map(|it| (*it).to_owned()).collect(),
            child: None,
            log: scratch.join("weft.log"),
        };
        weft.restart();
        weft
    }

    /// Starts the process again on the same data and ports, and waits until it is ready and has
    /// read its journals.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        let ready = |weft: &Weft| {
            http::request(weft.admin, "GET", "/-/ready", &[], b"")
                .is_some_and(|it| it.status == 200)
        };
        self.wait("readiness", |weft| ready(weft).then_some(()));
        let replaying = |weft: &Weft| {
            let status = http::request(weft.admin, "GET", "/status", &[], b"")?;
            status.json()["aggregator"]["replay"]["running"].as_bool()
        };
        self.wait("end of the replay", |weft| {
            (replaying(weft) != Some(true)).then_some(())
        });
    }

    /// Starts the process again on the same data and ports.
    pub(crate) fn spawn(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let local = |port| format!("127.0.0.1:{port}");
        let child = command()
            .arg(&self.role)
            .args(["--data".as_ref(), self.data.as_os_str()])
            .args(["--http", &local(self.http), "--admin", &local(self.admin)])
            .args(["--ingest", &local(self.ingest)])
            .args(&self.extra)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills the process as a crash does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the process to stop, and returns how it ended and how long that took.
    pub(crate) fn stop(&mut self) -> (ExitStatus, Duration) {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap();
        let status = child.wait().unwrap();
        (status, begun.elapsed())
    }

    /// Waits until `condition` returns something.
    pub(crate) fn wait<T>(&self, what: &str, mut condition: impl FnMut(&Weft) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(met) = condition(self) {
                return met;
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "no {what} in time; the log:\n{}",
                self.log()
            );
            // Another process is waited for: there is nothing to be woken by.
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Returns what the process has logged and printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = http::request(self.http, method, target, headers, body);
        answer.unwrap_or_else(|| panic!("no answer to {target}; the log:\n{}", self.log()))
    }

    /// Evaluates PromQL now, or at a time in seconds, and returns the result.
    pub(crate) fn promql(&self, query: &str, time: Option<f64>) -> Value {
        let time = time.map(|time| format!("&time={time}")).unwrap_or_default();
        let answer = self.get(&format!("/api/v1/query?query={}{time}", escaped(query)));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()["data"]["result"].clone()
    }

    /// Returns the single value of a query that has one, or nothing.
    pub(crate) fn number(&self, query: &str, time: Option<f64>) -> Option<f64> {
        let result = self.promql(query, time);
        // A scalar is a pair by itself, a vector has one in each of its samples.
        let value = result[0]["value"][1]
            .as_str()
            .or_else(|| result[1].as_str());
        value?.parse().ok()
    }

    /// Returns all lines of a LogQL query, with their times, oldest first.
    pub(crate) fn lines(&self, query: &str) -> Vec<(i64, String)> {
        let target = "/loki/api/v1/query_range?start=0&end=9000000000000000000&limit=5000&query=";
        let answer = self.get(&format!("{target}{}", escaped(query)));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let mut lines = Vec::new();
        for stream in answer.json()["data"]["result"].as_array().unwrap() {
            for entry in stream["values"].as_array().unwrap() {
                let time = entry[0].as_str().unwrap().parse().unwrap();
                lines.push((time, entry[1].as_str().unwrap().to_owned()));
            }
        }
        lines.sort();
        lines
    }
}

impl Drop for Weft {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns the binary under test, with an environment that says nothing.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEFT_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Returns a port that is free for both UDP and TCP.
pub(crate) fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
