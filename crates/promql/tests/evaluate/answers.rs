//! What is answered, alone and side by side.

use weft_promql::{Engine, QueryOptions, TimeRange};

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
