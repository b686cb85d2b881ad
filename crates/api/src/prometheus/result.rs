//! The answer of a query as JSON.
//!
//! In: an [`Answer`]. Out: a response that is written a series at a time. Bound: the asker's
//! `limit` on series, with a warning if some were cut.

use axum::response::Response;
use weft_model::{FloatHistogram, Millis};
use weft_promql::{Answer, SampleValue, Series, Stats, Value, VectorSample};

use super::envelope::{HEAD, Remarks, TRUNCATED};
use crate::Error;
use crate::request::Params;
use crate::response::json::{self, Pieces};
use crate::response::{histogram, number, reply};

/// What the asker says about the answer.
pub(super) struct Options {
    limit: Option<usize>,
    stats: StatsWanted,
}

/// How long a query waited and ran, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timings {
    pub(super) queued: i64,
    pub(super) ran: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StatsWanted {
    No,
    Yes,
}

impl Options {
    pub(super) fn of(params: &Params) -> Result<Options, Error> {
        let stats = match params.find("stats") {
            Some(_) => StatsWanted::Yes,
            None => StatsWanted::No,
        };
        let limit = params.limit("limit")?;
        Ok(Options { limit, stats })
    }
}

/// Returns the response.
pub(super) fn respond((answer, timings): (Answer, Timings), options: &Options) -> Response {
    let Answer {
        value,
        warnings,
        infos,
        stats,
    } = answer;
    let mut remarks = Remarks { warnings, infos };
    remarks.cut();
    let value = truncated(value, options.limit, &mut remarks);
    let stats = (options.stats == StatsWanted::Yes).then_some((stats, timings));
    let tail = tail(&value, stats, &remarks);
    let head = head(&value);
    match value {
        Value::Scalar { time_ms, value } => {
            reply::json_pieces(one(head, tail, |out| point(out, Millis(time_ms), value)))
        }
        Value::String { time_ms, text } => reply::json_pieces(one(head, tail, |out| {
            out.push(b'[');
            number::seconds(out, Millis(time_ms));
            out.push(b',');
            json::string(out, &text);
            out.push(b']');
        })),
        Value::Vector(samples) => {
            reply::json_pieces(Pieces::new(head, samples.into_iter(), vector_sample, tail))
        }
        Value::Matrix(series) => {
            reply::json_pieces(Pieces::new(head, series.into_iter(), matrix_series, tail))
        }
    }
}

fn truncated(value: Value, limit: Option<usize>, remarks: &mut Remarks) -> Value {
    let most = limit.unwrap_or(usize::MAX);
    let cut = match &value {
        Value::Vector(samples) => samples.len() > most,
        Value::Matrix(series) => series.len() > most,
        Value::Scalar { .. } | Value::String { .. } => false,
    };
    if !cut {
        return value;
    }
    remarks.warnings.push(TRUNCATED.to_owned());
    match value {
        Value::Vector(mut samples) => {
            samples.truncate(most);
            Value::Vector(samples)
        }
        Value::Matrix(mut series) => {
            series.truncate(most);
            Value::Matrix(series)
        }
        single => single,
    }
}

/// Grafana reads as a stream: the type has to come before the result.
fn head(value: &Value) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    head.extend_from_slice(match value {
        Value::Scalar { .. } => b"{\"resultType\":\"scalar\",\"result\":",
        Value::String { .. } => b"{\"resultType\":\"string\",\"result\":",
        Value::Vector(_) => b"{\"resultType\":\"vector\",\"result\":[",
        Value::Matrix(_) => b"{\"resultType\":\"matrix\",\"result\":[",
    });
    head
}

fn tail(value: &Value, stats: Option<(Stats, Timings)>, remarks: &Remarks) -> Vec<u8> {
    let mut tail = Vec::new();
    if matches!(value, Value::Vector(_) | Value::Matrix(_)) {
        tail.push(b']');
    }
    if let Some((stats, timings)) = stats {
        write_stats(&mut tail, stats, timings);
    }
    tail.push(b'}');
    remarks.tail(&mut tail);
    tail
}

/// Writes what a query cost in Prometheus's terms: preparing, evaluating and sorting are one here,
/// and the peak is told in samples that would take as many bytes.
fn write_stats(out: &mut Vec<u8>, stats: Stats, timings: Timings) {
    let seconds = |nanos: i64| nanos as f64 / 1e9;
    let (ran, queued) = (seconds(timings.ran), seconds(timings.queued));
    let Stats {
        series,
        samples_read,
        samples_queryable,
        samples_peak,
        bytes_peak,
        ..
    } = stats;
    number::print(
        out,
        format_args!(
            ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{ran},\"resultSortTime\":0,\
             \"queryPreparationTime\":0,\"innerEvalTime\":{ran},\"execQueueTime\":{queued},\
             \"execTotalTime\":{ran}}},\"samples\":{{\"totalQueryableSamples\":{samples_queryable},\
             \"peakSamples\":{samples_peak},\"samplesRead\":{samples_read},\
             \"seriesRead\":{series},\"peakBytes\":{bytes_peak}}}}}"
        ),
    );
}

fn one(
    mut head: Vec<u8>,
    tail: Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> std::iter::Once<Vec<u8>> {
    write(&mut head);
    head.extend_from_slice(&tail);
    std::iter::once(head)
}

fn point(out: &mut Vec<u8>, time: Millis, value: f64) {
    out.push(b'[');
    number::seconds(out, time);
    out.extend_from_slice(b",\"");
    number::value(out, value);
    out.extend_from_slice(b"\"]");
}

fn histogram_point(out: &mut Vec<u8>, time: Millis, value: &FloatHistogram) {
    out.push(b'[');
    number::seconds(out, time);
    out.push(b',');
    histogram::write(out, value);
    out.push(b']');
}

fn vector_sample(out: &mut Vec<u8>, sample: VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, &sample.labels);
    let time = Millis(sample.time_ms);
    match sample.value {
        SampleValue::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            point(out, time, value);
        }
        SampleValue::Histogram(value) => {
            out.extend_from_slice(b",\"histogram\":");
            histogram_point(out, time, &value);
        }
    }
    out.push(b'}');
}

fn matrix_series(out: &mut Vec<u8>, series: Series) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, &series.labels);
    if !series.floats.is_empty() {
        out.extend_from_slice(b",\"values\":");
        json::array(out, series.floats, |out, (time, value)| {
            point(out, Millis(time), value)
        });
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":");
        json::array(out, series.histograms, |out, (time, value)| {
            histogram_point(out, Millis(time), &value);
        });
    }
    out.push(b'}');
}
