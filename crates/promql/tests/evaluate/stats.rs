//! What a query is said to have cost.

use std::sync::atomic::{AtomicU64, Ordering};

use weft_promql::{Engine, QueryOptions, Stats, StatsDetail, TimeRange, Watch};

use super::source::Floats;

/// Three series with a sample every 10 seconds.
fn source() -> Floats {
    let series = |_| (0..=100).map(|tick| (tick * 10_000, tick as f64)).collect();
    Floats((0..3).map(series).collect())
}

fn stats(query: &str, steps: i64) -> Stats {
    let options = QueryOptions {
        stats: StatsDetail::EachStep,
        ..QueryOptions::default()
    };
    let range = TimeRange {
        start_ms: 600_000,
        end_ms: 600_000 + (steps - 1) * 30_000,
        step_ms: 30_000,
    };
    let answer = Engine::default().range(&source(), query, range, &options);
    answer.expect("a valid query").stats
}

#[test]
fn each_step_counts_what_it_has_seen() {
    let check = |query: &str, each: u64| {
        let stats = stats(query, 3);
        assert_eq!(stats.samples_queryable_by_step, [each; 3], "{query}");
        assert_eq!(stats.samples_queryable, 3 * each, "{query}");
    };
    check("m", 3);
    check("sum(m)", 3);
    check("m + m", 6);
    check("rate(m[1m])", 18);
    check("sum_over_time(m[5m])", 90);
    check(
        "avg by (i) (double_exponential_smoothing(m[1m], 0.5, 0.5))",
        18,
    );
    check("topk(1, m > 5)", 3);
    check("1", 0);
}

#[test]
fn a_subquery_counts_what_its_windows_hold() {
    let stats = stats("max_over_time(rate(m[1m])[1m:30s])", 3);
    assert_eq!(stats.samples_queryable_by_step, [6; 3]);
}

#[test]
fn what_is_the_same_at_each_step_counts_at_each() {
    let stats = stats("m @ 300", 3);
    assert_eq!(stats.samples_queryable_by_step, [3; 3]);
    assert_eq!(stats.samples_queryable, 9);
}

/// Counts one more at each question.
struct Ticks(AtomicU64);

impl Watch for Ticks {
    fn nanos(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[test]
fn times_are_those_of_the_caller() {
    let watch = Ticks(AtomicU64::new(0));
    let options = QueryOptions {
        watch: Some(&watch),
        ..QueryOptions::default()
    };
    let answer = Engine::default().instant(&source(), "m + m", 600_000, &options);
    let timings = answer.expect("a valid query").stats.timings;
    assert_eq!((timings.prepare, timings.evaluate, timings.sort), (2, 3, 1));
}
