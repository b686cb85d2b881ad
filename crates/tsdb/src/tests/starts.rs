//! Start timestamps: a map from times is the truth.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weft_disk::SimDisk;
use weft_model::{FloatHistogram, Millis};

use super::{NOON, labels, of_metric, open, small};
use crate::{Newest, Tsdb};

/// What is done to the store.
#[derive(Clone, Debug)]
enum Step {
    /// Appends a float at a distance from the newest time.
    Float {
        ahead: i64,
        start: i64,
    },
    /// Likewise a histogram.
    Histogram {
        ahead: i64,
        start: i64,
    },
    Flush,
    Maintain,
    Delete {
        from: i64,
        len: i64,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let start = prop_oneof![3 => Just(NOON - 7), 2 => Just(0), 2 => 1..50i64];
    let ahead = prop_oneof![8 => 1..20i64, 1 => -200..0i64, 1 => Just(8_000_000)];
    prop_oneof![
        30 => (ahead.clone(), start.clone()).prop_map(|(ahead, start)| Step::Float { ahead, start }),
        4 => (ahead, start).prop_map(|(ahead, start)| Step::Histogram { ahead, start }),
        3 => Just(Step::Flush),
        1 => Just(Step::Maintain),
        1 => (0..300i64, 0..50i64).prop_map(|(from, len)| Step::Delete { from, len }),
        1 => Just(Step::Reopen),
    ]
}

/// Times of samples with their start timestamps; a histogram has its own place at a time.
type Truth = BTreeMap<i64, i64>;

fn apply(disk: &SimDisk, store: &mut Tsdb, truth: &mut Truth, newest: &mut i64, step: &Step) {
    let now = Millis(*newest);
    match *step {
        Step::Float { ahead, start } | Step::Histogram { ahead, start } => {
            let time = *newest + ahead;
            *newest = time.max(*newest);
            let series = store.intern(&labels("m", "i")).unwrap();
            let (at, since) = (Millis(time), Millis(start));
            if matches!(step, Step::Float { .. }) {
                store.append_since(series, at, since, 1.5).unwrap();
            } else {
                let histogram = FloatHistogram::default();
                store
                    .append_histogram_since(series, at, since, histogram)
                    .unwrap();
            }
            truth.insert(time, start);
        }
        Step::Flush => drop(store.flush(now).unwrap()),
        Step::Maintain => while store.maintain(now).unwrap().more {},
        Step::Delete { from, len } => {
            let (start, end) = (*newest - from, *newest - from + len);
            store.flush(now).unwrap();
            store
                .delete(&of_metric("m"), Millis(start), Millis(end))
                .unwrap();
            truth.retain(|time, _| !(start..=end).contains(time));
        }
        Step::Reopen => {
            store.flush(now).unwrap();
            *store = open(disk, small(), *newest);
        }
    }
}

fn check(store: &Tsdb, truth: &Truth, from: i64, to: i64) {
    let expected: Vec<(i64, i64)> = truth
        .range(from..=to)
        .filter(|(_, start)| **start != 0)
        .map(|(time, start)| (*time, *start))
        .collect();
    let selection = store
        .select(&of_metric("m"), Millis(from), Millis(to))
        .unwrap();
    let mut found = Vec::new();
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let beside = selection.read_all(at, &mut times, &mut values).unwrap();
        found.extend(beside.starts);
        if let Newest::Float(time, _) = selection.newest(at, Millis(to), Millis(from)).unwrap() {
            assert_eq!(truth.get(&time), Some(&0), "the newest has a start");
        }
    }
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn starts_come_back_with_their_samples(
        steps in prop::collection::vec(step(), 1..120), from in 0..400i64, len in 0..200i64,
    ) {
        let disk = SimDisk::new();
        let mut store = open(&disk, small(), NOON);
        let (mut truth, mut newest) = (Truth::new(), NOON);
        for step in &steps {
            apply(&disk, &mut store, &mut truth, &mut newest, step);
        }
        check(&store, &truth, NOON - 1000, i64::MAX / 2);
        check(&store, &truth, NOON + from, NOON + from + len);
        store.flush(Millis(newest)).unwrap();
        check(&store, &truth, NOON - 1000, i64::MAX / 2);
        let store = open(&disk, small(), newest);
        check(&store, &truth, NOON - 1000, i64::MAX / 2);
        check(&store, &truth, NOON + from, NOON + from + len);
    }
}
