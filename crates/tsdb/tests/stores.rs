//! Stores that earlier versions wrote open and say what they said then.
//!
//! Below `data/stores/<version>` lies what the example `store_fixture` wrote with the last build
//! of that version, and in `<version>.txt` what was read from it. A new version of the format
//! adds a directory and a name to the list here, and changes none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect_file;
use weft_disk::{Disk, SimDisk};
use weft_model::{FloatHistogram, Millis};
use weft_tsdb::{Config, ROLLUP_RESOLUTIONS, Selection, Tsdb, check};

const DIR: &str = "/store";
const DAY: i64 = 20_000 * 86_400_000;
const END: i64 = DAY + 2 * 86_400_000;

/// Copies a committed store onto a disk of its own.
fn copied(version: &str) -> SimDisk {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores");
    let disk = SimDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    for entry in std::fs::read_dir(from.join(version)).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        assert!(content.len() < 64 << 10, "{path:?} is small");
        let to: PathBuf = [Path::new(DIR), Path::new(path.file_name().unwrap())]
            .iter()
            .collect();
        disk.create(&to).unwrap().write_at(0, &content).unwrap();
    }
    disk
}

fn open(disk: &SimDisk) -> Tsdb {
    let config = Config {
        retention_millis: 1 << 40,
        ..Config::default()
    };
    let opened = Tsdb::open(Arc::new(disk.clone()), Path::new(DIR), config, Millis(END));
    let (store, report) = opened.unwrap();
    assert!(report.set_aside.is_empty(), "{report:?}");
    assert_eq!(report.leftovers, 0);
    store
}

/// Writes down everything that a store holds.
fn dump(store: &Tsdb) -> String {
    let mut out = String::new();
    let selection = store.select(&[], Millis(0), Millis(END)).unwrap();
    let mut order: Vec<usize> = (0..selection.len()).collect();
    order.sort_by_key(|at| selection.labels(*at).unwrap());
    for at in order {
        dump_series(&selection, at, &mut out);
    }
    let exemplars = store.exemplars(&[], Millis(0), Millis(END)).unwrap();
    for (labels, exemplars) in exemplars {
        writeln!(out, "exemplars of {labels}").unwrap();
        for exemplar in exemplars {
            let time = exemplar.time.0 - DAY;
            let value = float(exemplar.value);
            writeln!(out, "  {time} {value} {}", exemplar.labels).unwrap();
        }
    }
    for (metric, known) in store.metadata(None, usize::MAX) {
        writeln!(out, "{metric}: {known:?}").unwrap();
    }
    out
}

fn dump_series(selection: &Selection, at: usize, out: &mut String) {
    writeln!(out, "{}", selection.labels(at).unwrap()).unwrap();
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let beside = selection.read_all(at, &mut times, &mut values).unwrap();
    for (time, value) in times.iter().zip(&values) {
        let start = beside.starts.iter().find(|(at, _)| at == time);
        let start = start.map_or(String::new(), |(_, start)| {
            format!(" since {}", start - DAY)
        });
        writeln!(out, "  {} {}{start}", time - DAY, float(*value)).unwrap();
    }
    for (time, histogram) in &beside.histograms {
        writeln!(out, "  {} {}", time - DAY, text_of(histogram)).unwrap();
    }
    for resolution in ROLLUP_RESOLUTIONS {
        let buckets = selection.rollups(at, resolution, DAY, END).unwrap();
        for bucket in buckets.unwrap_or_default().iter().step_by(7) {
            let end = bucket.end - DAY;
            let values = [bucket.min, bucket.max, bucket.first, bucket.last].map(float);
            let (sum, falls) = (bucket.sum.map(float), bucket.falls);
            let falls = falls.map(|falls| (falls.count, falls.lost));
            write!(out, "  {resolution}: {end} {} {values:?}", bucket.count).unwrap();
            writeln!(out, " {sum:?} {falls:?}").unwrap();
        }
    }
}

/// Returns the text of a float, which says every bit of it.
fn float(value: f64) -> String {
    if value.is_nan() {
        format!("NaN:{:x}", value.to_bits())
    } else {
        format!("{value:?}")
    }
}

fn text_of(histogram: &FloatHistogram) -> String {
    let spans = |spans: &[weft_model::Span]| -> Vec<(i32, u32)> {
        spans.iter().map(|span| (span.offset, span.len)).collect()
    };
    format!(
        "schema {} {:?} zero {:?}:{:?} count {:?} sum {} positive {:?}{:?} negative {:?}{:?} \
         bounds {:?}",
        histogram.schema,
        histogram.reset_hint,
        histogram.zero_threshold,
        histogram.zero_count,
        histogram.count,
        float(histogram.sum),
        spans(&histogram.positive_spans),
        histogram.positive,
        spans(&histogram.negative_spans),
        histogram.negative,
        histogram.custom_bounds,
    )
}

fn check_version(version: &str) {
    let disk = copied(version);
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let store = open(&disk);
    let expected = expect_file![format!("data/stores/{version}.txt")];
    expected.assert_eq(&dump(&store));
    // What is written again in the present version says the same.
    store.flush(Millis(END)).unwrap();
    while store.maintain(Millis(END + 86_400_000)).unwrap().more {}
    expected.assert_eq(&dump(&store));
    drop(store);
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    expected.assert_eq(&dump(&open(&disk)));
}

#[test]
fn a_store_of_version_three_says_what_it_said() {
    check_version("3");
}

#[test]
fn a_store_of_version_two_says_what_it_said() {
    check_version("2");
}
