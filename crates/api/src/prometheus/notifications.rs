//! `/notifications` and `/notifications/live`: there are none, as what is wrong is told by `/-/ready`
//! and by `/weft/v1/status`; pages that ask keep their connection.
//!
//! Bound: a live connection takes a place among those who follow log queries.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};

use super::envelope;
use crate::app::App;
use crate::{Error, serve};

/// How often a silent connection is kept alive.
const SIGN_EVERY: Duration = Duration::from_secs(15);

/// A comment, which readers of events pass over.
const SIGN: &[u8] = b": still here\n\n";

/// Answers with none.
pub(super) async fn list() -> Response {
    envelope::success(|out| out.extend_from_slice(b"[]"))
}

/// Somebody who waits for notifications.
struct Reader {
    signs: Interval,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// Answers with events as they come, until the reader leaves or the server stops.
pub(super) async fn live(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let reader = Reader {
        signs: interval(SIGN_EVERY),
        closing: app.closing.clone(),
        _place: app.tail_place()?,
    };
    let mut response = Response::new(Body::from_stream(events(reader)));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn events(reader: Reader) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(reader, |mut reader| async {
        tokio::select! {
            _ = reader.signs.tick() => Some((Ok(Bytes::from_static(SIGN)), reader)),
            () = serve::closed(&mut reader.closing) => None,
        }
    })
}
