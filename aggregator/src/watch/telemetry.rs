//! The metrics of rules, read from the board when they are scraped.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use weft_alert::{AlertState, Health};

use super::RuleBoard;

/// Adds the metrics of rules to a registry.
pub(crate) fn register(registry: &Mutex<Registry>, board: &RuleBoard) {
    let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    registry.register_collector(Box::new(Telemetry(board.clone())));
}

#[derive(Debug)]
struct Telemetry(RuleBoard);

impl Collector for Telemetry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in self.gauges() {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in self.counters() {
            let counter = ConstCounter::new(value);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}

type Line = (&'static str, &'static str, u64);

impl Telemetry {
    fn gauges(&self) -> [Line; 4] {
        let groups = self.0.groups();
        let rules = || groups.iter().flat_map(|group| &group.rules);
        let alerts = rules().flat_map(|rule| &rule.alerts);
        let firing = alerts.filter(|alert| alert.state == AlertState::Firing);
        let failing = rules().filter(|rule| rule.health == Health::Bad);
        [
            (
                "weft_aggregator_rule_groups",
                "Groups of rules.",
                groups.len() as u64,
            ),
            ("weft_aggregator_rules", "Rules.", rules().count() as u64),
            (
                "weft_aggregator_rules_failing",
                "Rules whose last evaluation failed.",
                failing.count() as u64,
            ),
            (
                "weft_aggregator_alerts_firing",
                "Alerts that are firing.",
                firing.count() as u64,
            ),
        ]
    }

    fn counters(&self) -> [Line; 5] {
        let counts = self.0.counts();
        [
            (
                "weft_aggregator_rule_evaluations",
                "Evaluations of groups.",
                counts.evaluations.load(Relaxed),
            ),
            (
                "weft_aggregator_rule_evaluations_missed",
                "Evaluations of groups that did not happen in time.",
                counts.missed.load(Relaxed),
            ),
            (
                "weft_aggregator_rule_failures",
                "Evaluations of rules that failed.",
                counts.failures.load(Relaxed),
            ),
            (
                "weft_aggregator_rule_samples",
                "Samples that rules have made.",
                counts.samples.load(Relaxed),
            ),
            (
                "weft_aggregator_rule_evaluation_milliseconds",
                "Time that evaluations of groups took.",
                counts.millis.load(Relaxed),
            ),
        ]
    }
}
