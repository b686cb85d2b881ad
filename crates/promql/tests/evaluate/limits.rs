//! Limits, and callers who give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use weft_model::Matcher;
use weft_promql::{
    Budget, Cancel, Engine, Interrupt, Limits, QueryError, QueryOptions, SelectHints, SeriesSet,
    Source, SourceError, TimeRange,
};

use super::source::{Floats, many};

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

#[test]
fn a_query_that_selects_too_much_is_refused_before_it_reads() {
    let wide = Limits {
        work_max: 1_000_000,
        ..Limits::default()
    };
    let refused = |query: &str, limits: Limits| {
        let options = QueryOptions {
            limits,
            ..QueryOptions::default()
        };
        let month = TimeRange {
            start_ms: 0,
            end_ms: 30 * 86_400_000,
            step_ms: 240_000,
        };
        let answer = Engine::default().range(&many(), query, month, &options);
        answer.expect_err("the query is refused").to_string()
    };
    assert_eq!(
        refused("sum(rate(m[5m]))", wide),
        "query would look at about 21602000 samples of 2000 series, more than 1000000: select fewer \
         series, a shorter range or a longer step"
    );
    let narrow = Limits {
        samples_max: 1_000_000,
        ..Limits::default()
    };
    assert_eq!(
        refused("m", narrow),
        "query processing would load too many samples into memory in query execution"
    );
}

/// Knows how many series there are, and must not be asked for them.
struct Counted;

impl Source for Counted {
    fn series_beyond(&self, _: &[Matcher], most: usize) -> Option<usize> {
        (most < 5000).then_some(5000)
    }

    fn select(
        &self,
        _: &[Matcher],
        _: i64,
        _: i64,
        _: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        panic!("nothing is selected")
    }
}

#[test]
fn what_is_known_to_be_too_much_is_refused_before_it_is_selected() {
    let query = "sum(sum_over_time(m[30d:1s]))";
    let refused = Engine::default().instant(&Counted, query, 0, &QueryOptions::default());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "query would look at about 12960000000 samples of 5000 series, more than 2000000000: \
         select fewer series, a shorter range or a longer step"
    );
}

/// Keeps what is expected, and refuses more than a number.
struct Expecting(AtomicU64);

impl Cancel for Expecting {
    fn interrupted(&self) -> Option<Interrupt> {
        None
    }

    fn expects(&self, samples: u64) -> Result<(), QueryError> {
        self.0.fetch_max(samples, Ordering::Relaxed);
        match samples {
            ..100_000 => Ok(()),
            _ => Err(QueryError::Overloaded("not now".to_owned())),
        }
    }
}

#[test]
fn the_caller_is_told_what_a_selection_will_look_at() {
    let cancel = Expecting(AtomicU64::new(0));
    let options = QueryOptions {
        cancel: &cancel,
        ..QueryOptions::default()
    };
    let answer = Engine::default().instant(&many(), "sum(m)", 50_000, &options);
    assert!(answer.is_ok());
    assert_eq!(cancel.0.load(Ordering::Relaxed), 2000);
    check_fails("sum(sum_over_time(m[1h:1s]))", &options, "not now");
}

#[test]
fn all_queries_together_keep_to_a_budget() {
    let budget = Arc::new(Budget::new(50_000));
    let options = QueryOptions {
        budget: Some(Arc::clone(&budget)),
        ..QueryOptions::default()
    };
    let error = Engine::default().instant(&many(), "sort(m)", 50_000, &options);
    let error = error.expect_err("the budget is small");
    assert!(matches!(error, QueryError::Overloaded(_)), "{error}");
    assert_eq!(budget.bytes_held(), 0, "what was held is given back");
    let answer = Engine::default().instant(&many(), "sum(m)", 50_000, &options);
    assert!(answer.is_ok(), "what is small goes on");
    assert_eq!(budget.bytes_held(), 0);
}
