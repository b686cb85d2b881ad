//! Measures queries over a TSDB in memory: selection, decoding and evaluation.
//!
//! In: how many series there are at one time for the wide queries (a million if not said). Out: a
//! line for each query with the best times of a few runs on one thread, by the clock and of the
//! processor, and how much the process has grown. Bound: an hour of samples of 40 thousand series,
//! and a few of the others.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use weft_aggregator::SampleSource;
use weft_disk::SimDisk;
use weft_model::{Labels, Millis};
use weft_promql::{Engine, QueryOptions, TimeRange};
use weft_tsdb::{Config, SeriesRef, Tsdb};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;
const SCRAPE: i64 = 15_000;
const NAMES: usize = 50;
const EACH: usize = 800;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Returns the milliseconds for which this thread had a processor.
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next();
    nanos.and_then(|text| text.parse().ok()).unwrap_or(0.0) / 1e6
}

fn intern(tsdb: &Tsdb, name: &str, at: usize) -> Outcome<SeriesRef> {
    let labels = Labels::from_pairs([
        ("__name__", name.to_owned()),
        ("cluster", "production-1".to_owned()),
        (
            "instance",
            format!("10.0.{}.{}:9100", at / 250 % 250, at % 250),
        ),
        ("job", format!("job-{}", at % 10)),
        ("namespace", "the-namespace-of-the-service".to_owned()),
        ("pod", format!("service-{at:07}")),
    ]);
    Ok(tsdb.intern(&labels)?)
}

/// Fills in an hour of 50 metrics with 800 series each.
fn fill_hour(tsdb: &Tsdb) -> Outcome<()> {
    let mut all = Vec::new();
    for name in 0..NAMES {
        for at in 0..EACH {
            all.push(intern(tsdb, &format!("http_requests_{name}_total"), at)?);
        }
    }
    let mut time = NOW - HOUR - 6 * 60_000;
    let mut tick = 0;
    while time <= NOW {
        let value = |at: usize| (tick * (1 + at % 13)) as f64;
        let values: Vec<f64> = (0..all.len()).map(value).collect();
        tsdb.append_tick(Millis(time), &all, &values);
        (time, tick) = (time + SCRAPE, tick + 1);
    }
    Ok(())
}

/// Fills in a few samples of many series.
fn fill_wide(tsdb: &Tsdb, series: usize) -> Outcome<()> {
    let mut all = Vec::new();
    for at in 0..series {
        all.push(intern(tsdb, "wide", at)?);
    }
    for tick in 0..4 {
        let values: Vec<f64> = (0..series).map(|at| (at % 1000 + tick) as f64).collect();
        tsdb.append_tick(Millis(NOW - (3 - tick as i64) * SCRAPE), &all, &values);
    }
    Ok(())
}

/// Queries with the distance of their steps over an hour; at one time when that is 0.
const QUERIES: &[(&str, i64)] = &[
    ("http_requests_7_total", 0),
    ("sum by (job) (rate(http_requests_7_total[5m]))", 0),
    ("sum by (job) (rate(http_requests_7_total[5m]))", SCRAPE),
    ("sum(rate(http_requests_7_total[5m]))", SCRAPE),
    ("quantile by (job) (0.9, http_requests_7_total)", SCRAPE),
    (
        "sum by (__name__) ({__name__=~\"http_requests_.*_total\"})",
        60_000,
    ),
    ("count({__name__=~\"http_.*\"} > 5)", 0),
    ("topk(10, {__name__=~\"http_requests_.*_total\"})", 0),
    ("count(wide)", 0),
    ("count by (job) (wide)", 0),
    ("sum(rate(wide[1m]))", 0),
    ("topk(10, wide)", 0),
    ("quantile(0.9, wide)", 0),
    ("count_values(\"v\", wide)", 0),
    ("count({__name__=~\".+\"})", 0),
    ("wide", 0),
];

fn resident_mib(field: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<i64>().ok());
    kib.unwrap_or(0) >> 10
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Outcome<()> {
    let series = std::env::args().nth(1).map(|text| text.parse());
    let series = series.transpose()?.unwrap_or(1_000_000);
    let disk = Arc::new(SimDisk::new());
    let (tsdb, _) = Tsdb::open(disk, Path::new("/tsdb"), Config::default(), Millis(NOW))?;
    fill_hour(&tsdb)?;
    fill_wide(&tsdb, series)?;
    let filled = resident_mib("VmRSS");
    println!("{filled} MiB when filled");
    let (engine, source) = (Engine::default(), SampleSource::new(&tsdb));
    for (query, step) in QUERIES {
        let mut times = Vec::new();
        for _ in 0..4 {
            let options = QueryOptions::default();
            let (start, processor) = (Instant::now(), processor_ms());
            if *step == 0 {
                drop(engine.instant(&source, query, NOW, &options)?);
            } else {
                let range = TimeRange {
                    start_ms: NOW - HOUR,
                    end_ms: NOW,
                    step_ms: *step,
                };
                drop(engine.range(&source, query, range, &options)?);
            }
            let clock = start.elapsed().as_secs_f64() * 1000.0;
            times.push((clock, processor_ms() - processor));
        }
        let least = |of: fn(&(f64, f64)) -> f64| times.iter().map(of).fold(f64::INFINITY, f64::min);
        let (clock, processor) = (least(|time| time.0), least(|time| time.1));
        let grown = resident_mib("VmHWM") - filled;
        println!("{query:62} {clock:8.2} ms {processor:8.2} ms cpu {grown:5} MiB more");
    }
    Ok(())
}
