//! Measures queries over a source in memory, so that only the engine counts.
//!
//! In: how many threads to use (2 if not said), and words of which each query's name must hold one.
//! Out: a line for each query with the best time of a few runs, the processor's time of the first
//! thread in it (the whole with one thread), and the growth of the process.
//! Bound: a million series, whose labels and samples are made when they are asked for.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use weft_model::{Labels, MatchOp, Matcher};
use weft_promql::{
    Column, Engine, Limits, Pool, QueryOptions, SelectHints, SeriesSet, Source, SourceError,
    TimeRange, Value,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const SCRAPE: i64 = 15_000;

/// As many series as the matcher on `size` says, with a sample every 15 seconds.
struct Made;

struct Selection {
    len: usize,
    start: i64,
    end: i64,
    has_fractions: bool,
}

impl Source for Made {
    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let value = |name: &str| {
            let found = matchers.iter().find(|matcher| matcher.name == name);
            found.map_or("", |matcher| matcher.value.as_str())
        };
        debug_assert!(matchers.iter().all(|m| m.op != MatchOp::NotRegex));
        Ok(Box::new(Selection {
            len: value("size").parse().unwrap_or(1),
            start: start_ms,
            end: end_ms,
            has_fractions: value("kind") == "fractions",
        }))
    }
}

impl Selection {
    fn value(&self, series: usize, tick: i64) -> f64 {
        let whole = ((tick + series as i64) * (1 + series as i64 % 7) % 100_000) as f64;
        if self.has_fractions {
            whole * 0.1 + ((tick * 7919) % 1000) as f64 * 0.003
        } else {
            whole
        }
    }
}

impl SeriesSet for Selection {
    fn len(&self) -> usize {
        self.len
    }

    fn may_have_label(&self, name: &str) -> bool {
        !matches!(name, "__type__" | "__unit__")
    }

    fn labels(&self, series: usize) -> Labels {
        let mut number = String::new();
        let _ = write!(number, "{series:07}");
        let mut bytes = Vec::with_capacity(160);
        for (name, value) in [
            ("__name__", "http_requests_total"),
            ("cluster", "production-1"),
            ("instance", &number[..5]),
            ("job", &number[6..]),
            ("le", ["0.1", "0.5", "1", "5", "+Inf"][series % 5]),
            ("namespace", "the-namespace-of-the-service"),
            ("pod", &number),
        ] {
            for text in [name, value] {
                bytes.push(text.len() as u8);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        Labels::from_bytes(&bytes).unwrap_or_else(Labels::empty)
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        let (first, last) = (
            -(-self.start).div_euclid(SCRAPE),
            self.end.div_euclid(SCRAPE),
        );
        let ticks = first..=last;
        into.times.extend(ticks.clone().map(|tick| tick * SCRAPE));
        into.values
            .extend(ticks.map(|tick| self.value(series, tick)));
        Ok(())
    }

    fn read_newest(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        let tick = self.end.div_euclid(SCRAPE);
        into.push(tick * SCRAPE, self.value(series, tick));
        Ok(())
    }
}

struct Threads(usize);

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < tasks)
            {
                task(at);
            }
        };
        std::thread::scope(|scope| {
            (1..self.0.min(tasks)).for_each(|_| drop(scope.spawn(work)));
            work();
        });
    }
}

/// A query's name, its text, how far it reaches and its step; at one time when that is 0.
struct Case {
    name: String,
    query: String,
    reach: i64,
    step: i64,
}

/// Queries over series of 800, 40 thousand and a million; `$` stands for how many.
const OVER_SERIES: &[(&str, &str, usize, i64, i64)] = &[
    ("rate 1h/15s", "sum(rate(m$[5m]))", 800, HOUR, SCRAPE),
    ("rate 1h/60s", "sum(rate(m$[5m]))", 40_000, HOUR, MINUTE),
    (
        "rate by job 1h/60s",
        "sum by (job) (rate(m$[5m]))",
        40_000,
        HOUR,
        MINUTE,
    ),
    (
        "rate by pod 1h/60s",
        "sum by (pod) (rate(m$[5m]))",
        40_000,
        HOUR,
        MINUTE,
    ),
    ("plain rate 1h/60s", "rate(m$[5m])", 40_000, HOUR, MINUTE),
    (
        "quantiles 1h/60s",
        "histogram_quantile(0.9, sum by (le, job) (rate(m$[5m])))",
        40_000,
        HOUR,
        MINUTE,
    ),
    ("classic", "histogram_quantile(0.9, m$)", 40_000, 0, 0),
    ("topk", "topk(10, m$)", 40_000, 0, 0),
    ("topk 1h/60s", "topk(10, m$)", 40_000, HOUR, MINUTE),
    ("quantile 1h/60s", "quantile(0.9, m$)", 40_000, HOUR, MINUTE),
    ("divide", "m$ / m$", 40_000, 0, 0),
    (
        "divide 1h/60s",
        "m$ / on (pod) group_left () m$",
        40_000,
        HOUR,
        MINUTE,
    ),
    ("and 1h/60s", "m$ and m$", 40_000, HOUR, MINUTE),
    ("count", "count(m$)", 1_000_000, 0, 0),
    ("count by", "count by (job) (m$)", 1_000_000, 0, 0),
    ("sum", "sum(m$)", 1_000_000, 0, 0),
    ("avg above", "avg(m$ > 5)", 1_000_000, 0, 0),
    ("topk", "topk(10, m$)", 1_000_000, 0, 0),
    ("quantile", "quantile(0.9, m$)", 1_000_000, 0, 0),
    ("count_values", "count_values(\"v\", m$)", 1_000_000, 0, 0),
    ("rate", "sum by (job) (rate(m$[5m]))", 1_000_000, 0, 0),
    ("sort", "sort(m$)", 1_000_000, 0, 0),
    ("all", "m$", 1_000_000, 0, 0),
];

/// Functions of windows of an hour at each 15 seconds of a day; `$` stands for the window.
const OVER_WINDOWS: &[&str] = &[
    "rate($)",
    "increase($)",
    "delta($)",
    "irate($)",
    "idelta($)",
    "sum_over_time($)",
    "avg_over_time($)",
    "min_over_time($)",
    "max_over_time($)",
    "count_over_time($)",
    "last_over_time($)",
    "changes($)",
    "resets($)",
    "stddev_over_time($)",
    "quantile_over_time(0.9, $)",
    "mad_over_time($)",
    "deriv($)",
    "predict_linear($, 60)",
    "double_exponential_smoothing($, 0.3, 0.3)",
    "ts_of_max_over_time($)",
    "max_over_time(rate(m{size=\"4\"}[5m])[1h:15s])",
];

fn cases() -> Vec<Case> {
    let over_series = OVER_SERIES
        .iter()
        .map(|(name, query, size, reach, step)| Case {
            name: format!("{name} over {size}"),
            query: query.replace('$', &format!("{{size=\"{size}\"}}")),
            reach: *reach,
            step: *step,
        });
    let over_windows = OVER_WINDOWS.iter().flat_map(|query| {
        ["whole", "fractions"].map(|kind| Case {
            name: format!(
                "{} of {kind}",
                query.replace("(rate(m{size=\"4\"}[5m])[1h:15s])", "(subquery)")
            ),
            query: query.replace('$', &format!("m{{size=\"4\",kind=\"{kind}\"}}[1h]")),
            reach: DAY,
            step: SCRAPE,
        })
    });
    over_series.chain(over_windows).collect()
}

/// What a run took: on the clock, of the processor, in rows and in bytes counted.
type Run = (Duration, Duration, usize, u64);

/// Returns the time for which this thread had a processor.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn run(case: &Case, pool: &dyn Pool) -> Result<Run, String> {
    let Case {
        query, reach, step, ..
    } = case;
    let options = QueryOptions {
        limits: Limits {
            bytes_max: 4 << 30,
            ..Limits::default()
        },
        pool,
        ..QueryOptions::default()
    };
    let engine = Engine::default();
    let end = 20_000 * DAY;
    let (start, processor) = (Instant::now(), processor_time());
    let answer = if *step == 0 {
        engine.instant(&Made, query, end, &options)
    } else {
        let range = TimeRange {
            start_ms: end - reach,
            end_ms: end,
            step_ms: *step,
        };
        engine.range(&Made, query, range, &options)
    };
    let answer = answer.map_err(|error| error.to_string())?;
    let took = (start.elapsed(), processor_time().saturating_sub(processor));
    let rows = match &answer.value {
        Value::Vector(samples) => samples.len(),
        Value::Matrix(series) => series.len(),
        _ => 1,
    };
    Ok((took.0, took.1, rows, answer.stats.bytes_peak))
}

fn resident_mib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) >> 10
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let threads = args.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let words: Vec<String> = args.collect();
    let pool = Threads(threads);
    for case in cases() {
        if !words.is_empty() && !words.iter().any(|word| case.name.contains(word.as_str())) {
            continue;
        }
        let mut best: Option<Run> = None;
        for _ in 0..3 {
            let this = run(&case, &pool)?;
            if best.is_none_or(|best| this.1 < best.1) {
                best = Some(this);
            }
        }
        if let Some((took, processor, rows, peak)) = best {
            let [ms, of] = [took, processor].map(|time| time.as_secs_f64() * 1000.0);
            println!(
                "{:42} {ms:9.2} ms {of:9.2} ms cpu {rows:8} rows {:6} MiB counted {:6} MiB peak",
                case.name,
                peak >> 20,
                resident_mib("VmHWM")
            );
        }
    }
    Ok(())
}
