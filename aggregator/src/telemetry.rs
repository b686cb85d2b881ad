//! The aggregator's own metrics, read from its status when they are scraped.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::status::{Status, StatusBoard};

/// Adds the aggregator's metrics to a registry.
pub(crate) fn register(registry: &Mutex<Registry>, status: &StatusBoard) {
    let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    registry.register_collector(Box::new(Telemetry(status.clone())));
}

#[derive(Debug)]
struct Telemetry(StatusBoard);

impl Collector for Telemetry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.snapshot();
        for (name, help, value) in gauges(&status) {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in counters(&status) {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let seconds = ConstGauge::new(status.replay.seconds);
        let help = "How long the journals' replay took, or has taken.";
        let name = "weft_aggregator_replay_seconds";
        seconds.encode(encoder.encode_descriptor(name, help, None, seconds.metric_type())?)?;
        let help = "Samples, lines and batches that were dropped, by reason.";
        let kind = prometheus_client::metrics::MetricType::Counter;
        let mut dropped = encoder.encode_descriptor("weft_aggregator_dropped", help, None, kind)?;
        for (what, reason, count) in &status.drops {
            let labels = [("what", what.as_str()), ("reason", reason.as_str())];
            ConstCounter::new(*count).encode(dropped.encode_family(&labels)?)?;
        }
        let help = "New series that were refused, by reason and by who is over the budget.";
        let name = "weft_aggregator_dropped_series";
        let mut dropped = encoder.encode_descriptor(name, help, None, kind)?;
        for (reason, offender, count) in &status.dropped_series {
            let labels = [("reason", reason.as_str()), ("offender", offender.as_str())];
            ConstCounter::new(*count).encode(dropped.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

type Line = (&'static str, &'static str, u64);

fn gauges(status: &Status) -> [Line; 8] {
    [
        (
            "weft_aggregator_series",
            "Series in the head.",
            status.series,
        ),
        (
            "weft_aggregator_log_streams",
            "Log streams with lines in the head.",
            status.streams,
        ),
        (
            "weft_aggregator_journal_bytes",
            "Bytes of the journals.",
            status.journal_bytes,
        ),
        (
            "weft_aggregator_samples_disk_bytes",
            "Bytes of files with samples.",
            status.samples_disk_bytes,
        ),
        (
            "weft_aggregator_lines_disk_bytes",
            "Bytes of files with lines.",
            status.lines_disk_bytes,
        ),
        ("weft_aggregator_peers", "Connected peers.", status.peers),
        (
            "weft_aggregator_query_cache_bytes",
            "Bytes of steps of range queries that are kept.",
            status.query_cache_bytes,
        ),
        (
            "weft_aggregator_replay_percent",
            "How much of the journals is replayed since the start.",
            status.replay.percent,
        ),
    ]
}

fn counters(status: &Status) -> [Line; 9] {
    [
        ("weft_aggregator_samples", "Samples stored.", status.samples),
        ("weft_aggregator_lines", "Log lines stored.", status.lines),
        (
            "weft_aggregator_line_bytes",
            "Bytes of the log lines stored.",
            status.line_bytes,
        ),
        ("weft_aggregator_batches", "Batches taken.", status.batches),
        (
            "weft_aggregator_duplicates",
            "Batches and lines that were stored already.",
            status.duplicates,
        ),
        (
            "weft_aggregator_query_cache_hits",
            "Range queries answered from kept steps, in whole or in part.",
            status.query_cache_hits,
        ),
        (
            "weft_aggregator_query_cache_misses",
            "Range queries of which no kept step could be used.",
            status.query_cache_misses,
        ),
        (
            "weft_aggregator_replay_records",
            "Journal records applied since the start.",
            status.replay.records,
        ),
        (
            "weft_aggregator_damaged",
            "Records and parts skipped or set aside.",
            status.damaged,
        ),
    ]
}
