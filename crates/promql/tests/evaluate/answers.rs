//! What is answered, alone and side by side.

use weft_model::{Labels, Matcher};
use weft_promql::{
    Column, Engine, QueryOptions, SelectHints, SeriesSet, Source, SourceError, TimeRange,
};

use super::source::{Floats, Threads, many, range};

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
        "stddev(m * 0.1)",
        "avg(m * 0.1)",
        "count_values(\"v\", m)",
        "bottomk by (i) (1, m)",
        "absent(m)",
        "m / m",
        "sort_desc(m)",
    ] {
        let alone = range(&engine, &source, query, &QueryOptions::default());
        assert_eq!(alone, range(&engine, &source, query, &threads), "{query}");
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

/// Two metrics with the same other labels.
struct Twins;

impl Source for Twins {
    fn select(
        &self,
        _matchers: &[Matcher],
        _start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(TwinsAt(end_ms)))
    }
}

struct TwinsAt(i64);

impl SeriesSet for TwinsAt {
    fn len(&self) -> usize {
        2
    }

    fn labels(&self, series: usize) -> Labels {
        Labels::from_pairs([("__name__", ["a", "b"][series]), ("host", "x")])
    }

    fn read(&self, _series: usize, into: &mut Column) -> Result<(), SourceError> {
        into.push(self.0 - 1000, 1.0);
        into.push(self.0, 2.0);
        Ok(())
    }
}

#[test]
fn series_that_come_to_be_alike_are_a_fault_also_within_an_aggregation() {
    let engine = Engine::default();
    let answer = |query: &str| engine.instant(&Twins, query, 60_000, &QueryOptions::default());
    for query in [
        "rate({__name__=~\".+\"}[1m])",
        "sum(rate({__name__=~\".+\"}[1m]))",
        "count(abs({__name__=~\".+\"}))",
        "topk(1, {__name__=~\".+\"} * 2)",
        "max(-{__name__=~\".+\"})",
        "quantile(0.5, {__name__=~\".+\"} > bool 1)",
    ] {
        let error = answer(query)
            .expect_err("series come to be alike")
            .to_string();
        let expected = "vector cannot contain metrics with the same labelset";
        assert_eq!(error, expected, "{query}");
    }
    for query in ["count({__name__=~\".+\"})", "sum({__name__=~\".+\"} > 0)"] {
        let answer = answer(query).expect("names tell them apart");
        assert_eq!(answer.stats.series, 2, "{query}");
    }
}
