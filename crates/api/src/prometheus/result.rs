//! The answer of a query as JSON.
//!
//! In: an [`Answer`]. Out: a response that is written a series at a time. Bound: the asker's
//! `limit` on series, with a warning if some were cut.

use axum::response::Response;
use weft_model::{FloatHistogram, Millis};
use weft_promql::{Answer, SampleValue, Series, StatsDetail, Value, VectorSample};

use super::envelope::{HEAD, Remarks, TRUNCATED};
use super::stats::Cost;
use crate::Error;
use crate::request::Params;
use crate::response::json::{self, Pieces};
use crate::response::{histogram, number, reply};

/// What the asker says about the answer.
pub(super) struct Options {
    limit: Option<usize>,
    stats: StatsWanted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StatsWanted {
    No,
    Totals,
    All,
}

impl Options {
    pub(super) fn of(params: &Params) -> Result<Options, Error> {
        let stats = match params.find("stats") {
            None => StatsWanted::No,
            Some("all") => StatsWanted::All,
            Some(_) => StatsWanted::Totals,
        };
        let limit = params.limit("limit")?;
        Ok(Options { limit, stats })
    }

    /// Returns how much the engine has to count.
    pub(super) fn detail(&self) -> StatsDetail {
        match self.stats {
            StatsWanted::All => StatsDetail::EachStep,
            StatsWanted::No | StatsWanted::Totals => StatsDetail::Totals,
        }
    }
}

/// Returns the response.
pub(super) fn respond(answer: Answer, cost: &Cost, options: &Options) -> Response {
    let Answer {
        value,
        warnings,
        infos,
        ..
    } = answer;
    let mut remarks = Remarks { warnings, infos };
    remarks.cut();
    let value = truncated(value, options.limit, &mut remarks);
    let cost = (options.stats != StatsWanted::No).then_some(cost);
    let tail = tail(&value, cost, &remarks);
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

fn tail(value: &Value, cost: Option<&Cost>, remarks: &Remarks) -> Vec<u8> {
    let mut tail = Vec::new();
    if matches!(value, Value::Vector(_) | Value::Matrix(_)) {
        tail.push(b']');
    }
    if let Some(cost) = cost {
        cost.write(&mut tail);
    }
    tail.push(b'}');
    remarks.tail(&mut tail);
    tail
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
