//! Windows slide over the steps and yield what each step would alone.

use proptest::prelude::*;
use weft_promql::{Engine, NameRemoval, Options};

use super::source::{Floats, all_at_once, step_by_step};

/// Queries whose result is the same bit by bit, whatever the samples are.
const EXACT: &[&str] = &[
    "m",
    "rate(m[1m])",
    "increase(m[45s])",
    "delta(m[10s])",
    "irate(m[20s])",
    "idelta(m[1m])",
    "resets(m[1m])",
    "changes(m[1m])",
    "max_over_time(m[1m])",
    "min_over_time(m[1m])",
    "ts_of_max_over_time(m[1m])",
    "ts_of_min_over_time(m[1m])",
    "count_over_time(m[5s])",
    "quantile_over_time(0.3, m[1m])",
    "quantile_over_time(2, m[1m])",
    "mad_over_time(m[1m])",
    "stddev_over_time(m[40s])",
    "stdvar_over_time(m[1m])",
    "deriv(m[1m])",
    "predict_linear(m[1m], 9)",
    "double_exponential_smoothing(m[1m], 0.3, 0.6)",
    "last_over_time(m[1m])",
    "sum(m)",
    "m > 5 or m",
    "max_over_time(sum(m)[20s:2s])",
    "quantile_over_time(0.5, abs(m)[1m:2s])",
];

/// Queries that may differ in the last bit where samples are no whole numbers.
const CLOSE: &[&str] = &["sum_over_time(m[1m])", "avg_over_time(m[1m])"];

fn series(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<(i64, f64)>> {
    proptest::collection::vec((1..2000i64, value), 0..160).prop_map(|steps| {
        let mut time = -20_000;
        let grown = steps.into_iter().map(|(step, value)| {
            time += step;
            (time, value)
        });
        grown.collect()
    })
}

fn whole() -> impl Strategy<Value = f64> {
    prop_oneof![
        9 => (0..20i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(weft_model::stale_nan()),
    ]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-1000..1000i32).prop_map(|value| f64::from(value) * 0.1),
        1 => Just(1e300),
        1 => Just(5.0),
    ]
}

fn check(all: Vec<Vec<(i64, f64)>>, query: &str, tolerance: f64) -> Result<(), TestCaseError> {
    let engine = Engine::new(Options {
        lookback_ms: 7000,
        name_removal: NameRemoval::Delayed,
        ..Options::default()
    });
    let source = Floats(all);
    let single = step_by_step(&engine, &source, query);
    let together = all_at_once(&engine, &source, query);
    prop_assert_eq!(single.len(), together.len(), "{}", query);
    for (single, together) in single.iter().zip(&together) {
        prop_assert_eq!(
            (single.0, &single.1),
            (together.0, &together.1),
            "{}",
            query
        );
        let (one, other) = (single.2, together.2);
        let same = one == other || one.is_nan() && other.is_nan();
        let close = (one - other).abs() <= tolerance * one.abs().max(1.0);
        prop_assert!(same || close, "{}: {:?} {:?}", query, single, together);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_steps_at_once_are_what_each_step_is_alone(
        whole in proptest::collection::vec(series(whole()), 1..3),
        any in series(any_number()),
        at in any::<prop::sample::Index>(),
    ) {
        let query = EXACT[at.index(EXACT.len())];
        check(whole.clone(), query, 0.0)?;
        check(vec![any.clone()], query, 0.0)?;
        let query = CLOSE[at.index(CLOSE.len())];
        check(whole, query, 0.0)?;
        check(vec![any], query, 1e-13)?;
    }
}
