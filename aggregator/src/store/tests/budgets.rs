//! What happens to series over a budget, as far as people see it.

use std::sync::Mutex;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use weft_api::prometheus::Backend;

use super::senders::write;
use super::*;
use crate::intake::Peers;
use crate::query::ResultCache;
use crate::serve::prometheus::PrometheusBackend;
use crate::status::StatusBoard;
use crate::telemetry;
use crate::watch::RuleBoard;

#[test]
fn the_newest_series_over_the_budget_are_dropped_and_the_offender_named() {
    let mut machine = Machine::new();
    machine.config.metrics.series_max = 2;
    let store = Arc::new(machine.open_and_replay());
    let time = NOW.0 - 60_000;
    for (series, refused) in [("a", 0), ("b", 0), ("c", 1), ("c", 1), ("a", 0), ("d", 1)] {
        let written = write(&store, series, &[(time, 1.0)]).unwrap();
        let told: u64 = written.refused.iter().map(|refused| refused.samples).sum();
        assert_eq!(told, refused, "{series}");
    }
    let kept: Vec<String> = content(&store).into_keys().map(|(name, _)| name).collect();
    assert_eq!(kept, ["a", "b"]);

    let results = Arc::new(ResultCache::new(1 << 20));
    let config = Arc::new(machine.config.clone());
    let rules = RuleBoard::default();
    let budget = Arc::new(crate::query::budget(&config.query));
    let asked = (Arc::clone(&store), Arc::clone(&results));
    let backend = PrometheusBackend::new(asked.0, config, asked.1, rules, budget);
    let told = |limit| -> Vec<(String, String, u64)> {
        let dropped = backend.tsdb_status(limit).unwrap().dropped_series;
        let each = dropped.into_iter();
        each.map(|it| (it.reason, it.offender, it.count)).collect()
    };
    let named = |name: &str, count| ("store_budget".to_owned(), name.to_owned(), count);
    assert_eq!(told(10), [named("c", 2), named("d", 1)]);
    assert_eq!(told(1), [named("c", 2)]);

    let registry = Mutex::new(Registry::default());
    let status = StatusBoard::new(store, Arc::new(Peers::default()), results);
    telemetry::register(&registry, &status);
    let mut text = String::new();
    encode(&mut text, &registry.lock().unwrap()).unwrap();
    let line = "weft_aggregator_dropped_series_total{reason=\"store_budget\",offender=\"c\"} 2";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("weft_aggregator_dropped_total{what=\"samples\",reason=\"store_budget\"} 3")
    );
}
