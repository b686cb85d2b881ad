//! `POST /api/v1/write`: remote write 1.0 and 2.0.
//!
//! In: a compressed message. Out: 204; 400 if something was left out, which a sender must not
//! retry; 415 for another message or compression; 429 and 5xx, which it must. Version 2 is told in
//! headers how much was written, whatever the status.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use weft_exposition::Faults;
use weft_exposition::remote_write::Version;

use crate::app::App;
use crate::request::{Encoding, body};
use crate::response::reply;
use crate::{Error, ErrorKind};

/// A remote-write request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which message it is.
    pub version: Version,
    /// The message, decompressed.
    pub body: Bytes,
    /// The same as it came, when it was compressed with snappy: a tenth of the size to journal.
    pub snappy: Option<Bytes>,
}

/// What was taken of a remote-write request.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Float samples that are stored.
    pub samples: u64,
    /// Native histograms that are stored.
    pub histograms: u64,
    /// Exemplars that are stored.
    pub exemplars: u64,
    /// What was left out; it makes the answer a 400 that the sender must not retry.
    pub faults: Faults,
    /// Sound samples that the store refused, with the same consequence.
    pub refused: Vec<Refused>,
}

/// Samples that a store did not take, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why, as a sentence.
    pub reason: String,
    /// How many samples and histograms.
    pub samples: u64,
}

impl Written {
    /// Tells whether all of a request was taken.
    pub fn is_complete(&self) -> bool {
        self.faults.is_empty() && self.refused.is_empty()
    }

    /// Returns how much was left out: items at fault, and samples that were refused.
    pub fn left_out(&self) -> u64 {
        let refused = self.refused.iter().map(|refused| refused.samples);
        self.faults.count() + refused.sum::<u64>()
    }

    /// Tells what was left out.
    pub fn complaint(&self) -> String {
        let mut parts = Vec::new();
        if !self.faults.is_empty() {
            parts.push(self.faults.to_string());
        }
        let told = |refused: &Refused| format!("{} samples: {}", refused.samples, refused.reason);
        parts.extend(self.refused.iter().map(told));
        parts.join("; ")
    }

    /// Notes samples that the store refused.
    pub fn refuse(&mut self, reason: impl Into<String>, samples: u64) {
        let reason = reason.into();
        match self.refused.iter_mut().find(|it| it.reason == reason) {
            Some(known) => known.samples += samples,
            None => self.refused.push(Refused { reason, samples }),
        }
    }
}

/// Takes a request.
pub(super) async fn write(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let version = version_of(&parts.headers)?;
    let written = take(&app, &parts.headers, body, version).await;
    Ok(match (written, version) {
        (Ok(written), _) => respond(&written, version),
        (Err(error), Version::One) => return Err(error),
        (Err(error), Version::Two) => told(error.into_response(), &Written::default()),
    })
}

async fn take(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: axum::body::Body,
    version: Version,
) -> Result<Written, Error> {
    // A sender that does not say means the only compression that the protocol has.
    let encoding = Encoding::of(headers)?.unwrap_or(Encoding::Snappy);
    let bytes_max = app.limits().body_bytes_max;
    let payload = body::read(app, headers, body, encoding, bytes_max).await?;
    let backend = Arc::clone(&app.backends.prometheus);
    app.change(move || {
        let received = Received {
            version,
            body: payload.decode()?,
            snappy: payload.snappy(),
        };
        backend.write(received)
    })
    .await
}

/// Returns which message the `Content-Type` announces; none is the first version.
fn version_of(headers: &HeaderMap) -> Result<Version, Error> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(Version::One);
    };
    let text = value.to_str().unwrap_or_default();
    let unknown = || {
        let message = format!("content type {text:?} is not supported");
        Error::new(ErrorKind::UnsupportedType, message)
    };
    let mut parts = text.split(';').map(str::trim);
    if parts.next() != Some("application/x-protobuf") {
        return Err(unknown());
    }
    match parts.find_map(|part| part.strip_prefix("proto=")) {
        None | Some("prometheus.WriteRequest") => Ok(Version::One),
        Some("io.prometheus.write.v2.Request") => Ok(Version::Two),
        Some(_) => Err(unknown()),
    }
}

fn respond(written: &Written, version: Version) -> Response {
    let response = match written.is_complete() {
        true => StatusCode::NO_CONTENT.into_response(),
        false => reply::text(
            StatusCode::BAD_REQUEST,
            format!("{}\n", written.complaint()),
        ),
    };
    match version {
        Version::One => response,
        Version::Two => told(response, written),
    }
}

/// Tells how much was written.
fn told(mut response: Response, written: &Written) -> Response {
    let counts = [
        ("x-prometheus-remote-write-samples-written", written.samples),
        (
            "x-prometheus-remote-write-histograms-written",
            written.histograms,
        ),
        (
            "x-prometheus-remote-write-exemplars-written",
            written.exemplars,
        ),
    ];
    for (name, count) in counts {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from(count));
    }
    response
}
