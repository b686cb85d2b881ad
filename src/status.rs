//! What the process says of itself: a document for machines, a few lines for people.
//!
//! In: the status of whatever roles run. Out: the JSON of `/status` on the admin port, which
//! `weft status` and `weft health` read, and the live lines of `weft up`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weft_agent::status::LinkState;
use weft_runtime::lifecycle::Condition;
use weft_runtime::{Lifecycle, process};
use weft_stdx::text;

/// Where the process can be reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Urls {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) ingest: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
}

/// The status of the roles that run; a clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    agent: Option<weft_agent::StatusBoard>,
    collector: Option<weft_collector::StatusBoard>,
    aggregator: Option<weft_aggregator::StatusBoard>,
    lifecycle: Lifecycle,
    urls: Urls,
    /// CPU seconds and when they were read, for the share of a core.
    cpu: Option<(Instant, f64)>,
}

impl Boards {
    pub(crate) fn set_agent(&self, board: weft_agent::StatusBoard) {
        self.inner().agent = Some(board);
    }

    pub(crate) fn set_collector(&self, board: weft_collector::StatusBoard) {
        self.inner().collector = Some(board);
    }

    pub(crate) fn set_aggregator(&self, board: weft_aggregator::StatusBoard) {
        self.inner().aggregator = Some(board);
    }

    pub(crate) fn set_lifecycle(&self, lifecycle: Lifecycle) {
        self.inner().lifecycle = lifecycle;
    }

    pub(crate) fn set_urls(&self, urls: Urls) {
        self.inner().urls = urls;
    }

    /// Returns a function that tells the status as JSON.
    pub(crate) fn document(&self, started: Instant) -> Arc<dyn Fn() -> String + Send + Sync> {
        let boards = self.clone();
        Arc::new(move || boards.inner().document(started).to_string())
    }

    /// Returns the status in a few lines.
    pub(crate) fn lines(&self, started: Instant) -> Vec<String> {
        self.inner().lines(started)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn document(&self, started: Instant) -> Value {
        let components: Vec<Value> = self
            .lifecycle
            .conditions()
            .iter()
            .map(|(name, it)| component(name, it))
            .collect();
        let usage = process::usage();
        let address = |address: Option<SocketAddr>| address.map(|it| it.to_string());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.lifecycle.state().as_str(),
            "uptime_seconds": started.elapsed().as_secs(),
            "components": components,
            "addresses": {
                "http": address(self.urls.http),
                "ingest": address(self.urls.ingest),
                "admin": address(self.urls.admin),
            },
            "process": {
                "cpu_seconds": usage.cpu_seconds,
                "resident_bytes": usage.resident_bytes,
                "open_fds": usage.open_fds,
                "threads": usage.threads,
            },
            "agent": self.agent.as_ref().map(|board| agent(&board.snapshot())),
            "collector": self.collector.as_ref().map(|board| collector(&board.snapshot())),
            "aggregator": self.aggregator.as_ref().map(|board| aggregator(&board.snapshot())),
        })
    }

    fn lines(&mut self, started: Instant) -> Vec<String> {
        let usage = process::usage();
        let share = self
            .cpu
            .replace((Instant::now(), usage.cpu_seconds))
            .map_or(0.0, |(at, before)| {
                100.0 * (usage.cpu_seconds - before) / at.elapsed().as_secs_f64().max(0.001)
            });
        let up = text::duration(Duration::from_secs(started.elapsed().as_secs()));
        let rss = text::bytes(usage.resident_bytes);
        let state = self.lifecycle.state();
        let version = env!("CARGO_PKG_VERSION");
        let mut lines = vec![format!(
            "weft {version}  {state}  up {up}  RSS {rss}  CPU {share:.1} %"
        )];
        if let Some(board) = &self.aggregator {
            let status = board.snapshot();
            let disk = text::bytes(status.samples_disk_bytes + status.lines_disk_bytes);
            lines.push(format!(
                "  stored     series {}  samples/s {:.0}  log lines/s {:.0}  disk {disk}  journal {}",
                status.series,
                status.samples_per_second,
                status.lines_per_second,
                text::bytes(status.journal_bytes),
            ));
        }
        if let Some(board) = &self.collector {
            let status = board.snapshot();
            lines.push(format!(
                "  collector  spool {} of {}  forwarded {}  link {}",
                text::bytes(status.spool_bytes),
                text::bytes(status.spool_bytes_max),
                status.forwarded_batches,
                collector_link(&status.link),
            ));
        }
        if let Some(board) = &self.agent {
            let status = board.snapshot();
            lines.push(format!(
                "  agent      series {}  log streams {}  lag {}  spool {}  link {}",
                status.series,
                status.streams,
                text::bytes(status.lag_bytes),
                text::bytes(status.spool_bytes),
                link(&status.link),
            ));
        }
        for (name, condition) in self.lifecycle.conditions() {
            if !matches!(condition, Condition::Well | Condition::Starting) {
                lines.push(format!("  {name}: {condition}"));
            }
        }
        lines.extend(self.url_lines());
        lines
    }

    fn url_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(http) = self.urls.http {
            lines.push(format!(
                "  web page, Prometheus API, Loki API   http://{http}"
            ));
        }
        if let Some(admin) = self.urls.admin {
            lines.push(format!(
                "  health and own metrics               http://{admin}/metrics"
            ));
        }
        if let Some(ingest) = self.urls.ingest {
            lines.push(format!(
                "  agents connect to                    {ingest} (UDP and TCP)"
            ));
        }
        lines
    }
}

fn component(name: &str, condition: &Condition) -> Value {
    let (word, why) = match condition {
        Condition::Starting => ("starting", ""),
        Condition::Well => ("well", ""),
        Condition::Degraded(why) => ("degraded", why.as_str()),
        Condition::Broken(why) => ("broken", why.as_str()),
    };
    json!({ "name": name, "condition": word, "why": why })
}

fn link(state: &LinkState) -> String {
    match state {
        LinkState::Idle => "idle".to_owned(),
        LinkState::Enrolling => "enrolling".to_owned(),
        LinkState::Connecting => "connecting".to_owned(),
        LinkState::Connected { address, transport } => format!("{transport} to {address}"),
        LinkState::Waiting(why) => format!("waiting: {why}"),
    }
}

fn collector_link(state: &weft_collector::status::LinkState) -> String {
    use weft_collector::status::LinkState;
    match state {
        LinkState::Idle => "idle".to_owned(),
        LinkState::Enrolling => "enrolling".to_owned(),
        LinkState::Connecting => "connecting".to_owned(),
        LinkState::Connected { address, transport } => format!("{transport} to {address}"),
        LinkState::Waiting(why) => format!("waiting: {why}"),
    }
}

fn agent(status: &weft_agent::Status) -> Value {
    let errors = status
        .errors
        .iter()
        .map(|error| format!("{} {}", error.time, error.text));
    json!({
        "first_sample_ms": status.first_sample_ms,
        "series": status.series,
        "samples_per_second": status.samples_per_second,
        "last_tick": status.last_tick.map(|tick| tick.to_string()),
        "failing_samplers": status.failing_samplers,
        "log_streams": status.streams,
        "lines_per_second": status.lines_per_second,
        "lag_bytes": status.lag_bytes,
        "spool_bytes": status.spool_bytes,
        "link": link(&status.link),
        "errors": errors.collect::<Vec<_>>(),
    })
}

fn collector(status: &weft_collector::Status) -> Value {
    let latency = status.ack_latency;
    json!({
        "listen": status.listen.map(|it| it.to_string()),
        "sessions": status.sessions,
        "channels": status.channels,
        "spool_bytes": status.spool_bytes,
        "spool_bytes_max": status.spool_bytes_max,
        "spool_batches": status.spool_batches,
        "spool_full": status.spool_full,
        "forwarded_batches": status.forwarded_batches,
        "dropped_batches": status.dropped_batches,
        "link": collector_link(&status.link),
        "ack_ms_p50": latency.p50.as_secs_f64() * 1000.0,
        "ack_ms_p99": latency.p99.as_secs_f64() * 1000.0,
        "certificate_expires": status.certificate_expires.map(|it| it.to_string()),
        "last_error": status.last_error,
    })
}

fn aggregator(status: &weft_aggregator::Status) -> Value {
    let drops = status
        .drops
        .iter()
        .map(|(what, why, count)| json!({ "what": what, "reason": why, "count": count }));
    json!({
        "series": status.series,
        "samples": status.samples,
        "samples_per_second": status.samples_per_second,
        "log_streams": status.streams,
        "lines": status.lines,
        "lines_per_second": status.lines_per_second,
        "line_bytes": status.line_bytes,
        "journal_bytes": status.journal_bytes,
        "samples_disk_bytes": status.samples_disk_bytes,
        "lines_disk_bytes": status.lines_disk_bytes,
        "batches": status.batches,
        "duplicates": status.duplicates,
        "damaged": status.damaged,
        "peers": status.peers,
        "replay": {
            "running": status.replay.running,
            "percent": status.replay.percent,
            "records": status.replay.records,
            "seconds": status.replay.seconds,
        },
        "drops": drops.collect::<Vec<_>>(),
    })
}
