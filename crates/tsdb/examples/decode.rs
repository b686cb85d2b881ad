//! Measures one question: the samples of an hour of 800 series, selected among 40,000.
//!
//! In: a directory for scratch. Out: a line for each place where the samples are (the head, parts
//! as flushed, one merged part), with the best and the median time of many runs, and CPU time.
//! Times are compressed, nothing waits for a clock.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use weft_disk::RealDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, Matcher, Millis};
use weft_tsdb::{Config, SeriesRef, Tsdb};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 20_000 * 86_400_000;
const STEP: i64 = 15_000;
const HOUR: i64 = 3_600_000;
const ROUNDS: i64 = 240;
const FAMILIES: usize = 50;
const SERIES: usize = 800;
const RUNS: usize = 50;
/// How many rounds are in a flush, as when the flush comes every minute.
const ROUNDS_PER_FLUSH: i64 = 4;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let dir = std::env::args().nth(1).ok_or("usage: decode DIR")?;
    let dir = PathBuf::from(dir);
    let _ = std::fs::remove_dir_all(&dir);
    let end = START + ROUNDS * STEP;
    let store = open(&dir, START)?;
    write(&store)?;
    measure("head", &store, end)?;
    drop(store);
    let store = open(&dir, end)?;
    println!("parts as flushed: {}", store.status().parts);
    measure("parts as flushed", &store, end)?;
    for (what, later) in [("merged to 2 h", 3 * HOUR), ("merged to a day", 48 * HOUR)] {
        while store.maintain(Millis(end + later))?.more {}
        println!("{what}: {} parts", store.status().parts);
        measure(what, &open(&dir, end)?, end)?;
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn open(dir: &Path, now: i64) -> Result<Tsdb, Failure> {
    let config = Config {
        head_window_millis: 2 * HOUR,
        ..Config::default()
    };
    Ok(Tsdb::open(Arc::new(RealDisk), dir, config, Millis(now))?.0)
}

/// Appends an hour of all series, flushed as it comes.
fn write(store: &Tsdb) -> Result<(), Failure> {
    let mut refs: Vec<SeriesRef> = Vec::new();
    for instance in 0..SERIES / 8 {
        for member in 0..FAMILIES * 8 {
            refs.push(store.intern(&labels(instance, member))?);
        }
    }
    for round in 1..=ROUNDS {
        let time = Millis(START + round * STEP);
        let values: Vec<f64> = (0..refs.len()).map(|series| value(series, round)).collect();
        store.append_tick(time, &refs, &values);
        if round % ROUNDS_PER_FLUSH == 0 {
            store.flush(time)?;
        }
    }
    Ok(())
}

fn labels(instance: usize, member: usize) -> Labels {
    Labels::from_pairs([
        ("__name__", format!("node_family_{:02}_total", member / 8)),
        ("cpu", (member % 8).to_string()),
        ("instance", format!("10.0.0.{instance}:9100")),
        ("job", "node-exporter".to_owned()),
    ])
}

/// Counters in whole numbers, counters of seconds, gauges, true floats.
fn value(series: usize, round: i64) -> f64 {
    let drawn = (series as u64 ^ (round as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let grown = round as f64;
    match series % 8 {
        0..=2 => series as f64 + grown * 1500.0 + (drawn % 1000) as f64,
        3..=4 => (series as f64 * 100.0 + grown * 1_497.0 + (drawn % 7) as f64) / 100.0,
        5 => (drawn % 100) as f64,
        6 => 4096.0 * (drawn % 5000) as f64,
        _ => drawn as f64 / 7.0,
    }
}

/// Times the selection by name, and then the samples of all of it, in one thread.
fn measure(place: &str, store: &Tsdb, end: i64) -> Result<(), Failure> {
    let (mut wholes, mut reads) = (Vec::new(), Vec::new());
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut cpu, mut samples) = (0, 0);
    for run in 0..=RUNS {
        let name = format!("node_family_{:02}_total", 7);
        let matcher = LabelMatcher::compile(&Matcher::new("__name__", MatchOp::Equal, &name))?;
        let (begun, before) = (Instant::now(), cpu_nanos());
        let selection = store.select(&[matcher], Millis(end - HOUR + 1), Millis(end))?;
        let selected = Instant::now();
        samples = 0;
        for at in 0..selection.len() {
            times.clear();
            values.clear();
            selection.read(at, &mut times, &mut values)?;
            samples += times.len();
        }
        if run == 0 {
            println!(
                "{place}: {} series, {samples} samples, {:.2} ms at first",
                selection.len(),
                begun.elapsed().as_secs_f64() * 1e3
            );
            continue;
        }
        reads.push(selected.elapsed().as_secs_f64() * 1e3);
        wholes.push(begun.elapsed().as_secs_f64() * 1e3);
        cpu += cpu_nanos() - before;
    }
    for (what, all) in [("select and read", &mut wholes), ("read", &mut reads)] {
        all.sort_by(f64::total_cmp);
        println!(
            "{place}, {what}: best {:.2} ms, median {:.2} ms",
            all[0],
            all[RUNS / 2]
        );
    }
    let cpu = cpu as f64 / RUNS as f64;
    println!(
        "{place}: CPU {:.2} ms a run, {:.1} ns a sample",
        cpu / 1e6,
        cpu / samples as f64
    );
    Ok(())
}

/// The nanoseconds that this thread was on a CPU.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|text| text.parse().ok()).unwrap_or(0)
}
