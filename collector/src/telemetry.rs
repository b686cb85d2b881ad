//! The collector's own metrics.
//!
//! In: what happens. Out: metrics in the registry of the process, and the acknowledgement latency.
//! Bound: labels have fixed sets of values.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use weft_link::LinkStats;
use weft_model::StreamKind;
use weft_proto::v1::NackReason;
use weft_spool::{DropReason, Dropped};

use crate::status::AckLatency;

/// The latencies are counted in microseconds, up to a minute.
const LATENCY_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct StreamLabel {
    stream: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct TransportLabel {
    transport: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct QuantileLabel {
    quantile: &'static str,
}

/// All metrics of a collector.
#[derive(Debug)]
pub(crate) struct Telemetry {
    received_batches: Family<StreamLabel, Counter>,
    received_bytes: Family<StreamLabel, Counter>,
    duplicate_batches: Family<StreamLabel, Counter>,
    refused_batches: Family<ReasonLabel, Counter>,
    refused_channels: Family<ReasonLabel, Counter>,
    forwarded_batches: Family<StreamLabel, Counter>,
    forwarded_bytes: Family<StreamLabel, Counter>,
    dropped_batches: Family<ReasonLabel, Counter>,
    dropped_items: Family<ReasonLabel, Counter>,
    throttled: Counter,
    lost_notices: Counter,
    pub(crate) channels: Gauge,
    pub(crate) spool_bytes: Gauge,
    pub(crate) spool_batches: Gauge,
    pub(crate) spool_full: Gauge,
    pub(crate) upstream_connected: Gauge,
    pub(crate) certificate_expiry: Gauge,
    connections: Family<TransportLabel, Counter>,
    link_faults: Family<ReasonLabel, Counter>,
    udp_buffer: Gauge,
    ack_quantiles: Family<QuantileLabel, Gauge<f64, AtomicU64>>,
    acks: Mutex<Latencies>,
}

/// The latencies of this minute and of the one before.
#[derive(Debug)]
struct Latencies {
    now: Histogram<u64>,
    before: Histogram<u64>,
}

impl Telemetry {
    pub(crate) fn new() -> Telemetry {
        let micros = u64::try_from(LATENCY_MAX.as_micros()).unwrap_or(u64::MAX);
        let histogram =
            Histogram::new_with_max(micros, 2).expect("the bounds of the histogram are valid");
        Telemetry {
            received_batches: Family::default(),
            received_bytes: Family::default(),
            duplicate_batches: Family::default(),
            refused_batches: Family::default(),
            refused_channels: Family::default(),
            forwarded_batches: Family::default(),
            forwarded_bytes: Family::default(),
            dropped_batches: Family::default(),
            dropped_items: Family::default(),
            throttled: Counter::default(),
            lost_notices: Counter::default(),
            channels: Gauge::default(),
            spool_bytes: Gauge::default(),
            spool_batches: Gauge::default(),
            spool_full: Gauge::default(),
            upstream_connected: Gauge::default(),
            certificate_expiry: Gauge::default(),
            connections: Family::default(),
            link_faults: Family::default(),
            udp_buffer: Gauge::default(),
            ack_quantiles: Family::default(),
            acks: Mutex::new(Latencies {
                now: histogram.clone(),
                before: histogram,
            }),
        }
    }

    /// Makes the metrics known.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("weft_collector");
        self.register_data(registry);
        self.register_state(registry);
    }

    fn register_data(&self, registry: &mut Registry) {
        let counters = [
            (
                "received_batches",
                "Batches that arrived and were made durable",
                &self.received_batches,
            ),
            (
                "received_bytes",
                "Payload bytes that arrived and were made durable",
                &self.received_bytes,
            ),
            (
                "duplicate_batches",
                "Batches that arrived although they were durable already",
                &self.duplicate_batches,
            ),
            (
                "forwarded_batches",
                "Batches that an aggregator has made durable",
                &self.forwarded_batches,
            ),
            (
                "forwarded_bytes",
                "Payload bytes that an aggregator has made durable",
                &self.forwarded_bytes,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        let reasons = [
            (
                "refused_batches",
                "Batches that were refused, by reason",
                &self.refused_batches,
            ),
            (
                "refused_channels",
                "Channels that were refused, by reason",
                &self.refused_channels,
            ),
            (
                "dropped_batches",
                "Batches that were dropped after they had been acknowledged, by reason",
                &self.dropped_batches,
            ),
            (
                "dropped_items",
                "Samples and lines in dropped batches, by reason",
                &self.dropped_items,
            ),
            (
                "link_faults",
                "Connections and messages that were refused or broken, by reason",
                &self.link_faults,
            ),
        ];
        for (name, help, family) in reasons {
            registry.register(name, help, family.clone());
        }
    }

    fn register_state(&self, registry: &mut Registry) {
        registry.register(
            "throttled_batches",
            "Batches that waited for the budget of their agent",
            self.throttled.clone(),
        );
        registry.register(
            "lost_notices",
            "Requests of the aggregator for an agent that is not connected",
            self.lost_notices.clone(),
        );
        registry.register(
            "connections",
            "Connections accepted, by transport",
            self.connections.clone(),
        );
        registry.register(
            "ack_seconds",
            "Time from the arrival of a batch to its acknowledgement",
            self.ack_quantiles.clone(),
        );
        let gauges = [
            ("channels", "Channels that carry data", &self.channels),
            ("spool_bytes", "Bytes in the spool", &self.spool_bytes),
            ("spool_batches", "Batches in the spool", &self.spool_batches),
            (
                "spool_full",
                "Whether the spool takes no more",
                &self.spool_full,
            ),
            (
                "upstream_connected",
                "Whether an aggregator is connected",
                &self.upstream_connected,
            ),
            (
                "certificate_expiry_timestamp_seconds",
                "When the own certificate expires",
                &self.certificate_expiry,
            ),
            (
                "udp_receive_buffer_bytes",
                "The UDP receive buffer that the kernel granted",
                &self.udp_buffer,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
    }

    pub(crate) fn received(&self, stream: StreamKind, bytes: usize) {
        let label = stream_label(stream);
        self.received_batches.get_or_create(&label).inc();
        self.received_bytes
            .get_or_create(&label)
            .inc_by(bytes as u64);
    }

    pub(crate) fn duplicate(&self, stream: StreamKind) {
        let label = stream_label(stream);
        self.duplicate_batches.get_or_create(&label).inc();
    }

    pub(crate) fn refused(&self, reason: NackReason) {
        let reason = nack_text(reason);
        self.refused_batches
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    pub(crate) fn channel_refused(&self, reason: &'static str) {
        self.refused_channels
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    pub(crate) fn forwarded(&self, stream: StreamKind, bytes: usize) {
        let label = stream_label(stream);
        self.forwarded_batches.get_or_create(&label).inc();
        self.forwarded_bytes
            .get_or_create(&label)
            .inc_by(bytes as u64);
    }

    pub(crate) fn dropped(&self, reason: &'static str, batches: u64, items: u64) {
        let label = ReasonLabel { reason };
        self.dropped_batches.get_or_create(&label).inc_by(batches);
        self.dropped_items.get_or_create(&label).inc_by(items);
    }

    /// Shows what the spool dropped since it was opened, for each stream and reason.
    pub(crate) fn spool_dropped(&self, dropped: &[(DropReason, Dropped)]) {
        for reason in DropReason::ALL {
            let same = dropped.iter().filter(|(other, _)| *other == reason);
            let sum = |part: fn(&Dropped) -> u64| same.clone().map(|(_, all)| part(all)).sum();
            let label = ReasonLabel {
                reason: reason.as_str(),
            };
            let batches = self.dropped_batches.get_or_create(&label);
            batches
                .inner()
                .store(sum(|all| all.batches), Ordering::Relaxed);
            let items = self.dropped_items.get_or_create(&label);
            items.inner().store(sum(|all| all.items), Ordering::Relaxed);
        }
    }

    /// Returns how many batches were dropped for any reason.
    pub(crate) fn dropped_in_all(&self) -> u64 {
        let upstream = [
            NackReason::Malformed,
            NackReason::TooLarge,
            NackReason::Forbidden,
        ];
        let reasons = DropReason::ALL.iter().map(|reason| reason.as_str());
        let reasons = reasons.chain(upstream.map(nack_text));
        let count = |reason| {
            self.dropped_batches
                .get_or_create(&ReasonLabel { reason })
                .get()
        };
        reasons.map(count).sum()
    }

    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }

    pub(crate) fn lost_notice(&self) {
        self.lost_notices.inc();
    }

    pub(crate) fn acked(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies().now.saturating_record(micros);
    }

    /// Begins another minute of latencies.
    pub(crate) fn turn_minute(&self) {
        let mut acks = self.latencies();
        let Latencies { now, before } = &mut *acks;
        std::mem::swap(now, before);
        now.reset();
    }

    /// Returns the latencies of the last minute or two, and shows them as metrics.
    pub(crate) fn ack_latency(&self) -> AckLatency {
        let all = {
            let acks = self.latencies();
            let mut all = acks.now.clone();
            // Both have the same bounds, so adding cannot fail.
            let _ = all.add(&acks.before);
            all
        };
        let quantile = |q| Duration::from_micros(all.value_at_quantile(q));
        for (text, q) in [("0.5", 0.5), ("0.99", 0.99), ("1", 1.0)] {
            let label = QuantileLabel { quantile: text };
            let gauge = self.ack_quantiles.get_or_create(&label);
            gauge.set(quantile(q).as_secs_f64());
        }
        AckLatency {
            count: all.len(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: quantile(1.0),
        }
    }

    /// Shows what the listener counted.
    pub(crate) fn link(&self, stats: &LinkStats) {
        for (transport, count) in [
            ("quic", stats.connections_quic),
            ("grpc", stats.connections_grpc),
        ] {
            let label = TransportLabel { transport };
            let counter = self.connections.get_or_create(&label);
            counter.inner().store(count, Ordering::Relaxed);
        }
        for (reason, count) in [
            ("connections_refused", stats.connections_refused),
            ("handshake", stats.handshakes_failed),
            ("oversized", stats.messages_oversized),
            ("truncated", stats.messages_truncated),
            ("malformed", stats.messages_malformed),
            ("forbidden", stats.messages_forbidden),
        ] {
            let counter = self.link_faults.get_or_create(&ReasonLabel { reason });
            counter.inner().store(count, Ordering::Relaxed);
        }
        let granted = i64::try_from(stats.udp_receive_buffer_bytes).unwrap_or(i64::MAX);
        self.udp_buffer.set(granted);
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Latencies> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stream_label(stream: StreamKind) -> StreamLabel {
    StreamLabel {
        stream: stream.as_str(),
    }
}

/// Returns the word for a reason, as metrics and gaps say it.
pub(crate) fn nack_text(reason: NackReason) -> &'static str {
    match reason {
        NackReason::Malformed => "malformed",
        NackReason::TooLarge => "too_large",
        NackReason::Full => "full",
        NackReason::Forbidden => "forbidden",
        NackReason::Unspecified => "unspecified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_those_of_the_last_two_minutes() {
        let telemetry = Telemetry::new();
        assert_eq!(telemetry.ack_latency(), AckLatency::default());
        for ms in 1..=100 {
            telemetry.acked(Duration::from_millis(ms));
        }
        telemetry.turn_minute();
        telemetry.acked(Duration::from_secs(600));
        let latency = telemetry.ack_latency();
        assert_eq!(latency.count, 101);
        assert!(latency.p50.abs_diff(Duration::from_millis(51)) < Duration::from_millis(2));
        assert!(latency.max >= Duration::from_secs(59));
        telemetry.turn_minute();
        assert_eq!(telemetry.ack_latency().count, 1);
        telemetry.turn_minute();
        assert_eq!(telemetry.ack_latency().count, 0);
    }
}
