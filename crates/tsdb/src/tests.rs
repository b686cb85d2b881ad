//! Claims about the store.

use std::path::Path;
use std::sync::Arc;

use weft_disk::SimDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, Matcher, Millis};

use crate::{Config, Tsdb};

mod basics;
mod durability;
mod exemplars;
mod hostile;
mod meanwhile;
mod model;
mod retention;
mod rollups;
mod starts;
mod versions;

const DIR: &str = "/store";

/// Noon of a day: tests that need no other time begin here.
const NOON: i64 = 20_000 * 86_400_000 + 12 * 3_600_000;

/// A small store: little is kept, so that every path is taken.
fn small() -> Config {
    Config {
        head_window_millis: 60_000,
        reserve_bytes: 0,
        cache_bytes: 1 << 20,
        ..Config::default()
    }
}

fn open(disk: &SimDisk, config: Config, now: i64) -> Tsdb {
    let (store, report) =
        Tsdb::open(Arc::new(disk.clone()), Path::new(DIR), config, Millis(now)).unwrap();
    assert!(report.set_aside.is_empty(), "{report:?}");
    store
}

fn labels(metric: &str, instance: &str) -> Labels {
    Labels::from_pairs([
        ("__name__", metric),
        ("instance", instance),
        ("job", "test"),
    ])
}

fn matchers(list: &[(&str, MatchOp, &str)]) -> Vec<LabelMatcher> {
    let compiled = |(name, op, value): &(&str, MatchOp, &str)| {
        LabelMatcher::compile(&Matcher::new(*name, *op, *value)).unwrap()
    };
    list.iter().map(compiled).collect()
}

fn of_metric(metric: &str) -> Vec<LabelMatcher> {
    matchers(&[("__name__", MatchOp::Equal, metric)])
}

/// Returns all that is selected, series without samples left out.
fn read(
    store: &Tsdb,
    matchers: &[LabelMatcher],
    start: i64,
    end: i64,
) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let selection = store.select(matchers, Millis(start), Millis(end)).unwrap();
    let mut found = Vec::new();
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        selection.read(at, &mut times, &mut values).unwrap();
        let samples: Vec<(i64, u64)> = times
            .into_iter()
            .zip(values.iter().map(|value| value.to_bits()))
            .collect();
        if !samples.is_empty() {
            found.push((selection.labels(at).unwrap(), samples));
        }
    }
    found.sort();
    found
}
