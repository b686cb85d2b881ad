//! Roll-ups say what the samples say, wherever these lie.

use std::path::Path;

use proptest::prelude::*;
use weft_disk::{Disk, SimDisk};
use weft_model::{FloatHistogram, MatchOp, Millis, STALE_NAN_BITS};

use super::{DIR, NOON, labels, matchers, of_metric, open, small};
use crate::{Config, ROLLUP_RESOLUTIONS, Rollup, Tsdb};

const DAY: i64 = 86_400_000;

fn config() -> Config {
    Config {
        retention_millis: 100 * DAY,
        future_max_millis: 100 * DAY,
        ..small()
    }
}

/// Computes buckets in the plainest way.
fn naive(samples: &[(i64, f64)], resolution: i64) -> Vec<(i64, u64, u64, u64, u64)> {
    let mut ends: Vec<i64> = Vec::new();
    let end_of = |time: i64| (time + resolution - 1) / resolution * resolution;
    for (time, _) in samples {
        if ends.last() != Some(&end_of(*time)) {
            ends.push(end_of(*time));
        }
    }
    let bucket = |end: i64| {
        let of: Vec<f64> = samples
            .iter()
            .filter(|(time, _)| end_of(*time) == end)
            .map(|(_, value)| *value)
            .collect();
        let least = of.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let last = of[of.len() - 1];
        (
            end,
            of.len() as u64,
            least.to_bits(),
            greatest.to_bits(),
            last.to_bits(),
        )
    };
    ends.into_iter().map(bucket).collect()
}

fn key(rollup: &Rollup) -> (i64, u64, u64, u64, u64) {
    let bits = [rollup.min, rollup.max, rollup.last].map(f64::to_bits);
    (rollup.end, rollup.count, bits[0], bits[1], bits[2])
}

/// What is done between samples.
#[derive(Clone, Copy, Debug)]
enum Step {
    Samples { count: u8, apart: u32 },
    Late { back: u32 },
    Stale,
    Flush,
    Merge,
    Delete { back: u32, length: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..60, 1_000u32..3_000_000).prop_map(|(count, apart)| Step::Samples { count, apart }),
        1 => (0u32..200_000_000).prop_map(|back| Step::Late { back }),
        1 => Just(Step::Stale),
        3 => Just(Step::Flush),
        3 => Just(Step::Merge),
        1 => (0u32..200_000_000, 0u32..50_000_000)
            .prop_map(|(back, length)| Step::Delete { back, length }),
    ]
}

fn take(store: &Tsdb, now: &mut i64, step: Step) {
    let series = store.intern(&labels("m", "i")).unwrap();
    let value = |time: i64| (time / 7 % 1000) as f64;
    let append = |time: i64, value: f64| store.append(series, Millis(time), value).unwrap();
    match step {
        Step::Samples { count, apart } => {
            for _ in 0..count {
                *now += i64::from(apart);
                append(*now, value(*now));
            }
        }
        Step::Late { back } => append(*now - i64::from(back), -1.0),
        Step::Stale => append(*now, f64::from_bits(STALE_NAN_BITS)),
        Step::Flush => {
            store.flush(Millis(*now)).unwrap();
        }
        Step::Merge => while store.maintain(Millis(*now)).unwrap().more {},
        Step::Delete { back, length } => {
            let start = *now - i64::from(back);
            let end = start + i64::from(length);
            store
                .delete(&of_metric("m"), Millis(start), Millis(end))
                .unwrap();
        }
    }
}

fn check(store: &Tsdb, start: i64, end: i64) {
    let selection = store
        .select(&of_metric("m"), Millis(start), Millis(end))
        .unwrap();
    for resolution in ROLLUP_RESOLUTIONS {
        let whole = |time: i64| time / resolution * resolution;
        let (start, end) = (whole(start) + resolution, whole(end));
        for at in 0..selection.len() {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            selection.read(at, &mut times, &mut values).unwrap();
            let samples = times.into_iter().zip(values);
            let samples: Vec<(i64, f64)> = samples
                .filter(|(time, value)| (start + 1..=end).contains(time) && !value.is_nan())
                .collect();
            let rollups = selection
                .rollups(at, resolution, start, end)
                .unwrap()
                .unwrap();
            let found: Vec<_> = rollups.iter().map(key).collect();
            assert_eq!(found, naive(&samples, resolution));
            for bucket in &rollups {
                let within = |(time, _): &&(i64, f64)| {
                    (bucket.end - resolution + 1..=bucket.end).contains(time)
                };
                let times = || samples.iter().filter(within).map(|(time, _)| *time);
                let extent = times().min().zip(times().max());
                let found = bucket.extent.map(|extent| (extent.first, extent.last));
                assert!(found.is_none() || found == extent, "{bucket:?} {extent:?}");
            }
            let sum: Option<f64> = rollups.iter().map(|rollup| rollup.sum).sum();
            assert_eq!(sum, Some(samples.iter().map(|(_, value)| value).sum()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn roll_ups_are_those_of_the_samples(steps in prop::collection::vec(step(), 1..30)) {
        let disk = SimDisk::new();
        let store = open(&disk, config(), NOON);
        let mut now = NOON;
        for step in steps {
            take(&store, &mut now, step);
        }
        let (start, end) = (NOON - 3 * DAY, now + DAY);
        check(&store, start, end);
        store.flush(Millis(now)).unwrap();
        while store.maintain(Millis(now + 3 * DAY)).unwrap().more {}
        check(&store, start, end);
        drop(store);
        let store = open(&disk, config(), now + DAY);
        check(&store, start, end);
        check(&store, NOON + 3_600_000, now - 3_600_000);
    }
}

/// Returns a store with a day that is merged into one part.
fn merged(disk: &SimDisk) -> Tsdb {
    merged_with(disk, config())
}

fn merged_with(disk: &SimDisk, config: Config) -> Tsdb {
    let store = open(disk, config.clone(), NOON);
    let floats = store.intern(&labels("m", "i")).unwrap();
    let histograms = store.intern(&labels("h", "i")).unwrap();
    for part in 0..2 {
        for minute in 0..60 {
            let time = Millis(NOON + (part * 60 + minute) * 60_000);
            store.append(floats, time, minute as f64).unwrap();
            let histogram = FloatHistogram::default();
            store.append_histogram(histograms, time, histogram).unwrap();
        }
        store.flush(Millis(NOON)).unwrap();
    }
    while store.maintain(Millis(NOON + 3 * DAY)).unwrap().more {}
    drop(store);
    open(disk, config, NOON + 3 * DAY)
}

#[test]
fn a_series_of_histograms_has_no_roll_ups() {
    let disk = SimDisk::new();
    let store = merged(&disk);
    let (start, end) = (NOON - DAY, NOON + DAY);
    for (metric, has) in [("m", true), ("h", false)] {
        let matchers = matchers(&[("__name__", MatchOp::Equal, metric)]);
        let selection = store.select(&matchers, Millis(start), Millis(end)).unwrap();
        let rollups = selection.rollups(0, 300_000, start, end).unwrap();
        assert_eq!(rollups.is_some(), has, "{metric}");
        let unaligned = selection.rollups(0, 3_600_000, start + 1, end).unwrap();
        assert_eq!(unaligned, None);
    }
}

#[test]
fn the_roll_ups_of_a_merged_day_are_read_without_its_samples() {
    let disk = SimDisk::new();
    let store = merged(&disk);
    let part = disk.list(Path::new(DIR)).unwrap().remove(0);
    // The first page lies behind the first columns of times, close to the beginning.
    for byte in 12..200 {
        disk.flip_bit(&part.path, byte, 3);
    }
    let (start, end) = (NOON - DAY, NOON + DAY);
    let selection = store
        .select(&of_metric("m"), Millis(start), Millis(end))
        .unwrap();
    let rollups = selection.rollups(0, 300_000, start, end).unwrap().unwrap();
    assert_eq!(rollups.iter().map(|rollup| rollup.count).sum::<u64>(), 120);
    let read = selection.read(0, &mut Vec::new(), &mut Vec::new());
    assert!(read.is_err(), "the samples themselves are damaged");
}

#[test]
fn a_store_without_roll_ups_neither_writes_nor_gives_any() {
    let disk = SimDisk::new();
    drop(merged(&disk));
    let day = |disk: &SimDisk| {
        let files = disk.files();
        files.iter().map(|(_, bytes)| bytes).sum::<u64>()
    };
    let with = day(&disk);
    let without = Config {
        rollups: false,
        ..config()
    };
    let store = open(&disk, without.clone(), NOON + 3 * DAY);
    let (start, end) = (NOON - DAY, NOON + DAY);
    let selection = store
        .select(&of_metric("m"), Millis(start), Millis(end))
        .unwrap();
    assert_eq!(selection.rollup_resolutions(), &[] as &[i64]);
    assert_eq!(selection.rollups(0, 300_000, start, end).unwrap(), None);

    let disk = SimDisk::new();
    drop(merged_with(&disk, without));
    assert!(day(&disk) < with, "{} of {with} bytes", day(&disk));
}
