//! Cuts the samples of a series into chunks.
//!
//! In: floats and histograms, each ascending by time. Out: chunks that ascend too and do not
//! overlap.

use weft_model::{FloatHistogram, Millis};

use super::{Chunk, Encoding, SAMPLES_MAX, float_histogram, xor};

/// Returns chunks of a series' samples, which no time occurs twice in.
///
/// `times` and `values` are the floats; both slices have the same length.
pub fn encode(times: &[i64], values: &[f64], histograms: &[(i64, FloatHistogram)]) -> Vec<Chunk> {
    let mut chunks = Vec::with_capacity(times.len().div_ceil(SAMPLES_MAX));
    let (mut at, mut histograms) = (0, histograms);
    while at < times.len() || !histograms.is_empty() {
        let next_histogram = histograms.first().map_or(i64::MAX, |(time, _)| *time);
        let room = times[at..].iter().take(SAMPLES_MAX);
        let floats = room.take_while(|time| **time < next_histogram || histograms.is_empty());
        let len = floats.count();
        if len > 0 {
            chunks.push(of_floats(&times[at..at + len], &values[at..at + len]));
            at += len;
            continue;
        }
        let until = times.get(at).copied().unwrap_or(i64::MAX);
        let len = run_len(histograms, until);
        let (run, rest) = histograms.split_at(len);
        chunks.push(of_histograms(run));
        histograms = rest;
    }
    chunks
}

/// Returns how many histograms go into one chunk; the first one always does.
fn run_len(histograms: &[(i64, FloatHistogram)], until: i64) -> usize {
    let pairs = histograms.windows(2).take(SAMPLES_MAX - 1);
    let follows = |pair: &&[(i64, FloatHistogram)]| {
        pair[1].0 < until && float_histogram::follows(&pair[0].1, &pair[1].1)
    };
    1 + pairs.take_while(follows).count()
}

fn of_floats(times: &[i64], values: &[f64]) -> Chunk {
    Chunk {
        encoding: Encoding::Xor,
        start: Millis(times.first().copied().unwrap_or_default()),
        end: Millis(times.last().copied().unwrap_or_default()),
        data: xor::encode(times, values),
    }
}

fn of_histograms(run: &[(i64, FloatHistogram)]) -> Chunk {
    let samples: Vec<_> = run.iter().map(|(time, it)| (*time, it)).collect();
    Chunk {
        encoding: Encoding::FloatHistogram,
        start: Millis(run.first().map_or(0, |(time, _)| *time)),
        end: Millis(run.last().map_or(0, |(time, _)| *time)),
        data: float_histogram::encode(&samples),
    }
}
