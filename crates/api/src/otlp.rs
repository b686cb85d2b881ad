//! `POST /otlp/v1/metrics`: OpenTelemetry's metrics.
//!
//! In: an export request as protobuf or JSON. Out: 200, which tells what was left out; 400 for
//! what cannot be read, 429 and 5xx to try again. The request is translated into one of remote
//! write and taken as such: journaled, then stored. Bound: a body's limits; JSON has
//! [`JSON_BYTES_MAX`] at most, because it takes more memory once read.

mod json;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use weft_exposition::otlp::{self, Translated};
use weft_exposition::remote_write::Version;

use crate::app::App;
use crate::prometheus::{Backend, Received};
use crate::request::{Encoding, body};
use crate::response::{self, reply};
use crate::{Error, ErrorKind};

/// Bytes of a request in JSON, once decompressed.
const JSON_BYTES_MAX: usize = 8 << 20;

/// Returns the routes below `/otlp/v1`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", post(metrics))
}

/// How a request is written, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Format, Error> {
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = String::from_utf8_lossy(kind.unwrap_or_default());
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-protobuf" => Ok(Format::Protobuf),
            "application/json" => Ok(Format::Json),
            _ => Err(Error::new(
                ErrorKind::UnsupportedType,
                format!(
                    "content type {kind:?} is not supported: \
                     send application/x-protobuf or application/json"
                ),
            )),
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Format::Protobuf => HeaderValue::from_static("application/x-protobuf"),
            Format::Json => reply::JSON,
        }
    }
}

/// Takes a request.
pub(crate) async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let format = match Format::of(&parts.headers) {
        Ok(format) => format,
        // Without a format in common, plain text is what most can show.
        Err(error) => return crate::plain_error(error.into_response()).await,
    };
    match take(&app, &parts.headers, body, format).await {
        Ok(left_out) => reply::whole(
            StatusCode::OK,
            format.content_type(),
            written(format, &left_out),
        ),
        Err(error) => reply::in_words(error.into_response(), format.content_type(), |error| {
            status(format, &error.message)
        }),
    }
}

/// What was left out of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct LeftOut {
    points: u64,
    message: String,
}

async fn take(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: axum::body::Body,
    format: Format,
) -> Result<LeftOut, Error> {
    let encoding = Encoding::of(headers)?.unwrap_or(Encoding::Identity);
    let most = app.limits().body_bytes_max;
    let bytes_max = match format {
        Format::Protobuf => most,
        Format::Json => most.min(JSON_BYTES_MAX),
    };
    let payload = body::read(app, headers, body, encoding, bytes_max).await?;
    let backend = Arc::clone(&app.backends.prometheus);
    app.change(move || {
        let bytes = payload.decode()?;
        let translated = match format {
            Format::Protobuf => otlp::translate(&otlp::decode(&bytes)?),
            Format::Json => otlp::translate(&json::read(&bytes)?),
        };
        store(&*backend, translated)
    })
    .await
}

/// Hands a translated request over as one of remote write.
fn store(backend: &dyn Backend, translated: Translated) -> Result<LeftOut, Error> {
    let Translated {
        body,
        points,
        rejected,
        mut reasons,
    } = translated;
    let mut left_out = rejected;
    if points > 0 {
        let snappy = snap::raw::Encoder::new().compress_vec(&body);
        let received = Received {
            version: Version::Two,
            body: Bytes::from(body),
            snappy: snappy.ok().map(Bytes::from),
        };
        let written = backend.write(received)?;
        left_out += written.left_out();
        if !written.is_complete() {
            reasons.push(written.complaint());
        }
    }
    Ok(LeftOut {
        points: left_out,
        message: reasons.join("; "),
    })
}

/// Returns an `ExportMetricsServiceResponse`.
fn written(format: Format, left_out: &LeftOut) -> Vec<u8> {
    let LeftOut { points, message } = left_out;
    let is_partial = *points > 0 || !message.is_empty();
    match format {
        Format::Protobuf => otlp::response(*points, message),
        Format::Json if !is_partial => b"{}".to_vec(),
        Format::Json => {
            // 64-bit numbers are text in protobuf's JSON.
            let head = format!(
                "{{\"partialSuccess\":{{\"rejectedDataPoints\":\"{points}\",\"errorMessage\":"
            );
            let mut out = head.into_bytes();
            response::json::string(&mut out, message);
            out.extend_from_slice(b"}}");
            out
        }
    }
}

/// Returns a `google.rpc.Status` with a sentence, as the protocol wants errors.
fn status(format: Format, message: &str) -> Vec<u8> {
    match format {
        Format::Protobuf => otlp::status(message),
        Format::Json => {
            let mut out = b"{\"message\":".to_vec();
            response::json::string(&mut out, message);
            out.push(b'}');
            out
        }
    }
}
