//! The evaluator against a naive model, its limits, and side-by-side evaluation.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use weft_model::{Labels, Matcher};
use weft_promql::{
    Cancel, Column, Engine, Interrupt, Limits, NameRemoval, Options, Pool, QueryError,
    QueryOptions, SelectHints, SeriesSet, Source, SourceError, TimeRange, Value,
};

/// Series of floats, all selected by any query.
struct Floats(Vec<Vec<(i64, f64)>>);

struct Selection<'a> {
    floats: &'a Floats,
    start: i64,
    end: i64,
}

impl Source for Floats {
    fn select(
        &self,
        _matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(Selection {
            floats: self,
            start: start_ms,
            end: end_ms,
        }))
    }
}

impl SeriesSet for Selection<'_> {
    fn len(&self) -> usize {
        self.floats.0.len()
    }

    fn labels(&self, series: usize) -> Labels {
        Labels::from_pairs([("__name__", "m".to_owned()), ("i", format!("{series:05}"))])
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        for (time, value) in &self.floats.0[series] {
            if (self.start..=self.end).contains(time) {
                into.push(*time, *value);
            }
        }
        Ok(())
    }
}

fn range(engine: &Engine, source: &Floats, query: &str, options: &QueryOptions<'_>) -> String {
    let range = TimeRange {
        start_ms: 0,
        end_ms: 100_000,
        step_ms: 3000,
    };
    let answer = engine
        .range(source, query, range, options)
        .expect("a valid query");
    format!("{:?}", answer.value)
}

/// Returns what a query evaluates to at each step by itself.
fn step_by_step(engine: &Engine, source: &Floats, query: &str) -> Vec<(i64, String, f64)> {
    let mut all = Vec::new();
    for time in (0..=100_000).step_by(3000) {
        let answer = engine
            .instant(source, query, time, &QueryOptions::default())
            .expect("a valid query");
        let Value::Vector(samples) = answer.value else {
            panic!("expected a vector");
        };
        for sample in samples {
            if let weft_promql::SampleValue::Float(value) = sample.value {
                all.push((time, sample.labels.to_string(), value));
            }
        }
    }
    all.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    all
}

fn all_at_once(engine: &Engine, source: &Floats, query: &str) -> Vec<(i64, String, f64)> {
    let range = TimeRange {
        start_ms: 0,
        end_ms: 100_000,
        step_ms: 3000,
    };
    let answer = engine
        .range(source, query, range, &QueryOptions::default())
        .expect("a valid query");
    let Value::Matrix(series) = answer.value else {
        panic!("expected a matrix");
    };
    let samples = series.iter().flat_map(|series| {
        let labels = series.labels.to_string();
        series
            .floats
            .iter()
            .map(move |(time, value)| (*time, labels.clone(), *value))
    });
    samples.collect()
}

fn series() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        (0..20i32).prop_map(f64::from),
        Just(f64::NAN),
        Just(weft_model::stale_nan()),
    ];
    proptest::collection::vec((1..4000i64, value), 0..120).prop_map(|steps| {
        let mut time = -20_000;
        let grown = steps.into_iter().map(|(step, value)| {
            time += step;
            (time, value)
        });
        grown.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_steps_at_once_are_what_each_step_is_alone(
        all in proptest::collection::vec(series(), 1..4),
        at in 0..16usize,
    ) {
        let queries = [
            "m", "rate(m[30s])", "increase(m[45s])", "delta(m[10s])", "irate(m[20s])",
            "resets(m[1m])", "changes(m[1m])", "max_over_time(m[1m])", "min_over_time(m[1m])",
            "sum_over_time(m[1m])", "avg_over_time(m[20s])", "count_over_time(m[5s])",
            "sum(m)", "m > 5 or m", "max_over_time(sum(m)[20s:2s])", "stddev_over_time(m[40s])",
        ];
        let engine = Engine::new(Options {
            lookback_ms: 7000,
            name_removal: NameRemoval::Delayed,
            ..Options::default()
        });
        let source = Floats(all);
        let single = step_by_step(&engine, &source, queries[at]);
        let together = all_at_once(&engine, &source, queries[at]);
        prop_assert_eq!(single.len(), together.len());
        for (single, together) in single.iter().zip(&together) {
            prop_assert_eq!((single.0, &single.1), (together.0, &together.1));
            let close = (single.2 - together.2).abs() <= 1e-9 * single.2.abs().max(1.0);
            prop_assert!(close || single.2.is_nan() && together.2.is_nan(), "{:?} {:?}", single, together);
        }
    }
}

fn many() -> Floats {
    Floats(
        (0..2000)
            .map(|i| {
                (0..20)
                    .map(|t| (t * 5000, f64::from(i) + t as f64))
                    .collect()
            })
            .collect(),
    )
}

/// Runs the last task first, each on its own thread.
struct Threads;

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for at in (0..tasks).rev() {
                scope.spawn(move || task(at));
            }
        });
    }
}

#[test]
fn threads_do_not_change_the_answer() {
    let (engine, source) = (Engine::default(), many());
    let threads = QueryOptions {
        pool: &Threads,
        ..QueryOptions::default()
    };
    for query in [
        "sum(rate(m[20s]))",
        "topk(3, m)",
        "avg(m)",
        "m",
        "quantile(0.9, m)",
    ] {
        let alone = range(&engine, &source, query, &QueryOptions::default());
        assert_eq!(alone, range(&engine, &source, query, &threads), "{query}");
    }
}

#[track_caller]
fn check_fails(query: &str, options: &QueryOptions<'_>, expected: &str) {
    let answer = Engine::default().instant(&many(), query, 50_000, options);
    let error = answer.expect_err("the query is stopped");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn limits_end_a_query() {
    let limited = |limits: Limits| QueryOptions {
        limits,
        ..QueryOptions::default()
    };
    let samples = Limits {
        samples_max: 1000,
        ..Limits::default()
    };
    check_fails(
        "m",
        &limited(samples),
        "query processing would load too many samples into memory in query execution",
    );
    let bytes = Limits {
        bytes_max: 10_000,
        ..Limits::default()
    };
    check_fails(
        "sort(m)",
        &limited(bytes),
        "query processing would hold more than 10000 bytes in memory: select fewer series, a \
         shorter range or a longer step",
    );
    let range = TimeRange {
        start_ms: 0,
        end_ms: 12_000_000,
        step_ms: 1000,
    };
    let error = Engine::default()
        .range(&many(), "m", range, &QueryOptions::default())
        .unwrap_err();
    assert!(matches!(error, QueryError::BadData(_)));
    assert_eq!(
        error.to_string(),
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
         resolution (?step=XX)"
    );
}

/// Gives up after some questions.
struct After(AtomicUsize, Interrupt);

impl Cancel for After {
    fn interrupted(&self) -> Option<Interrupt> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        (left == 0).then_some(self.1)
    }
}

#[test]
fn a_query_ends_when_the_caller_gives_up() {
    for (interrupt, expected) in [
        (
            Interrupt::Timeout,
            "query timed out in expression evaluation",
        ),
        (
            Interrupt::Canceled,
            "query was canceled in expression evaluation",
        ),
    ] {
        let cancel = After(AtomicUsize::new(3), interrupt);
        let options = QueryOptions {
            cancel: &cancel,
            ..QueryOptions::default()
        };
        check_fails("sum(m)", &options, expected);
    }
}

#[test]
fn ranges_and_texts_are_no_range_queries() {
    let range = TimeRange {
        start_ms: 0,
        end_ms: 1000,
        step_ms: 1000,
    };
    for (query, kind) in [("m[5m]", "range vector"), ("\"text\"", "string")] {
        let error = Engine::default()
            .range(&many(), query, range, &QueryOptions::default())
            .unwrap_err();
        let expected = format!(
            "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn names_go_at_once_by_default() {
    let source = Floats(vec![vec![(0, 1.0)]]);
    let answer = |query| {
        let answer = Engine::default().instant(&source, query, 0, &QueryOptions::default());
        answer.map(|answer| format!("{:?}", answer.value))
    };
    assert!(!answer("abs(m)").unwrap().contains("m{"));
    let grouped = answer("sum by (__name__) (abs(m))").unwrap();
    assert!(grouped.contains("labels: {}"), "{grouped}");
}

#[test]
fn the_highest_tree_that_parses_is_evaluated() {
    let source = Floats(vec![vec![(0, 1.0)]]);
    let evaluate = |query: &str| {
        let answer = Engine::default().instant(&source, query, 0, &QueryOptions::default());
        answer.map(|answer| format!("{:?}", answer.value))
    };
    let chain = vec!["m"; 240].join(" + ");
    assert!(evaluate(&chain).unwrap().contains("Float(240.0)"));
    let nested = format!("{}m{}", "abs(".repeat(95), ")".repeat(95));
    assert!(evaluate(&nested).unwrap().contains("Float(1.0)"));
    let subqueries = format!(
        "{}m{}",
        "max_over_time(abs(".repeat(40),
        ")[1m:])".repeat(40)
    );
    assert!(evaluate(&subqueries).unwrap().contains("Float(1.0)"));
}

#[test]
fn a_subquery_of_too_many_steps_is_refused() {
    check_fails(
        "max_over_time(m[100y:1ms])",
        &QueryOptions::default(),
        "subquery has more than 10000000 steps",
    );
}
