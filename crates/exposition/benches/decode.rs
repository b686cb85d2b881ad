//! How fast requests are decoded and answers encoded: samples per second on one core.
//!
//! Run with `cargo bench -p weft-exposition`. "known" looks at each series' key and samples, as a
//! receiver does that has met the series before; "new" also builds the label set.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use weft_exposition::chunk;
use weft_exposition::otlp::{self, message};
use weft_exposition::remote_write::{Request, Version};
use weft_exposition::text::{Dialect, Line, Parser, Writer};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(1);

fn main() {
    for (series, samples) in [(2000, 1), (1000, 2), (100, 100)] {
        let body = request(series, samples);
        let count = series * samples;
        let shape = format!("{series} series x {samples}");
        report(&format!("remote write, known, {shape}"), count, || {
            known(&body)
        });
        report(&format!("remote write, new,   {shape}"), count, || {
            new(&body)
        });
    }
    let text = exposition(2000);
    report("text, known, 2000 series x 1", 2000, || {
        Parser::new(Dialect::Prometheus, text.as_bytes())
            .filter_map(|line| match line {
                Ok(Line::Sample(sample)) => Some(sample.key().len() as f64 + sample.value),
                _ => None,
            })
            .sum()
    });
    chunks();
    open_telemetry();
}

/// Chunks for remote read: counters that grow unevenly, every 15 s.
fn chunks() {
    let times: Vec<i64> = (0..12_000)
        .map(|i| 1_700_000_000_000 + i * 15_000)
        .collect();
    let values: Vec<f64> = (0..12_000)
        .map(|i| f64::from(i * i % 977 + i * 40))
        .collect();
    report("XOR chunks, encoded", times.len(), || {
        let chunks = chunk::encode(black_box(&times), black_box(&values), &[]);
        chunks.iter().map(|chunk| chunk.data.len() as f64).sum()
    });
}

/// OpenTelemetry's requests, read and translated: 1000 gauges of a service with five attributes.
fn open_telemetry() {
    let attribute = |i: u32| {
        let value = message::Value::Text(format!("value-{i}").into());
        (format!("http.attribute.{i}").into(), value)
    };
    let point = |i: u32| message::NumberPoint {
        common: message::Common {
            attributes: (0..5).map(|j| attribute(i % 7 + j)).collect(),
            time_nanos: 1_700_000_000_000_000_000,
            is_absent: false,
        },
        value: f64::from(i),
        exemplars: Vec::new(),
    };
    let metric = message::Metric {
        name: "http.server.active_requests".into(),
        unit: "s".into(),
        data: Some(message::Data::Gauge((0..1000).map(point).collect())),
        ..message::Metric::default()
    };
    let service = message::Value::Text("cart".into());
    let request = message::Request {
        resources: vec![message::Resource {
            attributes: vec![("service.name".into(), service)],
            scopes: vec![message::Scope {
                metrics: vec![metric],
                ..message::Scope::default()
            }],
        }],
    };
    report(
        "OpenTelemetry, translated, 1000 points x 5 attributes",
        1000,
        || otlp::translate(black_box(&request)).body.len() as f64,
    );
}

/// Prints the figure of the fastest round: the others shared the core with somebody else.
fn report(what: &str, samples: usize, mut decode: impl FnMut() -> f64) {
    let start = Instant::now();
    let mut fastest = Duration::MAX;
    while start.elapsed() < MEASURED {
        let round = Instant::now();
        black_box(decode());
        fastest = fastest.min(round.elapsed());
    }
    let per_second = samples as f64 / fastest.as_secs_f64();
    println!("{what}: {:.1} M samples/s", per_second / 1e6);
}

fn known(body: &[u8]) -> f64 {
    let request = Request::parse(Version::One, black_box(body)).expect("the benchmark's request");
    let mut scratch = Vec::new();
    let mut sum = 0.0;
    for series in request.series() {
        let key = series.key(&mut scratch).expect("version 1 has a key");
        sum += key.len() as f64 + f64::from(key[key.len() - 1]);
        sum += series
            .samples()
            .map(|sample| sample.value + sample.time.0 as f64)
            .sum::<f64>();
    }
    sum
}

fn new(body: &[u8]) -> f64 {
    let request = Request::parse(Version::One, black_box(body)).expect("the benchmark's request");
    let labels = request.series().filter_map(|series| series.labels().ok());
    labels.map(|labels| labels.as_bytes().len() as f64).sum()
}

/// Ten labels as kube-prometheus has them.
fn labels(series: usize) -> Vec<(&'static str, String)> {
    vec![
        (
            "__name__",
            "container_network_receive_bytes_total".to_owned(),
        ),
        ("container", "server".to_owned()),
        ("endpoint", "https-metrics".to_owned()),
        ("id", format!("/kubepods/burstable/pod{series:032x}")),
        ("image", "registry.example/team/server:1.2.3".to_owned()),
        (
            "instance",
            format!("10.0.{}.{}:10250", series / 250 % 250, series % 250),
        ),
        ("job", "kubelet".to_owned()),
        ("namespace", "production".to_owned()),
        ("pod", format!("server-{series}")),
        ("service", "kubelet".to_owned()),
    ]
}

fn request(series: usize, samples: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for i in 0..series {
        let mut message = Vec::new();
        for (name, value) in labels(i) {
            let mut label = Vec::new();
            put(&mut label, 0x0a, name.as_bytes());
            put(&mut label, 0x12, value.as_bytes());
            put(&mut message, 0x0a, &label);
        }
        for at in 0..samples {
            let mut sample = vec![0x09];
            sample.extend_from_slice(&(i as f64 * 1.5).to_le_bytes());
            sample.push(0x10);
            put_varint(&mut sample, 1_700_000_000_000 + at * 15_000);
            put(&mut message, 0x12, &sample);
        }
        put(&mut body, 0x0a, &message);
    }
    body
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn exposition(series: usize) -> String {
    let mut text = String::new();
    let mut writer = Writer::new(Dialect::Prometheus, &mut text);
    for i in 0..series {
        let labels = labels(i);
        let pairs = labels.iter().map(|(name, value)| (*name, value.as_str()));
        writer.sample(&labels[0].1, pairs, i as f64 * 1.5, None);
    }
    text
}
