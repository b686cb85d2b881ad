//! Answers as HTTP responses.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use crate::Error;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Returns a response with a body that is complete.
pub(crate) fn whole(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Returns an answer in JSON.
pub(crate) fn json(body: Vec<u8>) -> Response {
    whole(StatusCode::OK, JSON, body)
}

/// Returns a line of text.
pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Response {
    whole(status, TEXT, body.into())
}

/// Returns an answer in JSON that is written while it is sent; a short one is sent at once.
pub(crate) fn json_pieces(mut pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Response {
    let first = pieces.next().unwrap_or_default();
    let Some(second) = pieces.next() else {
        return json(first);
    };
    let all = [first, second].into_iter().chain(pieces);
    let body = Body::from_stream(stream::iter(all.map(Ok::<_, Infallible>)));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An error becomes a response without a body; the dialect, which finds the error among the
/// extensions, puts it into its own words.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let value = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Replaces the body of a response that an error became.
pub(crate) fn in_words(
    mut response: Response,
    content_type: HeaderValue,
    words: impl FnOnce(&Error) -> Vec<u8>,
) -> Response {
    let Some(error) = response.extensions_mut().remove::<Error>() else {
        return response;
    };
    if error.kind == crate::ErrorKind::Internal {
        tracing::error!(%error, "a request failed");
    }
    *response.body_mut() = Body::from(words(&error));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
