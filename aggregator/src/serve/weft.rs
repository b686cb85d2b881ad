//! weft's own API: how the aggregator fares.

use std::time::Instant;

use weft_api::Error;
use weft_api::weft::{Backend, Drop, LogsStatus, MetricsStatus, Peer, Replay, Status};
use weft_runtime::Lifecycle;

use crate::status::StatusBoard;

/// Answers `/weft/v1/status`.
#[derive(Debug)]
pub(crate) struct WeftBackend {
    pub(crate) status: StatusBoard,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) started: Instant,
}

impl Backend for WeftBackend {
    fn status(&self) -> Result<Status, Error> {
        let status = self.status.snapshot();
        let now = self.status.store.now();
        let reasons = self.lifecycle.conditions().into_iter();
        let reasons =
            reasons.filter(|(_, condition)| *condition != weft_runtime::lifecycle::Condition::Well);
        let peers = self
            .status
            .peers
            .list()
            .into_iter()
            .map(|(peer, seen)| Peer {
                name: peer.id().0.clone(),
                role: peer.role().as_str().to_owned(),
                address: format!("{} {}", seen.transport, seen.remote),
                last_seen_seconds: seconds(now.0 - seen.last_heard.0),
                lag_seconds: seen
                    .newest
                    .map_or(0.0, |it| seconds(seen.last_heard.0 - it.0)),
            });
        let drops = status.drops.iter().map(|(what, reason, count)| Drop {
            what: what.clone(),
            reason: reason.clone(),
            count: *count,
        });
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.lifecycle.state().to_string(),
            reasons: reasons
                .map(|(name, condition)| format!("{name}: {condition}"))
                .collect(),
            uptime_seconds: self.started.elapsed().as_secs(),
            metrics: MetricsStatus {
                active_series: status.series,
                samples_total: status.samples,
                samples_per_second: status.samples_per_second,
                disk_bytes: status.samples_disk_bytes,
            },
            logs: LogsStatus {
                active_streams: status.streams,
                lines_total: status.lines,
                lines_per_second: status.lines_per_second,
                line_bytes_total: status.line_bytes,
                disk_bytes: status.lines_disk_bytes,
            },
            replay: Replay {
                running: status.replay.running,
                percent: status.replay.percent,
                records_total: status.replay.records,
                seconds: status.replay.seconds,
            },
            peers: peers.collect(),
            drops: drops.collect(),
        })
    }
}

/// Returns milliseconds as seconds; a clock that went back counts as no time.
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
