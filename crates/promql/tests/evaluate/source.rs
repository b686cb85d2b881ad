//! Series of floats in memory, and ways to evaluate queries over them.

use weft_model::{Labels, Matcher};
use weft_promql::{
    Column, Engine, Pool, QueryOptions, SelectHints, SeriesSet, Source, SourceError, TimeRange,
    Value,
};

/// Series of floats, all selected by any query.
pub(super) struct Floats(pub(super) Vec<Vec<(i64, f64)>>);

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

pub(super) fn range(
    engine: &Engine,
    source: &Floats,
    query: &str,
    options: &QueryOptions<'_>,
) -> String {
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
pub(super) fn step_by_step(
    engine: &Engine,
    source: &Floats,
    query: &str,
) -> Vec<(i64, String, f64)> {
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

pub(super) fn all_at_once(
    engine: &Engine,
    source: &Floats,
    query: &str,
) -> Vec<(i64, String, f64)> {
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

pub(super) fn many() -> Floats {
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
pub(super) struct Threads;

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for at in (0..tasks).rev() {
                scope.spawn(move || task(at));
            }
        });
    }
}
