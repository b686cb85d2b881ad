//! The answer of a query as JSON.
//!
//! In: an [`Answer`]. Out: a response that is written a series or stream at a time. With
//! categories each line is a triple whose third item tells metadata from parsed labels; without,
//! all labels are the stream's.

use axum::http::HeaderMap;
use axum::response::Response;
use weft_logql::{
    Answer, ScalarSample, SelectStats, Series, Stream, StreamEntry, Value, VectorSample,
    merge_categories,
};
use weft_model::{Labels, Nanos};

use super::envelope::{self, HEAD};
use crate::response::json::{self, Pieces};
use crate::response::{number, reply};

const FLAGS_HEADER: &str = "x-loki-response-encoding-flags";
const CATEGORIZE: &str = "categorize-labels";

/// Whether the asker wants the labels of a line told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Categories {
    Apart,
    Merged,
}

impl Categories {
    pub(super) fn wanted(headers: &HeaderMap) -> Categories {
        let values = headers.get_all(FLAGS_HEADER).into_iter();
        let wanted = values
            .filter_map(|value| value.to_str().ok())
            .any(|flags| flags.split(',').any(|flag| flag.trim() == CATEGORIZE));
        match wanted {
            true => Categories::Apart,
            false => Categories::Merged,
        }
    }
}

/// Returns the response.
pub(super) fn respond(answer: Answer, categories: Categories, caveat: Option<&str>) -> Response {
    let lines = match &answer.value {
        Value::Streams(streams) => streams.iter().map(|stream| stream.entries.len()).sum(),
        _ => 0,
    };
    let tail = tail(&answer.stats, lines, caveat);
    match answer.value {
        Value::Streams(streams) => respond_with_streams(streams, categories, tail),
        Value::Matrix(series) => {
            let pieces = Pieces::new(head("matrix", "", b"["), series.into_iter(), matrix, tail);
            reply::json_pieces(pieces)
        }
        Value::Vector(samples) => {
            let pieces = Pieces::new(head("vector", "", b"["), samples.into_iter(), vector, tail);
            reply::json_pieces(pieces)
        }
        Value::Scalar(sample) => {
            let mut body = head("scalar", "", b"");
            scalar(&mut body, sample);
            // A scalar is not in a list: the bracket that closes one is left out.
            body.extend_from_slice(&tail[1..]);
            reply::json(body)
        }
    }
}

fn respond_with_streams(streams: Vec<Stream>, categories: Categories, tail: Vec<u8>) -> Response {
    match categories {
        Categories::Apart => {
            let flags = "\"encodingFlags\":[\"categorize-labels\"],";
            let head = head("streams", flags, b"[");
            reply::json_pieces(Pieces::new(head, streams.into_iter(), categorized, tail))
        }
        Categories::Merged => {
            let merged = merge_categories(streams).into_iter();
            reply::json_pieces(Pieces::new(head("streams", "", b"["), merged, stream, tail))
        }
    }
}

/// Grafana reads as a stream: type and flags have to come before the result.
fn head(kind: &str, flags: &str, bracket: &[u8]) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    number::print(
        &mut head,
        format_args!("{{\"resultType\":\"{kind}\",{flags}\"result\":"),
    );
    head.extend_from_slice(bracket);
    head
}

/// Writes what follows the result, with its closing bracket.
fn tail(stats: &SelectStats, lines: usize, caveat: Option<&str>) -> Vec<u8> {
    let mut tail = Vec::new();
    number::print(
        &mut tail,
        format_args!(
            "],\"stats\":{{\"summary\":{{\"totalBytesProcessed\":{},\"totalLinesProcessed\":{},\
             \"totalEntriesReturned\":{lines}}},\"store\":{{\"totalChunksRef\":{},\
             \"totalChunksDownloaded\":{},\"chunksLost\":{}}}}}}}",
            stats.bytes, stats.lines, stats.blocks, stats.blocks_read, stats.blocks_lost
        ),
    );
    envelope::end(&mut tail, caveat);
    tail
}

/// Writes a stream whose lines are pairs.
pub(super) fn stream(out: &mut Vec<u8>, stream: Stream) {
    write_stream(out, &stream, |_, _| {});
}

fn categorized(out: &mut Vec<u8>, stream: Stream) {
    write_stream(out, &stream, |out, entry| {
        out.push(b',');
        let parts = [
            ("structuredMetadata", &entry.metadata),
            ("parsed", &entry.parsed),
        ];
        let present = parts.into_iter().filter(|(_, labels)| !labels.is_empty());
        json::list(out, [b'{', b'}'], present, |out, (name, labels)| {
            json::string(out, name);
            out.push(b':');
            json::labels(out, labels);
        });
    });
}

fn write_stream(out: &mut Vec<u8>, stream: &Stream, third: impl Fn(&mut Vec<u8>, &StreamEntry)) {
    out.extend_from_slice(b"{\"stream\":");
    json::labels(out, &stream.labels);
    out.extend_from_slice(b",\"values\":");
    json::array(out, &stream.entries, |out, entry| {
        number::print(out, format_args!("[\"{}\",", entry.time.0));
        json::string(out, &entry.line);
        third(out, entry);
        out.push(b']');
    });
    out.push(b'}');
}

fn matrix(out: &mut Vec<u8>, series: Series) {
    write_series(out, &series.labels, &series.points, |out, value| {
        number::plain(out, *value)
    });
}

/// Writes a series of numbers over time.
pub(super) fn write_series<T>(
    out: &mut Vec<u8>,
    labels: &Labels,
    points: &[(Nanos, T)],
    write: impl Fn(&mut Vec<u8>, &T),
) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, labels);
    out.extend_from_slice(b",\"values\":");
    json::array(out, points, |out, (time, value)| {
        point(out, *time, |out| write(out, value))
    });
    out.push(b'}');
}

fn vector(out: &mut Vec<u8>, sample: VectorSample) {
    write_sample(out, &sample.labels, sample.time, |out| {
        number::plain(out, sample.value)
    });
}

/// Writes a number at a time.
pub(super) fn write_sample(
    out: &mut Vec<u8>,
    labels: &Labels,
    time: Nanos,
    write: impl Fn(&mut Vec<u8>),
) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, labels);
    out.extend_from_slice(b",\"value\":");
    point(out, time, write);
    out.push(b'}');
}

fn scalar(out: &mut Vec<u8>, sample: ScalarSample) {
    point(out, sample.time, |out| number::plain(out, sample.value));
}

fn point(out: &mut Vec<u8>, time: Nanos, write: impl Fn(&mut Vec<u8>)) {
    out.push(b'[');
    number::seconds_of_nanos(out, time);
    out.extend_from_slice(b",\"");
    write(out);
    out.extend_from_slice(b"\"]");
}
