//! Those who send to the store under test: remote write, and an agent.

use bytes::Bytes;
use weft_api::prometheus::{Received, Written};
use weft_exposition::remote_write::Version;
use weft_model::{Labels, MetricMetadata, Millis, SessionId, StreamKind};
use weft_proto::batch::{BatchKey, seal};
use weft_proto::payload::MetricsEncoder;
use weft_proto::v1::Batch;

use super::super::take::TakeError;
use super::super::{Store, Verdict};

/// Returns a remote-write request of one series with these samples.
pub(super) fn request(series: &str, samples: &[(i64, f64)]) -> Received {
    let mut message = Vec::new();
    for (name, value) in [("__name__", series), ("job", "test")] {
        let mut label = Vec::new();
        put_bytes(&mut label, 1, name.as_bytes());
        put_bytes(&mut label, 2, value.as_bytes());
        put_bytes(&mut message, 1, &label);
    }
    for (time, value) in samples {
        let mut sample = vec![0x09];
        sample.extend_from_slice(&value.to_le_bytes());
        sample.push(0x10);
        put_varint(&mut sample, *time as u64);
        put_bytes(&mut message, 2, &sample);
    }
    let mut body = Vec::new();
    put_bytes(&mut body, 1, &message);
    let snappy = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    Received {
        version: Version::One,
        body: Bytes::from(body),
        snappy: Some(Bytes::from(snappy)),
    }
}

/// Writes samples of one series; they are acknowledged when this succeeds.
pub(super) fn write(
    store: &Store,
    series: &str,
    samples: &[(i64, f64)],
) -> Result<Written, TakeError> {
    store.take_remote_write(request(series, samples))
}

fn put_bytes(into: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    into.push(field << 3 | 2);
    put_varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn put_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// An agent that keeps what is not acknowledged.
pub(super) struct Agent {
    encoder: MetricsEncoder,
    series: Vec<(String, u32)>,
    target: u32,
    next_seq: u64,
    /// What was sent, by its number.
    pub(super) sent: Vec<Batch>,
}

pub(super) const SESSION: SessionId = SessionId(7);

impl Agent {
    pub(super) fn new(names: &[&str]) -> Agent {
        let mut encoder = MetricsEncoder::new(1, 1);
        let target = encoder.add_target(Labels::from_pairs([("job", "test")]));
        let define = |name: &&str| {
            let labels = Labels::from_pairs([("__name__", *name)]);
            let known = MetricMetadata::default();
            let number = encoder.define(target, labels, &known, 0.0).unwrap();
            ((*name).to_owned(), number)
        };
        Agent {
            series: names.iter().map(define).collect(),
            encoder,
            target,
            next_seq: 1,
            sent: Vec::new(),
        }
    }

    /// Makes the batches of one tick: all series have the same value. They are sent by
    /// [`Agent::send`], from the number returned on.
    pub(super) fn tick(&mut self, time: i64, value: f64) -> usize {
        let first = self.sent.len();
        let numbers: Vec<u32> = self.series.iter().map(|(_, number)| *number).collect();
        let values = vec![value; numbers.len()];
        let pushed = self
            .encoder
            .push(Millis(time), self.target, &numbers, &values);
        pushed.unwrap();
        for encoded in self.encoder.finish() {
            let key = BatchKey {
                session: SESSION,
                stream: StreamKind::Metrics,
                seq: self.next_seq,
            };
            self.next_seq += 1;
            self.sent.push(seal(key, encoded));
        }
        first
    }

    /// Sends batches from the one at `from` on; tells whether all are acknowledged.
    pub(super) fn send(&self, store: &Store, from: usize) -> bool {
        let taken = store.take(self.sent[from..].to_vec());
        taken.iter().all(|one| one.verdict == Verdict::Durable)
    }
}
