//! Measures what recorded samples of a real machine take in the store.
//!
//! `record STORE FILE MINUTES` writes what a store has of its last minutes into a file;
//! `measure FILE DIR` puts a file into a new store the way it came, merges it, and prints the
//! bytes of a sample, index included.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

mod fixture;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use weft_disk::RealDisk;
use weft_model::Millis;
use weft_tsdb::{Config, Tsdb};

use fixture::Series;

/// How often the store is flushed, in time of the recording.
const FLUSH_MILLIS: i64 = 30_000;

const DAY_MILLIS: i64 = 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", store, file, minutes] => record(Path::new(store), file, minutes.parse()?),
        ["measure", file, dir] => measure(file, Path::new(dir)),
        _ => Err("usage: scrape record STORE FILE MINUTES | scrape measure FILE DIR".into()),
    }
}

fn open(dir: &Path, now: i64) -> Result<Tsdb, Box<dyn Error>> {
    Ok(Tsdb::open(Arc::new(RealDisk), dir, Config::default(), Millis(now))?.0)
}

fn record(dir: &Path, file: &str, minutes: i64) -> Result<(), Box<dyn Error>> {
    let end = open(dir, 0)?
        .status()
        .parts_range
        .ok_or("the store is empty")?
        .1;
    let store = open(dir, end)?;
    let selection = store.select(&[], Millis(end - minutes * 60_000), Millis(end))?;
    let mut all = Vec::new();
    for at in 0..selection.len() {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        selection.read(at, &mut times, &mut values)?;
        let labels = selection.labels(at)?;
        all.push(Series {
            labels,
            times,
            values,
        });
    }
    all.retain(|series| !series.times.is_empty());
    all.sort_by(|a, b| (a.labels.name(), &a.labels).cmp(&(b.labels.name(), &b.labels)));
    let stored = fixture::encode(&all)?;
    let samples: usize = all.iter().map(|series| series.times.len()).sum();
    println!(
        "{} series, {samples} samples, {} bytes",
        all.len(),
        stored.len()
    );
    std::fs::write(file, stored)?;
    Ok(())
}

fn measure(file: &str, dir: &Path) -> Result<(), Box<dyn Error>> {
    let all = fixture::decode(&std::fs::read(file)?)?;
    let mut samples: Vec<(i64, usize, f64)> = Vec::new();
    for (number, series) in all.iter().enumerate() {
        let both = series.times.iter().zip(&series.values);
        samples.extend(both.map(|(time, value)| (*time, number, *value)));
    }
    samples.sort_by_key(|(time, number, _)| (*time, *number));
    let first = samples.first().ok_or("the recording is empty")?.0;
    let store = open(dir, first)?;
    let mut flushed = first;
    for (time, number, value) in &samples {
        if time - flushed >= FLUSH_MILLIS {
            flushed = *time;
            store.flush(Millis(flushed))?;
            while store.maintain(Millis(flushed))?.more {}
        }
        let series = store.intern(&all[*number].labels)?;
        store.append(series, Millis(*time), *value)?;
    }
    store.flush(Millis(flushed))?;
    print(&store, "flushed", samples.len());
    while store.maintain(Millis(flushed + 2 * DAY_MILLIS))?.more {}
    print(&store, "merged to a day", samples.len());
    decode_all(&store, all.len())
}

fn print(store: &Tsdb, when: &str, samples: usize) {
    let status = store.status();
    println!(
        "{when}: {samples} samples in {} parts, {} bytes, of it index {}, {:.3} bytes per sample",
        status.parts,
        status.parts_bytes,
        status.parts_index_bytes,
        status.parts_bytes as f64 / samples as f64
    );
}

/// Reads everything, as a query does, twice: the frames are decoded the first time.
fn decode_all(store: &Tsdb, series: usize) -> Result<(), Box<dyn Error>> {
    for round in ["first", "again"] {
        let started = Instant::now();
        let selection = store.select(&[], Millis(0), Millis(i64::MAX))?;
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let mut samples = 0;
        for at in 0..selection.len() {
            times.clear();
            values.clear();
            selection.read(at, &mut times, &mut values)?;
            samples += times.len();
        }
        let took = started.elapsed();
        println!(
            "read {round}: {series} series, {samples} samples in {took:?}, {:.2} ns per sample",
            took.as_nanos() as f64 / samples.max(1) as f64
        );
    }
    Ok(())
}
