//! Measures how fast columns are decoded, by shape.
//!
//! In: nothing. Out: for each shape the bytes and the nanoseconds of a sample. A column has 240
//! samples, an hour of a scrape every 15 seconds; 800 columns are decoded in a row, which is what
//! a query over 800 series does. The best of some rounds counts: the machine may be busy.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use weft_codec::{CodecError, float};

const SAMPLES: usize = 240;
const COLUMNS: u64 = 800;
const ROUNDS: usize = 50;

/// Numbers that look random and are the same in every run.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ z >> 31
}

type Shape = (&'static str, fn(u64, u64) -> f64);

/// Returns the value of a column at a place.
const SHAPES: [Shape; 7] = [
    ("constant", |column, _| column as f64),
    ("sparse", |column, at| (column + at / 80) as f64),
    ("gauge, 5 bits", |column, at| {
        (mixed(column << 20 | at) % 32) as f64
    }),
    ("gauge, 20 bits", |column, at| {
        (mixed(column << 20 | at) % (1 << 20)) as f64
    }),
    ("counter", |column, at| {
        (column * 1000 + at * 700 + mixed(at) % 100) as f64
    }),
    ("decimals", |column, at| {
        (mixed(column << 20 | at) % 100_000) as f64 / 100.0
    }),
    ("true floats", |column, at| {
        (mixed(column << 20 | at) as f64).sqrt()
    }),
];

fn main() -> Result<(), CodecError> {
    for (name, value) in SHAPES {
        let mut columns = Vec::new();
        for column in 0..COLUMNS {
            let values: Vec<f64> = (0..SAMPLES as u64).map(|at| value(column, at)).collect();
            let mut encoded = Vec::new();
            float::encode(&values, &mut encoded);
            columns.push(encoded);
        }
        let bytes: usize = columns.iter().map(Vec::len).sum();
        let samples = (SAMPLES * columns.len()) as f64;
        let took = best(&columns)?;
        println!(
            "{name:15} {:6.3} bytes and {:5.2} ns per sample, {took:?} for 800 columns",
            bytes as f64 / samples,
            took.as_nanos() as f64 / samples,
        );
    }
    Ok(())
}

fn best(columns: &[Vec<u8>]) -> Result<Duration, CodecError> {
    let mut best = Duration::MAX;
    let mut out = Vec::with_capacity(SAMPLES);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for column in columns {
            out.clear();
            float::decode(&mut black_box(column.as_slice()), SAMPLES, &mut out)?;
            black_box(&out);
        }
        best = best.min(started.elapsed());
    }
    Ok(best)
}
