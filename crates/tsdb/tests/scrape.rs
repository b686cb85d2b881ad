//! What a real machine's samples take in the store, by a committed recording of one.
//!
//! The recording is weft's own of a virtual machine with two cores while it compiled programs,
//! one sample a second. `cargo run --release -p weft-tsdb --example scrape` measures it, too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/scrape/fixture.rs"]
mod fixture;

use std::path::Path;
use std::sync::Arc;

use weft_disk::SimDisk;
use weft_model::Millis;
use weft_tsdb::{Config, Tsdb};

const RECORDING: &[u8] = include_bytes!("data/host.scrape");

/// What a sample may take, index included, in hundredths of a byte.
const BYTES_PER_100_SAMPLES_MAX: u64 = 38;

#[test]
fn a_day_part_of_real_samples_is_small_and_exact() {
    let all = fixture::decode(RECORDING).unwrap();
    let last = all
        .iter()
        .filter_map(|series| series.times.last())
        .max()
        .unwrap();
    let disk = Arc::new(SimDisk::new());
    let opened = Tsdb::open(disk, Path::new("/store"), Config::default(), Millis(*last));
    let store = opened.unwrap().0;
    let mut count = 0;
    for series in &all {
        let reference = store.intern(&series.labels).unwrap();
        for (time, value) in series.times.iter().zip(&series.values) {
            store.append(reference, Millis(*time), *value).unwrap();
            count += 1;
        }
    }
    store.flush(Millis(*last)).unwrap();
    // One sample more makes a second part, and so a merge.
    let reference = store.intern(&all[0].labels).unwrap();
    store.append(reference, Millis(last + 1), 0.0).unwrap();
    store.flush(Millis(*last)).unwrap();
    let later = Millis(last + 2 * 86_400_000);
    while store.maintain(later).unwrap().more {}
    let status = store.status();
    assert!(
        status.parts_bytes * 100 <= count * BYTES_PER_100_SAMPLES_MAX,
        "{} bytes for {count} samples",
        status.parts_bytes
    );
    let selection = store.select(&[], Millis(0), Millis(*last)).unwrap();
    assert_eq!(selection.len(), all.len());
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        selection.read(at, &mut times, &mut values).unwrap();
        let labels = selection.labels(at).unwrap();
        let recorded = all.iter().find(|series| series.labels == labels).unwrap();
        assert_eq!(times, recorded.times);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&values), bits(&recorded.values), "{labels}");
    }
}
