//! `POST /api/v1/read`: remote read.
//!
//! In: a compressed `prometheus.ReadRequest`. Out: one message with all samples, or frames of
//! chunks that are written while they are sent, whichever the reader accepts first. Bound: one
//! message has at most `Limits::read_bytes_max` bytes; frames need memory for one series.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use weft_exposition::chunk;
use weft_exposition::remote_read::{self, Frames, Query, ReadRequest, ResponseType};
use weft_model::{FloatHistogram, Labels};

use super::Backend;
use crate::app::{App, Outlet};
use crate::request::{Encoding, body};
use crate::response::reply;
use crate::{Cancel, Error};

/// Tells what may be missing from an answer, which has no other place for it.
const CAVEAT: HeaderName = HeaderName::from_static("x-weft-warning");

/// A series with its samples in a stretch of time.
#[derive(Clone, Debug)]
pub struct SeriesSamples {
    /// The series.
    pub labels: Labels,
    /// The times of the floats, ascending.
    pub times: Vec<i64>,
    /// The floats.
    pub values: Vec<f64>,
    /// Times and native histograms, ascending; no time is among both.
    pub histograms: Vec<(i64, FloatHistogram)>,
}

/// Answers a reader.
pub(super) async fn read(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    // A reader that does not say means the only compression that the protocol has.
    let encoding = Encoding::of(&parts.headers)?.unwrap_or(Encoding::Snappy);
    let bytes_max = app.limits().body_bytes_max;
    let payload = body::read(&app, &parts.headers, body, encoding, bytes_max).await?;
    let request = ReadRequest::parse(&payload.decode()?)?;
    let backend = Arc::clone(&app.backends.prometheus);
    let told = Arc::clone(&backend);
    let caveat = app.glance(move || Ok(told.caveat())).await?;
    let mut response = respond(&app, backend, request).await?;
    if let Some(value) = caveat.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(CAVEAT, value);
    }
    Ok(response)
}

async fn respond(
    app: &App,
    backend: Arc<dyn Backend>,
    request: ReadRequest,
) -> Result<Response, Error> {
    match request.response_type() {
        Some(ResponseType::Samples) => {
            let bytes_max = app.limits().read_bytes_max;
            let ask =
                move |cancel: &Cancel| sampled(&*backend, &request.queries, bytes_max, cancel);
            Ok(snappy(app.ask(None, ask).await?))
        }
        Some(ResponseType::StreamedXorChunks) => {
            let queries = request.queries;
            let ask =
                move |cancel: &Cancel, out: &mut Outlet| chunked(&*backend, &queries, cancel, out);
            let mut response = Response::new(app.stream(ask).await?);
            let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            Ok(response)
        }
        None => Err(Error::bad_data(
            "server does not support any of the requested response types; \
             supported: SAMPLES, STREAMED_XOR_CHUNKS",
        )),
    }
}

fn snappy(body: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/x-protobuf");
    let mut response = reply::whole(StatusCode::OK, kind, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    response
}

/// Returns one compressed message with all samples.
fn sampled(
    backend: &dyn Backend,
    queries: &[Query],
    bytes_max: usize,
    cancel: &Cancel,
) -> Result<Vec<u8>, Error> {
    let mut response = remote_read::Response::default();
    for query in queries {
        backend.read(query, cancel, &mut |series| {
            let SeriesSamples {
                labels,
                times,
                values,
                histograms,
            } = series;
            response.push(&labels, &times, &values, &histograms);
            match response.len() > bytes_max {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        if response.len() > bytes_max {
            let most = weft_stdx::text::bytes(bytes_max as u64);
            return Err(Error::bad_data(format!(
                "exceeded sample limit: the answer has more than {most}; \
                 ask for less, or for STREAMED_XOR_CHUNKS"
            )));
        }
        response.end_query();
    }
    let compressed = snap::raw::Encoder::new().compress_vec(&response.into_bytes());
    compressed.map_err(|error| Error::internal(&error))
}

/// Writes frames of chunks, one series after the other.
fn chunked(
    backend: &dyn Backend,
    queries: &[Query],
    cancel: &Cancel,
    out: &mut Outlet,
) -> Result<(), Error> {
    for (place, query) in queries.iter().enumerate() {
        backend.read(query, cancel, &mut |series| {
            let SeriesSamples {
                labels,
                times,
                values,
                histograms,
            } = series;
            let chunks = chunk::encode(&times, &values, &histograms);
            Frames::new(place, &labels, &chunks).try_for_each(|frame| out.send(frame))
        })?;
        cancel.check()?;
    }
    Ok(())
}
