//! Prometheus's chunks: up to 120 samples of a series in a few bits each.
//!
//! In: samples in order of time. Out: [`Chunk`]s with the encodings 1 (XOR) and 3 (float
//! histogram), as `docs/format` of Prometheus describes them, and back. Bound: [`SAMPLES_MAX`]
//! samples in a chunk; a decoder takes no more from a chunk than its bytes can hold.

mod bits;
mod float_histogram;
mod layout;
mod run;
mod varbit;
mod xor;
mod xor_value;

use thiserror::Error;
use weft_model::{FloatHistogram, Millis};

pub use run::encode;

/// The most samples that are put into a chunk.
pub const SAMPLES_MAX: usize = 120;

/// How the samples of a chunk are written; the numbers are those of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Floats.
    Xor = 1,
    /// Native histograms with float counts.
    FloatHistogram = 3,
}

/// A run of samples of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How `data` is to be read.
    pub encoding: Encoding,
    /// The time of the first sample.
    pub start: Millis,
    /// The time of the last sample.
    pub end: Millis,
    /// The samples.
    pub data: Vec<u8>,
}

/// A chunk that cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ChunkError {
    /// It ends before its last sample.
    #[error("read chunk: it ends before its last sample")]
    Truncated,
    /// Its histograms have buckets or a schema that cannot be.
    #[error("read chunk: its histograms have an impossible layout")]
    Layout,
}

/// Returns the floats of an XOR chunk.
pub fn decode_floats(data: &[u8]) -> Result<Vec<(i64, f64)>, ChunkError> {
    xor::decode(data)
}

/// Returns the histograms of a float histogram chunk.
pub fn decode_histograms(data: &[u8]) -> Result<Vec<(i64, FloatHistogram)>, ChunkError> {
    float_histogram::decode(data)
}

/// Reads how many samples a chunk claims to have, and what comes behind.
fn split_count(data: &[u8]) -> Result<(usize, &[u8]), ChunkError> {
    let (count, rest) = data.split_first_chunk().ok_or(ChunkError::Truncated)?;
    Ok((usize::from(u16::from_be_bytes(*count)), rest))
}

#[cfg(test)]
mod tests;
