//! Measures parts: what they take on the disk, and how fast wide questions are answered from them.
//!
//! In: a directory for scratch, series, rounds, flushes, percent of churn for each flush. Out: a
//! line for each figure. The series are those of node exporters with 1,000 series each, a third
//! constant, the rest counters and gauges; times are compressed, nothing waits for a clock.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use weft_disk::RealDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp, Matcher, Millis};
use weft_tsdb::{Config, Selection, SeriesRef, Tsdb};

const START: i64 = 1_700_006_400_000;
const STEP: i64 = 15_000;
const PER_INSTANCE: usize = 1_000;
const THREADS: usize = 2;
const TASK: usize = 256;

struct Options {
    dir: PathBuf,
    series: usize,
    rounds: usize,
    flushes: usize,
    churn_percent: usize,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| -> Result<usize, Failure> {
        Ok(arguments.get(at).map_or(Ok(default), |text| text.parse())?)
    };
    let options = Options {
        dir: PathBuf::from(
            arguments
                .first()
                .ok_or("usage: parts DIR [SERIES ROUNDS FLUSHES CHURN]")?,
        ),
        series: number(1, 200_000)?,
        rounds: number(2, 24)?,
        flushes: number(3, 1)?,
        churn_percent: number(4, 0)?,
    };
    let _ = std::fs::remove_dir_all(&options.dir);
    let total = write(&options)?;
    println!("series {total}, active {}", options.series);
    let end = START + (options.rounds * options.flushes) as i64 * STEP;
    let tsdb = open(&options.dir, end)?;
    print_sizes("after the flushes", &tsdb, &options, total);
    questions(&tsdb, end)?;
    merge(&tsdb, end)?;
    print_sizes("merged", &tsdb, &options, total);
    questions(&tsdb, end)?;
    std::fs::remove_dir_all(&options.dir)?;
    Ok(())
}

fn open(dir: &Path, now: i64) -> Result<Tsdb, Failure> {
    let config = Config {
        retention_millis: 1 << 40,
        ..Config::default()
    };
    Ok(Tsdb::open(Arc::new(RealDisk), dir, config, Millis(now))?.0)
}

/// Appends all rounds; returns how many series there were.
fn write(options: &Options) -> Result<usize, Failure> {
    let tsdb = open(&options.dir, START)?;
    let mut instances: Vec<(usize, Vec<SeriesRef>)> = Vec::new();
    let mut total = 0;
    let mut time = START;
    let begun = cpu_seconds();
    let mut flushing = 0.0;
    for flush in 0..options.flushes {
        for instance in 0..options.series / PER_INSTANCE {
            let replaced = (instance * 37 + flush * 11) % 100 < options.churn_percent;
            let generation = if flush == 0 || replaced {
                flush
            } else {
                usize::MAX
            };
            if generation == usize::MAX {
                continue;
            }
            let refs: Result<Vec<SeriesRef>, _> = (0..PER_INSTANCE)
                .map(|member| tsdb.intern(&labels(instance, member, generation)))
                .collect();
            total += PER_INSTANCE;
            match instances.get_mut(instance) {
                Some(known) => *known = (generation, refs?),
                None => instances.push((generation, refs?)),
            }
        }
        for _ in 0..options.rounds {
            for (instance, (_, refs)) in instances.iter().enumerate() {
                let at = time + jitter(instance, time);
                let values: Vec<f64> = (0..refs.len())
                    .map(|member| value(instance, member, time))
                    .collect();
                tsdb.append_tick(Millis(at), refs, &values);
            }
            time += STEP;
        }
        let before = cpu_seconds();
        tsdb.flush(Millis(time))?;
        flushing += cpu_seconds() - before;
    }
    println!("from the head");
    questions(&tsdb, time)?;
    println!(
        "write {:.2} CPU s, of it flushes {flushing:.2}",
        cpu_seconds() - begun
    );
    Ok(total)
}

fn labels(instance: usize, member: usize, generation: usize) -> Labels {
    let family = member / 4;
    Labels::from_pairs([
        ("__name__", format!("node_family_{family:03}_metric_total")),
        ("cluster", "prod-eu-west-1".to_owned()),
        (
            "device",
            ["eth0", "eth1", "nvme0n1", "nvme1n1"][member % 4].to_owned(),
        ),
        (
            "instance",
            format!("10.0.{}.{}:9100", instance >> 8, instance & 255),
        ),
        ("job", "node-exporter".to_owned()),
        (
            "mode",
            ["user", "system", "idle", "iowait"][family % 4].to_owned(),
        ),
        ("namespace", "monitoring".to_owned()),
        (
            "pod",
            format!("node-exporter-{instance:05x}-{generation:x}"),
        ),
    ])
}

/// A hash that is good enough to draw numbers with.
fn mix(seed: u64) -> u64 {
    let x = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn jitter(instance: usize, time: i64) -> i64 {
    (mix(instance as u64 ^ (time as u64) << 20) % 7) as i64 - 3
}

fn value(instance: usize, member: usize, time: i64) -> f64 {
    let series = (instance * PER_INSTANCE + member) as u64;
    let ticks = ((time - START) / STEP) as u64;
    let drawn = mix(series << 20 ^ ticks);
    let base = (mix(series) % 1_000_000) as f64;
    match mix(series) % 100 {
        0..45 => base,
        45..65 => base + (ticks * 5 + drawn % 10) as f64,
        65..80 => base + (ticks * 1_000 + drawn % 1_000) as f64,
        80..90 => base + (ticks * 100_000 + drawn % 100_000) as f64 / 100.0,
        90..98 => 4096.0 * (base + (drawn % 201) as f64),
        _ => drawn as f64 / u64::MAX as f64 * base,
    }
}

fn merge(tsdb: &Tsdb, end: i64) -> Result<(), Failure> {
    let begun = cpu_seconds();
    let now = Millis(end + 2 * 86_400_000);
    while tsdb.maintain(now)?.more {}
    println!("merge {:.2} CPU s", cpu_seconds() - begun);
    Ok(())
}

fn print_sizes(what: &str, tsdb: &Tsdb, options: &Options, total: usize) {
    let status = tsdb.status();
    let samples = (options.series * options.rounds * options.flushes) as f64;
    println!(
        "{what}: {} parts, {:.1} MB, {:.2} B/sample, of it index {:.2}, index {:.1} B/series",
        status.parts,
        status.parts_bytes as f64 / 1e6,
        status.parts_bytes as f64 / samples,
        status.parts_index_bytes as f64 / samples,
        status.parts_index_bytes as f64 / total as f64,
    );
}

fn questions(tsdb: &Tsdb, end: i64) -> Result<(), Failure> {
    let all = [compiled("__name__", MatchOp::NotEqual, "")?];
    let family = [compiled(
        "__name__",
        MatchOp::Equal,
        "node_family_007_metric_total",
    )?];
    let (from, to) = (Millis(end - 300_000), Millis(end));
    for round in ["cold", "warm"] {
        let begun = (Instant::now(), cpu_seconds());
        let selection = tsdb.select(&all, from, to)?;
        print_time(round, "select all", selection.len(), begun);
        let begun = (Instant::now(), cpu_seconds());
        let found = side_by_side(&selection, |at| {
            usize::from(
                selection
                    .newest(at, to, from)
                    .is_ok_and(|newest| newest.time().is_some()),
            )
        });
        print_time(round, "newest of all", found, begun);
        let begun = (Instant::now(), cpu_seconds());
        let bytes = side_by_side(&selection, |at| {
            selection
                .labels(at)
                .map_or(0, |labels| labels.as_bytes().len())
        });
        print_time(round, "labels of all, bytes", bytes, begun);
    }
    let begun = (Instant::now(), cpu_seconds());
    let selection = tsdb.select(&family, Millis(0), to)?;
    let samples = side_by_side(&selection, |at| {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        selection
            .read(at, &mut times, &mut values)
            .map_or(0, |()| times.len())
    });
    print_time("-", "samples of a family", samples, begun);
    let begun = (Instant::now(), cpu_seconds());
    print_time(
        "-",
        "series of a family",
        tsdb.series(&family, from, to, usize::MAX)?.len(),
        begun,
    );
    let begun = (Instant::now(), cpu_seconds());
    let pods = tsdb
        .label_values("pod", &family, from, to, usize::MAX)?
        .len();
    print_time("-", "pods of a family", pods, begun);
    let begun = (Instant::now(), cpu_seconds());
    let names = tsdb
        .label_values("__name__", &[], from, to, usize::MAX)?
        .len();
    print_time("-", "metric names", names, begun);
    Ok(())
}

fn compiled(name: &str, op: MatchOp, value: &str) -> Result<LabelMatcher, Failure> {
    Ok(LabelMatcher::compile(&Matcher::new(name, op, value))?)
}

/// Sums `each` over all series, ranges of them side by side as a query does.
fn side_by_side(selection: &Selection, each: impl Fn(usize) -> usize + Sync) -> usize {
    let (next, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let start = next.fetch_add(TASK, Ordering::Relaxed);
            if start >= selection.len() {
                return;
            }
            let range = start..(start + TASK).min(selection.len());
            sum.fetch_add(range.map(&each).sum(), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        (1..THREADS).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    sum.into_inner()
}

fn print_time(round: &str, what: &str, count: usize, (begun, cpu): (Instant, f64)) {
    println!(
        "  {round} {what}: {count}, {:.1} ms wall, {:.1} ms CPU",
        begun.elapsed().as_secs_f64() * 1e3,
        (cpu_seconds() - cpu) * 1e3,
    );
}

/// The CPU seconds of this process so far, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
