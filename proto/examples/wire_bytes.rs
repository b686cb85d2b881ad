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
use weft_proto::payload::{Dictionaries, MetricsEncoder, decode_dict, decode_metrics};
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
        "every batch of |  interval |  samples | dict B/sample | data B/sample | encode ns | decode ns"
    );
    for (interval, length) in [(1, 1), (1, 5), (1, 15), (1, 60), (15, 1), (15, 4)] {
        let some: Vec<&Tick> = ticks.iter().step_by(interval).collect();
        let cost = replay(&some, length);
        let per_sample = |bytes: usize| bytes as f64 / cost.samples as f64;
        println!(
            "{length:>8} ticks | {interval:>7} s | {:>8} | {:>13.3} | {:>13.3} | {:>9.0} | {:>9.0}",
            cost.samples,
            per_sample(cost.dict_bytes),
            per_sample(cost.data_bytes),
            cost.encode.as_nanos() as f64 / cost.samples as f64,
            cost.decode.as_nanos() as f64 / cost.samples as f64,
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

#[derive(Default)]
struct Cost {
    samples: usize,
    dict_bytes: usize,
    data_bytes: usize,
    encode: Duration,
    decode: Duration,
}

/// Encodes the ticks in batches of `length`; what the first batch costs is not counted.
fn replay(ticks: &[&Tick], length: usize) -> Cost {
    let mut sender = Sender::new();
    let mut dictionaries = Dictionaries::new();
    let mut cost = Cost::default();
    for (at, batch) in ticks.chunks(length).enumerate() {
        if batch.len() < length {
            break;
        }
        let start = Instant::now();
        let payloads = sender.send(batch);
        let encode = start.elapsed();
        let start = Instant::now();
        let mut received = Cost::default();
        for payload in &payloads {
            receive(payload, &mut dictionaries, &mut received);
        }
        if at > 0 {
            cost.samples += received.samples;
            cost.dict_bytes += received.dict_bytes;
            cost.data_bytes += received.data_bytes;
            cost.encode += encode;
            cost.decode += start.elapsed();
        }
    }
    cost
}

fn receive(encoded: &Encoded, dictionaries: &mut Dictionaries, cost: &mut Cost) {
    if encoded.encoding == Encoding::DictV1 {
        let part = decode_dict(&encoded.payload).expect("what was encoded decodes");
        dictionaries.apply(&part).expect("parts come in order");
        cost.dict_bytes += encoded.payload.len();
    } else {
        let samples = decode_metrics(&encoded.payload, dictionaries);
        cost.samples += samples.expect("what was encoded decodes").len();
        cost.data_bytes += encoded.payload.len();
    }
}

/// Numbers the series of ticks and encodes them.
struct Sender {
    encoder: MetricsEncoder,
    targets: HashMap<String, u32>,
    series: HashMap<(u32, String), u32>,
    time: i64,
}

impl Sender {
    fn new() -> Sender {
        Sender {
            encoder: MetricsEncoder::new(1, 3),
            targets: HashMap::new(),
            series: HashMap::new(),
            time: 1_790_000_000_000,
        }
    }

    fn send(&mut self, ticks: &[&Tick]) -> Vec<Encoded> {
        for tick in ticks {
            for (target, values) in *tick {
                self.push(target, values);
            }
            self.time += 1000;
        }
        self.encoder.finish()
    }

    fn push(&mut self, target: &str, values: &[(String, f64)]) {
        let labels = || Labels::from_pairs([("instance", "node-1"), ("target", target)]);
        let target = *self
            .targets
            .entry(target.to_owned())
            .or_insert_with(|| self.encoder.add_target(labels()));
        let mut samples = Vec::new();
        for (name, value) in values {
            let key = (target, name.clone());
            let number = *self.series.entry(key).or_insert_with(|| {
                let labels = Labels::from_pairs([("__name__", name.as_str())]);
                let metadata = MetricMetadata::default();
                let defined = self.encoder.define(target, labels, &metadata, *value);
                defined.expect("few series are within the limits")
            });
            samples.push((number, *value));
        }
        samples.sort_unstable_by_key(|(number, _)| *number);
        samples.dedup_by_key(|(number, _)| *number);
        let (series, values): (Vec<u32>, Vec<f64>) = samples.into_iter().unzip();
        let pushed = self
            .encoder
            .push(Millis(self.time), target, &series, &values);
        pushed.expect("the batch is short and the series are in order");
    }
}
