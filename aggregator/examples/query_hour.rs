//! Measures the queries of the benchmark over an hour of samples, without HTTP and caches of answers.
//!
//! In: `head` or `parts`, how many series there are (200000 if not said), how many threads a query
//! has (1), how often each is asked (9), and words of which a query's name must hold one. Out: for
//! each query the first time, the best and the median, the processor's time of all threads on
//! average, and a hash of all bits of the answer. With `head` the hour came in within a minute, as in the
//! benchmark, and is in memory; with `parts` it came in as it passed, and two thirds lie in parts.
//! Bound: 240 samples of each series.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use weft_aggregator::SampleSource;
use weft_disk::SimDisk;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, LabelsBuilder, Matcher, Millis};
use weft_promql::{Engine, Pool, QueryOptions, TimeRange, Value};
use weft_tsdb::{Config, SeriesRef, Tsdb};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERIES_PER_INSTANCE: u64 = 1000;
const BATCH: usize = 5000;
const CONNECTIONS: usize = 8;
const ROUNDS: i64 = 240;
const STEP: i64 = 15_000;
const START: i64 = 1_767_226_800_000;
const END: i64 = START + (ROUNDS - 1) * STEP;
const QUERY_MILLIS: i64 = 3_300_000;
const FLUSH_EVERY: i64 = 40;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What becomes of a series' value.
struct Values {
    kind: u64,
    scale: f64,
    value: f64,
    random: u64,
}

impl Values {
    fn new(series: u64) -> Values {
        let mut values = Values {
            kind: mix(series) % 100,
            scale: 0.0,
            value: 0.0,
            random: mix(mix(series)),
        };
        values.scale = 10f64.powf(1.0 + 4.0 * values.unit());
        values.value = match values.kind {
            0..45 => values.below(1_000_000) as f64,
            90..98 => (4096 * values.below(4_000_000)) as f64,
            _ => values.below(10_000_000) as f64,
        };
        values
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = mix(self.random);
        self.random % bound
    }

    fn unit(&mut self) -> f64 {
        (self.below(u64::MAX) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn advance(&mut self) -> f64 {
        let scale = self.scale;
        match self.kind {
            0..45 => {}
            45..65 => {
                if self.unit() < 0.5 {
                    self.value += self.below(10) as f64;
                }
            }
            65..80 => self.value += (scale * (0.5 + self.unit())).floor(),
            80..90 => {
                let hundredths = (scale * self.unit() * 100.0).floor();
                self.value = ((self.value * 100.0).round() + hundredths) / 100.0;
            }
            90..98 => self.value += 4096.0 * (self.below(201) as f64 - 100.0),
            _ => self.value = self.unit() * scale,
        }
        self.value
    }
}

fn labels(series: u64) -> Labels {
    let (instance, member) = (series / SERIES_PER_INSTANCE, series % SERIES_PER_INSTANCE);
    let family = member / 4;
    let devices = ["eth0", "eth1", "nvme0n1", "nvme1n1"];
    let modes = ["user", "system", "idle", "iowait"];
    let mut labels = LabelsBuilder::new();
    labels.set("__name__", &format!("node_family_{family:03}_metric_total"));
    labels.set("cluster", "prod-eu-west-1");
    labels.set("device", devices[(member % 4) as usize]);
    let address = format!("10.0.{}.{}:9100", instance >> 8, instance & 255);
    labels.set("instance", &address);
    labels.set("job", "node-exporter");
    labels.set("mode", modes[(family % 4) as usize]);
    labels.set("namespace", "monitoring");
    labels.set("pod", &format!("node-exporter-{instance:05x}-0"));
    labels.build()
}

/// Returns the series in batches, in the order in which several connections send them.
fn batches(series: usize) -> Vec<Vec<u64>> {
    let share = |connection: usize| series * connection / CONNECTIONS;
    let all = |connection| (share(connection)..share(connection + 1)).collect::<Vec<_>>();
    let connections: Vec<Vec<usize>> = (0..CONNECTIONS).map(all).collect();
    let mut batches = Vec::new();
    for at in 0..series.div_ceil(CONNECTIONS).div_ceil(BATCH) {
        for connection in &connections {
            let batch = connection.iter().skip(at * BATCH).take(BATCH);
            batches.push(batch.map(|series| *series as u64).collect());
        }
    }
    batches
}

fn fill(tsdb: &Tsdb, series: usize, as_it_passed: bool) -> Outcome<()> {
    let mut all: Vec<(u64, SeriesRef, Values)> = Vec::new();
    for series in batches(series).into_iter().flatten() {
        all.push((series, tsdb.intern(&labels(series))?, Values::new(series)));
    }
    let mut samples = Vec::with_capacity(BATCH);
    for round in 0..ROUNDS {
        for batch in all.chunks_mut(BATCH) {
            samples.clear();
            for (number, series, values) in batch {
                let instance = *number / SERIES_PER_INSTANCE;
                let jitter = (mix(instance << 32 | round as u64) % 7) as i64 - 3;
                let time = Millis(START + round * STEP + jitter);
                samples.push((*series, time, values.advance()));
            }
            tsdb.append_many(&samples);
        }
        if round % FLUSH_EVERY == FLUSH_EVERY - 1 {
            let now = Millis(if as_it_passed {
                START + round * STEP
            } else {
                END
            });
            tsdb.flush(now)?;
            while tsdb.maintain(now)?.more {}
        }
    }
    Ok(())
}

/// Queries by name, with the distance of their steps; at one time when that is 0.
const QUERIES: &[(&str, &str, i64)] = &[
    ("instant_family", "$", 0),
    ("instant_sum_rate", "sum by (device) (rate($[5m]))", 0),
    ("range_15s_sum_rate", "sum by (device) (rate($[5m]))", STEP),
    ("range_15s_sum_rate_all", "sum(rate($[5m]))", STEP),
    ("range_15s_quantile", "quantile by (device) (0.99, $)", STEP),
    (
        "range_15s_instance",
        "sum by (mode) ({instance=\"10.0.0.7:9100\"})",
        STEP,
    ),
    ("range_60s_50_families", "sum by (device) (#)", 60_000),
    (
        "range_60s_max",
        "max by (device) (max_over_time($[5m]))",
        60_000,
    ),
    ("range_60s_last", "sum(last_over_time(#[5m]))", 60_000),
    ("instant_topk_50_families", "topk(10, #)", 0),
    ("instant_count_all", "count({__name__!=\"\"})", 0),
];

const FAMILY: &str = "node_family_007_metric_total";
const FAMILIES: &str = "{__name__=~\"node_family_0[0-4].*\"}";

/// Threads that work through the tasks of a query, and the time for which they had a processor.
struct Threads {
    count: usize,
    helpers_nanos: AtomicU64,
}

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < tasks)
            {
                task(at);
            }
        };
        let help = || {
            work();
            self.helpers_nanos
                .fetch_add(processor_nanos(), Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            (1..self.count.min(tasks)).for_each(|_| drop(scope.spawn(help)));
            work();
        });
    }
}

/// Returns for how long this thread had a processor.
fn processor_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next();
    nanos.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What one run took, in milliseconds on the clock and of the processor, and the answer's hash.
struct Run {
    clock: f64,
    processor: f64,
    hash: u64,
}

fn ask(tsdb: &Tsdb, threads: &Threads, query: &str, step: i64) -> Outcome<Run> {
    let (engine, source) = (Engine::default(), SampleSource::new(tsdb));
    let options = QueryOptions {
        pool: threads,
        ..QueryOptions::default()
    };
    threads.helpers_nanos.store(0, Ordering::Relaxed);
    let (began, processor) = (Instant::now(), processor_nanos());
    let answer = if step == 0 {
        engine.instant(&source, query, END, &options)?
    } else {
        let range = TimeRange {
            start_ms: END - QUERY_MILLIS,
            end_ms: END,
            step_ms: step,
        };
        engine.range(&source, query, range, &options)?
    };
    let clock = began.elapsed().as_secs_f64() * 1e3;
    let helped = threads.helpers_nanos.load(Ordering::Relaxed);
    let processor = (processor_nanos() - processor + helped) as f64 / 1e6;
    Ok(Run {
        clock,
        processor,
        hash: hash_of(&answer.value),
    })
}

fn hash_of(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Vector(samples) => hasher.write(format!("{samples:?}").as_bytes()),
        Value::Matrix(series) => hasher.write(format!("{series:?}").as_bytes()),
        _ => {}
    }
    hasher.finish()
}

/// Reads all samples of one metric.
fn decode(tsdb: &Tsdb) -> Outcome<Run> {
    let (began, processor) = (Instant::now(), processor_nanos());
    let matcher = Matcher::equal("__name__", FAMILY);
    let matchers = LabelMatcher::compile_all(&[matcher])?;
    let selection = tsdb.select(&matchers, Millis(START - STEP), Millis(END + STEP))?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let mut hasher = DefaultHasher::new();
    let mut samples = 0;
    for at in 0..selection.len() {
        times.clear();
        values.clear();
        selection.read(at, &mut times, &mut values)?;
        samples += values.len();
        hasher.write_u64(values.last().map_or(0, |value| value.to_bits()));
    }
    assert_eq!(
        samples,
        selection.len() * ROUNDS as usize,
        "all samples are there"
    );
    Ok(Run {
        clock: began.elapsed().as_secs_f64() * 1e3,
        processor: (processor_nanos() - processor) as f64 / 1e6,
        hash: hasher.finish(),
    })
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn print(name: &str, runs: &mut [Run]) {
    let first = runs[0].clock;
    runs.sort_by(|a, b| a.clock.total_cmp(&b.clock));
    let processor: f64 = runs.iter().map(|run| run.processor).sum();
    println!(
        "{name:26} first {first:8.2} ms, best {:8.2} ms, median {:8.2} ms, cpu {:8.2} ms, {:016x}",
        runs[0].clock,
        runs[runs.len() / 2].clock,
        processor / runs.len() as f64,
        runs[0].hash
    );
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let as_it_passed = arguments.next().as_deref() == Some("parts");
    let mut number = |default: usize| -> Outcome<usize> {
        let given = arguments.next().map(|text| text.parse()).transpose()?;
        Ok(given.unwrap_or(default))
    };
    let (series, threads, count) = (number(200_000)?, number(1)?, number(9)?);
    let words: Vec<String> = arguments.collect();
    let wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let config = Config {
        // The cores of the figures' machine share its memory with all else.
        head_bytes_max: 1 << 30,
        ..Config::default()
    };
    let disk = Arc::new(SimDisk::new());
    let now = if as_it_passed { START } else { END };
    let (tsdb, _) = Tsdb::open(disk, Path::new("/tsdb"), config, Millis(now))?;
    fill(&tsdb, series, as_it_passed)?;
    let threads = Threads {
        count: threads,
        helpers_nanos: AtomicU64::new(0),
    };
    for (name, query, step) in QUERIES.iter().filter(|(name, ..)| wanted(name)) {
        let query = query.replace('$', FAMILY).replace('#', FAMILIES);
        let runs: Outcome<Vec<Run>> = (0..count)
            .map(|_| ask(&tsdb, &threads, &query, *step))
            .collect();
        print(name, &mut runs?);
    }
    if wanted("decode") {
        let runs: Outcome<Vec<Run>> = (0..count).map(|_| decode(&tsdb)).collect();
        print("decode_800_series", &mut runs?);
    }
    Ok(())
}
