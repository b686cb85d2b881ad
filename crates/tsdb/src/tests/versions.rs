//! Parts of earlier versions, as their releases wrote them, open and answer as they did.

use std::path::Path;
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_model::{Labels, MatchOp, Millis};

use super::{DIR, matchers, of_metric};
use crate::{Config, Tsdb, check};

/// Three metrics of 200 hosts each, eight samples half an hour apart; one series of histograms.
const VERSION_ONE: &[u8] = include_bytes!("data/version-1.part");

const NOON: i64 = 1_700_049_600_000;

fn opened(part: &[u8]) -> (SimDisk, Tsdb) {
    let disk = SimDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    let path = Path::new(DIR).join("0000000000000001.part");
    disk.create(&path).unwrap().write_at(0, part).unwrap();
    let config = Config::default();
    let opened = Tsdb::open(Arc::new(disk.clone()), Path::new(DIR), config, Millis(NOON));
    let (store, report) = opened.unwrap();
    assert_eq!(report.parts, 1);
    (disk, store)
}

fn expected(host: i64) -> (Labels, Vec<i64>, Vec<f64>) {
    let labels = Labels::from_pairs([
        ("__name__", format!("metric_{}", host % 3)),
        ("instance", format!("host-{host:03}")),
        ("job", "fixture".to_owned()),
    ]);
    let time = |k: i64| NOON - 3 * 3_600_000 + k * 1_800_000 + host % 5;
    let value = |k: i64| (host * 10 + k) as f64 / 4.0;
    (
        labels,
        (0..8).map(time).collect(),
        (0..8).map(value).collect(),
    )
}

fn check_answers(store: &Tsdb) {
    let (from, to) = (Millis(NOON - 86_400_000), Millis(NOON + 86_400_000));
    let floats = store
        .select(
            &matchers(&[("__name__", MatchOp::Regex, "metric_.*")]),
            from,
            to,
        )
        .unwrap();
    assert_eq!(floats.len(), 600);
    for at in 0..floats.len() {
        let found = floats.labels(at).unwrap();
        let host = found.get("instance")[5..].parse().unwrap();
        let (labels, times, values) = expected(host);
        assert_eq!(found, labels);
        let newest = floats.newest(at, to, from).unwrap().float();
        assert_eq!(newest, Some((times[7], values[7])));
        let (mut read_times, mut read_values) = (Vec::new(), Vec::new());
        floats.read(at, &mut read_times, &mut read_values).unwrap();
        assert_eq!((read_times, read_values), (times, values));
    }
    let histograms = store.select(&of_metric("histogram"), from, to).unwrap();
    let read = histograms.read_histograms(0).unwrap();
    let expected: Vec<(i64, f64)> = (0..3).map(|k| (NOON + k * 15_000, 12.5)).collect();
    let sums: Vec<(i64, f64)> = read.iter().map(|(time, of)| (*time, of.sum)).collect();
    assert_eq!(sums, expected);
}

#[test]
fn a_part_of_version_one_answers() {
    let (disk, store) = opened(VERSION_ONE);
    check_answers(&store);
    drop(store);
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!((report.series, report.samples), (601, 4803));
}

#[test]
fn a_part_of_version_one_is_merged_with_one_of_today() {
    let (disk, store) = opened(VERSION_ONE);
    let labels = Labels::from_pairs([("__name__", "another"), ("job", "fixture")]);
    let series = store.intern(&labels).unwrap();
    store.append(series, Millis(NOON), 1.0).unwrap();
    store.flush(Millis(NOON)).unwrap();
    while store.maintain(Millis(NOON + 2 * 86_400_000)).unwrap().more {}
    assert_eq!(store.status().parts, 1);
    check_answers(&store);
    drop(store);
    let part = disk.list(Path::new(DIR)).unwrap().pop().unwrap();
    assert_eq!(
        disk.read(&part.path).unwrap()[8],
        3,
        "it is written as today"
    );
}
