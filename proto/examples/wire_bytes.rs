//! Measures what a sample costs on the wire: this machine's `/proc` once a second, and then the
//! same ticks in batches of different lengths.
//!
//! In: how many seconds to sample (120 if not said). Out: bytes per sample, and the speed of
//! encoding and decoding. Processes stand in for containers, each a target of its own.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use weft_model::{Labels, MetricMetadata, Millis};
use weft_proto::batch::Encoded;
use weft_proto::payload::{DictPart, Dictionaries, MetricsEncoder, decode_dict, decode_metrics};
use weft_proto::v1::Encoding;

/// What was read at one time: target and series by name, and values.
type Tick = Vec<(String, Vec<(String, f64)>)>;

/// Files of numbers under `/proc`, and what a unit of theirs is worth.
const FILES: [(&str, f64); 14] = [
    ("stat", 0.01),
    ("meminfo", 1024.0),
    ("vmstat", 1.0),
    ("diskstats", 1.0),
    ("net/dev", 1.0),
    ("net/netstat", 1.0),
    ("net/snmp", 1.0),
    ("net/sockstat", 1.0),
    ("loadavg", 1.0),
    ("pressure/cpu", 1.0),
    ("pressure/io", 1.0),
    ("pressure/memory", 1.0),
    ("softirqs", 1.0),
    ("interrupts", 1.0),
];

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(120);
    let ticks = sample(seconds);
    println!(
        "batch of |    every | samples | define B | rebase B | data B | encode ns | decode ns"
    );
    for (interval, length) in [(1, 1), (1, 5), (1, 15), (15, 1), (15, 4)] {
        let some: Vec<&Tick> = ticks.iter().step_by(interval).collect();
        let cost = replay(&some, length);
        let per_sample = |total: usize| total as f64 / cost.samples as f64;
        println!(
            "{length:>2} ticks | {interval:>6} s | {:>7} | {:>8.3} | {:>8.3} | {:>6.3} | {:>9.0} | {:>9.0}",
            cost.samples,
            per_sample(cost.define_bytes),
            per_sample(cost.rebase_bytes),
            per_sample(cost.data_bytes),
            per_sample(cost.encode_nanos),
            per_sample(cost.decode_nanos),
        );
    }
}

fn sample(seconds: u64) -> Vec<Tick> {
    let start = Instant::now();
    let tick = |at: u64| {
        let due = start + Duration::from_secs(at);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        read_tick()
    };
    (0..seconds).map(tick).collect()
}

fn read_tick() -> Tick {
    let files = FILES.iter();
    let node = files.flat_map(|(name, unit)| numbers(&format!("/proc/{name}"), name, *unit));
    let mut tick = vec![("node".to_owned(), node.collect())];
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    for pid in names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let file = |name, unit| numbers(&format!("/proc/{pid}/{name}"), name, unit);
        let nanoseconds = file("schedstat", 1e-9);
        let series: Vec<_> = nanoseconds
            .into_iter()
            .chain(file("io", 1.0))
            .chain(file("statm", 4096.0))
            .collect();
        tick.push((pid, series));
    }
    tick
}

/// Returns the numbers of a file, named by their line and column.
fn numbers(path: &str, name: &str, unit: f64) -> Vec<(String, f64)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut numbers = Vec::new();
    for (row, line) in text.lines().enumerate() {
        let key = line.split_whitespace().next().unwrap_or_default();
        let words = line.split(|c: char| c.is_whitespace() || c == '=' || c == ':');
        for (column, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if let Ok(number) = word.parse::<f64>() {
                let value = if unit < 1.0 {
                    number / unit.recip()
                } else {
                    number * unit
                };
                numbers.push((format!("{name}_{row}_{key}_{column}"), value));
            }
        }
    }
    numbers
}

/// What all batches but the first cost; times are of the processor.
#[derive(Default)]
struct Cost {
    samples: usize,
    define_bytes: usize,
    rebase_bytes: usize,
    data_bytes: usize,
    encode_nanos: usize,
    decode_nanos: usize,
}

/// What is asked of an encoder.
enum Step {
    AddTarget(Labels),
    Define(u32, Labels, f64),
    Push(Millis, u32, Vec<u32>, Vec<f64>),
    Finish,
}

/// Encodes the ticks in batches of `length` and decodes them.
fn replay(ticks: &[&Tick], length: usize) -> Cost {
    let mut planner = Planner::default();
    for batch in ticks.chunks_exact(length) {
        for tick in batch {
            planner.plan(tick);
        }
        planner.steps.push(Step::Finish);
    }
    let mut encoder = MetricsEncoder::new(1, 3);
    let mut batches = Vec::new();
    let start = processor_nanos();
    for step in planner.steps {
        take(&mut encoder, step, &mut batches);
    }
    let encoded = processor_nanos();
    let mut dictionaries = Dictionaries::new();
    let mut cost = Cost::default();
    for (at, batch) in batches.iter().enumerate() {
        for payload in batch {
            receive(payload, &mut dictionaries, &mut cost);
        }
        if at == 0 {
            cost = Cost::default();
        }
    }
    cost.encode_nanos = encoded - start;
    cost.decode_nanos = processor_nanos() - encoded;
    cost
}

fn take(encoder: &mut MetricsEncoder, step: Step, batches: &mut Vec<Vec<Encoded>>) {
    match step {
        Step::AddTarget(labels) => {
            encoder.add_target(labels);
        }
        Step::Define(target, labels, base) => {
            let defined = encoder.define(target, labels, &MetricMetadata::default(), base);
            defined.expect("few series are within the limits");
        }
        Step::Push(time, target, series, values) => {
            let pushed = encoder.push(time, target, &series, &values);
            pushed.expect("the batch is short and the series are in order");
        }
        Step::Finish => batches.push(encoder.finish()),
    }
}

fn receive(encoded: &Encoded, dictionaries: &mut Dictionaries, cost: &mut Cost) {
    let bytes = encoded.payload.len();
    if encoded.encoding == Encoding::DictV1 {
        let part = decode_dict(&encoded.payload).expect("what was encoded decodes");
        match &part {
            DictPart::Series(_) => cost.define_bytes += bytes,
            DictPart::Rebase(_) => cost.rebase_bytes += bytes,
        }
        dictionaries.apply(&part).expect("parts come in order");
        return;
    }
    let samples = decode_metrics(&encoded.payload, dictionaries);
    cost.samples += samples.expect("what was encoded decodes").len();
    cost.data_bytes += bytes;
}

/// Returns how long this thread has run, whatever else runs on the machine.
fn processor_nanos() -> usize {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    nanos.unwrap_or(0)
}

/// Numbers the series of ticks.
#[derive(Default)]
struct Planner {
    targets: HashMap<String, u32>,
    series: HashMap<(u32, String), u32>,
    steps: Vec<Step>,
    time: i64,
}

impl Planner {
    fn plan(&mut self, tick: &Tick) {
        for (target, values) in tick {
            self.plan_target(target, values);
        }
        self.time += 1000;
    }

    fn plan_target(&mut self, name: &str, values: &[(String, f64)]) {
        let next = self.targets.len() as u32;
        let target = *self.targets.entry(name.to_owned()).or_insert(next);
        if target == next {
            let labels = Labels::from_pairs([("instance", "node-1"), ("target", name)]);
            self.steps.push(Step::AddTarget(labels));
        }
        let mut samples = Vec::new();
        for (name, value) in values {
            let next = self.series.len() as u32;
            let number = *self.series.entry((target, name.clone())).or_insert(next);
            if number == next {
                let labels = Labels::from_pairs([("__name__", name.as_str())]);
                self.steps.push(Step::Define(target, labels, *value));
            }
            samples.push((number, *value));
        }
        samples.sort_unstable_by_key(|(number, _)| *number);
        samples.dedup_by_key(|(number, _)| *number);
        let (series, values) = samples.into_iter().unzip();
        self.steps
            .push(Step::Push(Millis(self.time), target, series, values));
    }
}
