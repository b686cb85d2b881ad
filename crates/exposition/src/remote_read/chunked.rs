//! `prometheus.ChunkedReadResponse`: frames with a length and a CRC32C in front.
//!
//! A frame holds chunks of one series. A series that does not fit goes on in the next frame, which
//! repeats its labels.

use weft_model::Labels;

use crate::chunk::Chunk;
use crate::wire::{Writer, put_varint};

/// How many bytes of chunks a frame has at least, unless its series ends before.
pub const FRAME_BYTES: usize = 1 << 20;

/// The frames of one series.
#[derive(Debug)]
pub struct Frames<'a> {
    labels: &'a Labels,
    chunks: &'a [Chunk],
    query: u64,
}

impl<'a> Frames<'a> {
    /// Returns the frames of a series that answers the query with this place in the request. A
    /// series without chunks has none.
    pub fn new(query: usize, labels: &'a Labels, chunks: &'a [Chunk]) -> Frames<'a> {
        Frames {
            labels,
            chunks,
            query: query as u64,
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.chunks.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let reaches_limit = |chunk: &Chunk| {
            bytes += chunk.data.len();
            bytes >= FRAME_BYTES
        };
        let last = self.chunks.iter().position(reaches_limit);
        let len = last.map_or(self.chunks.len(), |last| last + 1);
        let (chunks, rest) = self.chunks.split_at(len);
        self.chunks = rest;
        let mut message = Writer::default();
        message.message(1, |series| {
            super::sampled::put_labels(series, self.labels);
            chunks.iter().for_each(|chunk| put_chunk(series, chunk));
        });
        message.number(2, self.query);
        Some(framed(message.as_slice()))
    }
}

fn put_chunk(series: &mut Writer, chunk: &Chunk) {
    series.message(2, |message| {
        message.number(1, chunk.start.0 as u64);
        message.number(2, chunk.end.0 as u64);
        message.number(3, chunk.encoding as u64);
        message.bytes(4, &chunk.data);
    });
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 14);
    put_varint(&mut frame, message.len() as u64);
    frame.extend_from_slice(&crc32c::crc32c(message).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
