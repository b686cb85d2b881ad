//! The agent's own metrics.
//!
//! In: what each part counts. Out: the caller's registry. Bound: a fixed number of series.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::intake::host::TickReport;
use crate::intake::tail::{Survey, Tally};

/// Why something was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What a batch carried.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stream {
    stream: &'static str,
}

/// The agent's metrics; a clone counts into the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telemetry {
    lines_read: Counter,
    lines_acked: Counter,
    log_bytes_read: Counter,
    log_lines_malformed: Counter,
    log_truncations: Counter,
    log_read_errors: Counter,
    log_streams: Gauge,
    log_lag_bytes: Gauge,
    log_pinned_bytes: Gauge,
    batches: Family<Stream, Counter>,
    acked: Family<Stream, Counter>,
    dropped: Family<Reason, Counter>,
    gaps: Family<Reason, Counter>,
    samples: Counter,
    series: Gauge,
    tick_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    first_sample_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    spool_bytes: Gauge,
    connected: Gauge,
    connects: Counter,
    connect_failures: Counter,
}

impl Telemetry {
    /// Returns the metrics, registered under `weft_agent_`.
    pub(crate) fn new(registry: &mut Registry) -> Telemetry {
        let all = Telemetry::default();
        let registry = registry.sub_registry_with_prefix("weft_agent");
        all.register_logs(registry);
        all.register_metrics(registry);
        all.register_outlet(registry);
        all
    }

    fn register_logs(&self, registry: &mut Registry) {
        let read = self.lines_read.clone();
        registry.register("log_lines_read", "Log lines read from files", read);
        let acked = self.lines_acked.clone();
        registry.register(
            "log_lines_acked",
            "Log lines that are durable downstream",
            acked,
        );
        let bytes = self.log_bytes_read.clone();
        registry.register_with_unit("log_read", "Bytes of log files read", Unit::Bytes, bytes);
        let malformed = self.log_lines_malformed.clone();
        registry.register(
            "log_lines_malformed",
            "Records not in the format of their file",
            malformed,
        );
        let truncations = self.log_truncations.clone();
        registry.register(
            "log_truncations",
            "Log files that were written over",
            truncations,
        );
        let errors = self.log_read_errors.clone();
        registry.register("log_read_errors", "Reads of log files that failed", errors);
        let streams = self.log_streams.clone();
        registry.register("log_streams", "Log streams that are followed", streams);
        let lag = self.log_lag_bytes.clone();
        registry.register_with_unit(
            "log_lag",
            "Bytes of log files not acknowledged yet",
            Unit::Bytes,
            lag,
        );
        let pinned = self.log_pinned_bytes.clone();
        let help = "Bytes of deleted log files that are held open";
        registry.register_with_unit("log_deleted_pinned", help, Unit::Bytes, pinned);
    }

    fn register_metrics(&self, registry: &mut Registry) {
        registry.register("samples", "Samples taken", self.samples.clone());
        registry.register("series", "Live series", self.series.clone());
        let tick = self.tick_seconds.clone();
        registry.register_with_unit(
            "tick_duration",
            "Time of the last tick",
            Unit::Seconds,
            tick,
        );
        let first = self.first_sample_seconds.clone();
        let help = "Time from the start of the process to the first sample";
        registry.register_with_unit("first_sample", help, Unit::Seconds, first);
    }

    fn register_outlet(&self, registry: &mut Registry) {
        registry.register("batches", "Batches made", self.batches.clone());
        registry.register(
            "batches_acked",
            "Batches durable downstream",
            self.acked.clone(),
        );
        registry.register("dropped", "Items that were dropped", self.dropped.clone());
        registry.register("gaps", "Gaps that were told", self.gaps.clone());
        let spool = self.spool_bytes.clone();
        registry.register_with_unit("spool", "Bytes that wait in the spool", Unit::Bytes, spool);
        registry.register(
            "connected",
            "Whether there is a connection",
            self.connected.clone(),
        );
        registry.register("connects", "Connections made", self.connects.clone());
        let failures = self.connect_failures.clone();
        registry.register("connect_failures", "Connections that failed", failures);
    }

    /// Counts what the tailer did.
    pub(crate) fn count_logs(&self, tally: &Tally, acked_lines: u64) {
        self.lines_read.inc_by(tally.lines);
        self.lines_acked.inc_by(acked_lines);
        self.log_bytes_read.inc_by(tally.bytes);
        self.log_lines_malformed.inc_by(tally.malformed);
        self.log_truncations.inc_by(tally.truncations);
        self.log_read_errors.inc_by(tally.read_errors);
        self.count_dropped("log_unencodable", tally.unencodable);
        self.count_dropped("log_streams_max", tally.refused_streams);
        self.count_gaps("log_file_removed", tally.gaps);
    }

    /// Notes what the tailer found.
    pub(crate) fn survey_logs(&self, survey: &Survey) {
        self.log_streams.set(signed(survey.streams));
        self.log_lag_bytes.set(signed(survey.lag_bytes));
        self.log_pinned_bytes.set(signed(survey.pinned_bytes));
    }

    /// Notes a tick.
    pub(crate) fn tick(&self, report: &TickReport) {
        self.samples.inc_by(report.samples as u64);
        self.series.set(signed(report.samples as u64));
        self.tick_seconds.set(report.took.as_secs_f64());
    }

    /// Notes when the first sample was taken.
    pub(crate) fn first_sample(&self, since_start: Duration) {
        self.first_sample_seconds.set(since_start.as_secs_f64());
    }

    /// Counts a batch that was made.
    pub(crate) fn count_batch(&self, stream: &'static str) {
        self.batches.get_or_create(&Stream { stream }).inc();
    }

    /// Counts batches that became durable downstream.
    pub(crate) fn count_acked(&self, stream: &'static str, batches: u64) {
        self.acked.get_or_create(&Stream { stream }).inc_by(batches);
    }

    /// Counts items that were dropped.
    pub(crate) fn count_dropped(&self, reason: &'static str, items: u64) {
        if items > 0 {
            self.dropped.get_or_create(&Reason { reason }).inc_by(items);
        }
    }

    /// Counts gaps that were told downstream.
    pub(crate) fn count_gaps(&self, reason: &'static str, gaps: u64) {
        if gaps > 0 {
            self.gaps.get_or_create(&Reason { reason }).inc_by(gaps);
        }
    }

    /// Notes how much waits in the spool.
    pub(crate) fn spool(&self, bytes: u64) {
        self.spool_bytes.set(signed(bytes));
    }

    /// Notes a connection.
    pub(crate) fn connected(&self) {
        self.connects.inc();
        self.connected.set(1);
    }

    /// Notes the end of a connection.
    pub(crate) fn disconnected(&self) {
        self.connected.set(0);
    }

    /// Counts a connection that failed.
    pub(crate) fn connect_failed(&self) {
        self.connect_failures.inc();
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
