//! A recorded scrape as one file: the samples of a machine, bit by bit.
//!
//! In: series with their samples. Out: bytes, and the series again. The bytes are zstd over:
//! uvarint count of time columns, each a uvarint count and an integer column; uvarint count of
//! series, each the run of its label bytes, the uvarint number of its time column, and a float
//! column. Bound: [`PLAIN_BYTES_MAX`].

use std::error::Error;

use weft_codec::varint::{put_run, put_uvarint, take_run, take_uvarint};
use weft_codec::{float, int};
use weft_model::Labels;

/// What a recording may take before it is compressed.
const PLAIN_BYTES_MAX: usize = 64 << 20;

const LEVEL: i32 = 19;

/// A series and its samples.
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

/// Returns the bytes of a recording.
#[allow(dead_code, reason = "the test only reads")]
pub(crate) fn encode(all: &[Series]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut columns: Vec<&[i64]> = Vec::new();
    let mut numbers = Vec::new();
    for series in all {
        let known = columns.iter().position(|column| *column == series.times);
        numbers.push(known.unwrap_or(columns.len()));
        if known.is_none() {
            columns.push(&series.times);
        }
    }
    let mut plain = Vec::new();
    put_uvarint(&mut plain, columns.len() as u64);
    for column in columns {
        put_uvarint(&mut plain, column.len() as u64);
        int::encode(column, &mut plain);
    }
    put_uvarint(&mut plain, all.len() as u64);
    for (series, number) in all.iter().zip(numbers) {
        put_run(&mut plain, series.labels.as_bytes());
        put_uvarint(&mut plain, number as u64);
        float::encode(&series.values, &mut plain);
    }
    Ok(zstd::bulk::compress(&plain, LEVEL)?)
}

/// Returns the series of a recording.
pub(crate) fn decode(stored: &[u8]) -> Result<Vec<Series>, Box<dyn Error>> {
    let plain = zstd::bulk::decompress(stored, PLAIN_BYTES_MAX)?;
    let bytes = &mut plain.as_slice();
    let mut columns = Vec::new();
    for _ in 0..take_uvarint(bytes)? {
        let count = usize::try_from(take_uvarint(bytes)?)?;
        let mut column = Vec::new();
        int::decode(bytes, count, &mut column)?;
        columns.push(column);
    }
    let mut all = Vec::new();
    for _ in 0..take_uvarint(bytes)? {
        let labels = Labels::from_bytes(take_run(bytes)?).ok_or("labels are not canonical")?;
        let number = usize::try_from(take_uvarint(bytes)?)?;
        let times = columns
            .get(number)
            .ok_or("there is no such column")?
            .clone();
        let mut values = Vec::new();
        float::decode(bytes, times.len(), &mut values)?;
        all.push(Series {
            labels,
            times,
            values,
        });
    }
    Ok(all)
}
