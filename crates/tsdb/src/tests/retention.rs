//! Claims about what is kept: by selector, by size, and on a full disk.

use weft_disk::{Fault, SimDisk};
use weft_model::{MatchOp, Millis};

use super::{NOON, labels, matchers, of_metric, open, read, small};
use crate::{Config, Retention, Tsdb, WriteError};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

fn keeping(days: i64, rules: &[(&str, i64)]) -> Config {
    let rule = |(metric, hours): &(&str, i64)| Retention {
        matchers: matchers(&[("__name__", MatchOp::Regex, metric)]),
        retention_millis: hours * HOUR,
    };
    Config {
        retention_millis: days * DAY,
        retention_by: rules.iter().map(rule).collect(),
        ..small()
    }
}

/// Appends samples of three metrics every hour of some days until noon, and merges them.
fn written(disk: &SimDisk, config: Config, days: i64) -> Tsdb {
    let store = open(disk, config, NOON - days * DAY);
    for hour in 0..=days * 24 {
        let time = NOON - days * DAY + hour * HOUR;
        for metric in ["debug", "usual", "slo"] {
            let series = store.intern(&labels(metric, "i")).unwrap();
            store.append(series, Millis(time), hour as f64).unwrap();
        }
        store.flush(Millis(time)).unwrap();
        maintain(&store, time);
    }
    store
}

fn maintain(store: &Tsdb, now: i64) {
    while store.maintain(Millis(now)).unwrap().more {}
}

/// Returns how many hours back the samples of a metric reach.
fn hours_kept(store: &Tsdb, metric: &str) -> i64 {
    let found = read(store, &of_metric(metric), 0, i64::MAX);
    let first = found.first().and_then(|(_, samples)| samples.first());
    first.map_or(-1, |(time, _)| (NOON - time) / HOUR)
}

#[test]
fn each_series_is_kept_as_long_as_its_rule_says() {
    let check = |days: i64, rules: &[(&str, i64)], expected: [i64; 3]| {
        let disk = SimDisk::new();
        let config = keeping(days, rules);
        let store = written(&disk, config.clone(), 6);
        let kept = |store: &Tsdb| ["debug", "usual", "slo"].map(|metric| hours_kept(store, metric));
        assert_eq!(kept(&store), expected, "{days} {rules:?}");
        drop(store);
        let store = open(&disk, config, NOON);
        maintain(&store, NOON);
        assert_eq!(kept(&store), expected, "after a restart: {days} {rules:?}");
    };
    check(4, &[], [96, 96, 96]);
    check(4, &[("debug", 30)], [30, 96, 96]);
    check(1, &[("slo", 5 * 24)], [24, 24, 120]);
    check(2, &[("debug", 30), ("slo", 100)], [30, 48, 100]);
    check(2, &[("debug|slo", 30), ("slo", 100)], [30, 48, 30]);
}

#[test]
fn beyond_the_horizon_the_strictest_rule_may_have_taken_something() {
    for (rules, hours) in [(&[][..], 48), (&[("slo", 90)], 48), (&[("debug", 6)], 6)] {
        let store = open(&SimDisk::new(), keeping(2, rules), NOON);
        assert_eq!(store.horizon(Millis(NOON)), Millis(NOON - hours * HOUR));
    }
}

#[test]
fn what_is_past_its_rule_leaves_the_disk() {
    let disk = SimDisk::new();
    let store = written(&disk, keeping(5, &[("debug|usual", 30)]), 4);
    let samples = store.status().parts_samples as i64;
    // Of the two, what lies in the two days that have something within 30 hours may remain.
    let most = 4 * 24 + 1 + 2 * (12 + 24 + 1);
    assert!(samples <= most, "{samples} of at most {most}");
    let merges = store.maintain(Millis(NOON)).unwrap().merges;
    assert_eq!(merges, 0, "nothing is written again for nothing");
}

#[test]
fn a_part_of_which_nothing_is_left_goes() {
    let disk = SimDisk::new();
    let store = written(&disk, keeping(5, &[(".*", 30)]), 4);
    let earliest = store.status().parts_range.unwrap().0;
    assert!(earliest >= NOON - DAY - 12 * HOUR, "{earliest}");
}

fn used(disk: &SimDisk) -> u64 {
    disk.files().iter().map(|(_, bytes)| bytes).sum()
}

#[test]
fn a_flush_on_a_full_disk_gives_up_the_oldest_days_if_it_may() {
    for limit in [None, Some(1 << 40)] {
        let disk = SimDisk::new();
        let config = Config {
            retention_bytes: limit,
            ..keeping(30, &[])
        };
        let store = written(&disk, config, 4);
        disk.set_fault(Some(Fault::Full {
            bytes: used(&disk) + 100,
        }));
        let series = store.intern(&labels("late", "i")).unwrap();
        store.append(series, Millis(NOON), 1.0).unwrap();
        let flushed = store.flush(Millis(NOON));
        match limit {
            None => assert!(
                matches!(flushed, Err(WriteError::Full { .. })),
                "{flushed:?}"
            ),
            Some(_) => assert!(flushed.unwrap().parts_shed > 0),
        }
        let late = read(&store, &of_metric("late"), 0, i64::MAX);
        assert_eq!(late.len(), 1, "what was taken is given");
        let earliest = store.status().parts_range.unwrap().0;
        let hours = if limit.is_some() { 84 } else { 96 };
        assert_eq!(earliest, NOON - hours * HOUR);
        disk.set_fault(None);
        store.flush(Millis(NOON)).unwrap();
        assert_eq!(store.status().samples_unflushed, 0);
    }
}

#[test]
fn a_disk_too_small_for_the_limit_counts_as_the_limit() {
    let disk = SimDisk::new();
    let config = Config {
        retention_bytes: Some(1 << 40),
        ..keeping(30, &[])
    };
    let store = written(&disk, config.clone(), 4);
    drop(store);
    let total = used(&disk) * 2;
    disk.set_fault(Some(Fault::Full { bytes: total }));
    let reserve_bytes = total - used(&disk) * 2 / 3;
    let config = Config {
        reserve_bytes,
        ..config
    };
    let store = open(&disk, config, NOON);
    assert!(store.maintain(Millis(NOON)).unwrap().parts_over_size > 0);
    assert!(store.status().parts_bytes <= total - reserve_bytes);
    assert!(hours_kept(&store, "slo") >= 0);
}

#[test]
fn a_store_on_a_full_disk_goes_on_when_there_is_space_again() {
    let disk = SimDisk::new();
    let store = written(&disk, keeping(3, &[("debug", 30)]), 3);
    for round in 1..20 {
        let now = NOON + round * HOUR;
        // Sometimes nothing fits, sometimes a flush does but no merge.
        let spare = [0, 600, 3_000][round as usize % 3];
        disk.set_fault(Some(Fault::Full {
            bytes: used(&disk) + spare,
        }));
        let series = store.intern(&labels("slo", "i")).unwrap();
        store.append(series, Millis(now), round as f64).unwrap();
        let _ = store.flush(Millis(now));
        let _ = store.maintain(Millis(now));
    }
    disk.set_fault(None);
    let now = NOON + 20 * HOUR;
    store.flush(Millis(now)).unwrap();
    maintain(&store, now);
    let slo = read(&store, &of_metric("slo"), 0, i64::MAX);
    let times: Vec<i64> = slo[0].1.iter().map(|(time, _)| *time).collect();
    let expected: Vec<i64> = (now - 3 * DAY..now).step_by(HOUR as usize).collect();
    assert_eq!(times, expected);
}
