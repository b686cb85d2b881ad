//! Remote-write 1 messages: series with samples and native histograms, compressed.
//!
//! In: series. Out: a request's body. The field numbers are those of `prometheus.WriteRequest`.

use anyhow::{Context, Result};

/// A series and what is written of it in one request.
pub(super) struct Series<'a> {
    pub(super) labels: &'a [(String, String)],
    pub(super) time: i64,
    pub(super) point: &'a Point,
}

/// What a series has at one time.
#[derive(Clone)]
pub(super) enum Point {
    Float(f64),
    Histogram(Histogram),
}

/// An integer native histogram.
#[derive(Clone, Default)]
pub(super) struct Histogram {
    pub(super) schema: i64,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: u64,
    /// Runs of buckets: the gap before, and the counts.
    pub(super) positive: Vec<(i64, Vec<i64>)>,
    pub(super) negative: Vec<(i64, Vec<i64>)>,
    /// The upper bounds of custom buckets.
    pub(super) custom: Vec<f64>,
    /// 0 for unknown, 3 for a gauge.
    pub(super) reset_hint: u64,
}

/// Writes a request with these series.
pub(super) fn request<'a>(all: impl Iterator<Item = Series<'a>>) -> Result<Vec<u8>> {
    let mut request = Message::default();
    for series in all {
        let mut message = Message::default();
        for (name, value) in series.labels {
            let mut label = Message::default();
            label.bytes(1, name.as_bytes());
            label.bytes(2, value.as_bytes());
            message.bytes(1, &label.0);
        }
        match series.point {
            Point::Float(value) => {
                let mut sample = Message::default();
                sample.double(1, *value);
                sample.varint(2, series.time as u64);
                message.bytes(2, &sample.0);
            }
            Point::Histogram(histogram) => message.bytes(4, &written(histogram, series.time).0),
        }
        request.bytes(1, &message.0);
    }
    let mut encoder = snap::raw::Encoder::new();
    encoder.compress_vec(&request.0).context("compress")
}

fn written(histogram: &Histogram, time: i64) -> Message {
    let mut message = Message::default();
    message.varint(1, histogram.count);
    message.double(3, histogram.sum);
    message.varint(4, zigzag(histogram.schema));
    message.double(5, histogram.zero_threshold);
    message.varint(6, histogram.zero_count);
    message.buckets((8, 9), &histogram.negative);
    message.buckets((11, 12), &histogram.positive);
    message.varint(14, histogram.reset_hint);
    message.varint(15, time as u64);
    if !histogram.custom.is_empty() {
        let bounds = histogram
            .custom
            .iter()
            .flat_map(|bound| bound.to_le_bytes());
        message.bytes(16, &bounds.collect::<Vec<u8>>());
    }
    message
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u8, value: u64) {
        put(&mut self.0, u64::from(field) << 3);
        put(&mut self.0, value);
    }

    fn double(&mut self, field: u8, value: f64) {
        put(&mut self.0, u64::from(field) << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        put(&mut self.0, u64::from(field) << 3 | 2);
        put(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes runs of buckets as spans and deltas.
    fn buckets(&mut self, (spans, deltas): (u8, u8), runs: &[(i64, Vec<i64>)]) {
        let mut packed = Vec::new();
        let mut before = 0;
        for (gap, counts) in runs {
            let mut span = Message::default();
            span.varint(1, zigzag(*gap));
            span.varint(2, counts.len() as u64);
            self.bytes(spans, &span.0);
            for count in counts {
                put(&mut packed, zigzag(count - before));
                before = *count;
            }
        }
        if !packed.is_empty() {
            self.bytes(deltas, &packed);
        }
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
