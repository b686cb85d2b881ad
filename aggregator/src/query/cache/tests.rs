//! Answers from the cache against answers without it, while samples are written and deleted.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use weft_disk::SimDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, Matcher, Millis};
use weft_promql::{Engine, QueryOptions, TimeRange, Value};
use weft_tsdb::{Config, Tsdb};

use super::{Asked, ResultCache};
use crate::query::SampleSource;

const MINUTE: i64 = 60_000;

/// When the tests begin; not a multiple of any step.
const START: i64 = 1_767_261_600_000 + 7_001;

/// What is asked: windows, offsets either way, joins, subqueries, and what is never kept.
const QUERIES: [&str; 10] = [
    "a",
    "sum(a)",
    "sum by (i) (count_over_time(a[4m]))",
    "a offset 3m",
    "a offset -2m",
    "max_over_time(sum(a)[6m:90s])",
    "a - on (i) b",
    "{__name__=~\"a|b\"} > 3",
    "a @ end()",
    "absent(b{i=\"1\"})",
];

#[derive(Clone, Debug)]
enum Step {
    /// Writes samples: metric, series, minutes before the present, value.
    Write(Vec<(bool, u8, u8, u8)>),
    /// Lets time pass: minutes.
    Pass(u8),
    /// Deletes between two times, in minutes before the present.
    Delete(bool, u8, u8),
    Flush,
    Maintain,
    /// Asks: which query, first and last step in minutes before the present, seconds of the step.
    Ask(u8, u8, u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let sample = (
        any::<bool>(),
        0..3u8,
        prop_oneof![4 => 0..2u8, 1 => 0..60u8],
        0..9u8,
    );
    prop_oneof![
        4 => prop::collection::vec(sample, 1..8).prop_map(Step::Write),
        3 => (0..4u8).prop_map(Step::Pass),
        1 => (any::<bool>(), 0..60u8, 0..60u8).prop_map(|(m, a, b)| Step::Delete(m, a, b)),
        1 => Just(Step::Flush),
        1 => Just(Step::Maintain),
        8 => (0..QUERIES.len() as u8, 0..40u8, 0..20u8, 0..3u8)
            .prop_map(|(query, from, to, step)| Step::Ask(query, from, to, step)),
    ]
}

/// A store, its cache and its time.
struct World {
    tsdb: Tsdb,
    cache: ResultCache,
    now: i64,
}

impl World {
    fn new(cache_bytes: usize) -> World {
        let config = Config {
            retention_millis: 90 * MINUTE,
            ..Config::default()
        };
        let disk = Arc::new(SimDisk::new());
        let opened = Tsdb::open(disk, Path::new("/tsdb"), config, Millis(START));
        World {
            tsdb: opened.unwrap().0,
            cache: ResultCache::new(cache_bytes),
            now: START,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(samples) => {
                for (first, series, age, value) in samples {
                    let time = self.now - i64::from(*age) * MINUTE;
                    self.write(name(*first), *series, time, f64::from(*value));
                }
            }
            Step::Pass(minutes) => self.now += i64::from(*minutes) * MINUTE,
            Step::Delete(first, from, to) => {
                let matcher = Matcher::equal("__name__", name(*first));
                let matchers = [LabelMatcher::compile(&matcher).unwrap()];
                let time = |age: u8| Millis(self.now - i64::from(age) * MINUTE);
                let (from, to) = (time(*from.max(to)), time(*from.min(to)));
                self.tsdb.delete(&matchers, from, to).unwrap();
            }
            Step::Flush => drop(self.tsdb.flush(Millis(self.now)).unwrap()),
            Step::Maintain => drop(self.tsdb.maintain(Millis(self.now)).unwrap()),
            Step::Ask(query, from, to, step) => {
                let step_ms = [30_000, 60_000, 100_000][usize::from(*step)];
                // Steps lie where they would for a dashboard.
                let aligned = self.now - self.now % step_ms;
                let end_ms = aligned - i64::from(*to) * MINUTE / 4;
                let range = TimeRange {
                    start_ms: end_ms - i64::from(*from) * step_ms,
                    end_ms,
                    step_ms,
                };
                self.check(QUERIES[usize::from(*query)], range);
            }
        }
    }

    fn write(&self, metric: &str, series: u8, time: i64, value: f64) {
        let labels = Labels::from_pairs([("__name__", metric), ("i", &series.to_string())]);
        let series = self.tsdb.intern(&labels).unwrap();
        self.tsdb.append(series, Millis(time), value).unwrap();
    }

    /// Returns what both ways answer, which must be the same.
    fn check(&self, query: &str, range: TimeRange) -> String {
        let engine = Engine::default();
        let source = SampleSource::new(&self.tsdb);
        let options = QueryOptions::default();
        let expr = weft_promql::parse(query).unwrap();
        let evaluate = |range| engine.range_expr(&source, &expr, query, range, &options);
        let asked = Asked {
            expr: &expr,
            range,
            lookback_ms: engine.options().lookback_ms,
            now: Millis(self.now),
        };
        let cached = self.cache.range(&self.tsdb, asked, evaluate).unwrap();
        let plain = evaluate(range).unwrap();
        let shown = |value: &Value| format!("{value:?}");
        assert_eq!(
            shown(&cached.value),
            shown(&plain.value),
            "{query} {range:?}"
        );
        shown(&cached.value)
    }
}

fn name(first: bool) -> &'static str {
    if first { "a" } else { "b" }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_answer_from_the_cache_is_the_answer(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(1 << 20);
        steps.iter().for_each(|step| world.take(step));
    }

    #[test]
    fn a_small_cache_forgets_but_does_not_err(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(4 << 10);
        for step in &steps {
            world.take(step);
            assert!(world.cache.stats().bytes <= 4 << 10);
        }
    }
}

/// An hour that ends at a time, in steps of a minute.
fn hour(end_ms: i64) -> TimeRange {
    TimeRange {
        start_ms: end_ms - 60 * MINUTE,
        end_ms,
        step_ms: MINUTE,
    }
}

fn filled() -> World {
    let mut world = World::new(1 << 20);
    for minute in 0..60 {
        world.write("a", 0, START + minute * MINUTE, minute as f64);
    }
    world.now = START + 60 * MINUTE;
    world
}

#[test]
fn a_refresh_is_answered_from_kept_steps() {
    let mut world = filled();
    world.check("sum(a)", hour(world.now));
    world.now += MINUTE;
    world.write("a", 0, world.now, 1.0);
    let answer = world.check("sum(a)", hour(world.now));
    assert!(answer.contains("59.0"));
    world.check("sum  (  a  )", hour(world.now));
    let stats = world.cache.stats();
    assert_eq!((stats.hits, stats.misses), (2, 1));
}

#[test]
fn a_late_sample_is_seen_at_once() {
    let world = filled();
    world.check("sum(a)", hour(world.now));
    world.write("a", 1, START + 30 * MINUTE, 1000.0);
    assert!(world.check("sum(a)", hour(world.now)).contains("1030.0"));
    // The steps before it were still good.
    assert_eq!(world.cache.stats().hits, 1);
}

#[test]
fn nothing_is_kept_without_bytes() {
    let mut world = filled();
    world.cache = ResultCache::new(0);
    world.check("sum(a)", hour(world.now));
    world.check("sum(a)", hour(world.now));
    assert_eq!(world.cache.stats(), super::CacheStats::default());
}

#[test]
fn samples_that_age_out_are_not_answered_from_kept_steps() {
    let mut world = filled();
    let range = hour(world.now);
    world.check("sum(a)", range);
    world.now += 60 * MINUTE;
    world.tsdb.maintain(Millis(world.now)).unwrap();
    world.check("sum(a)", range);
    assert_eq!(world.cache.stats().hits, 0);
}
