//! `GET /loki/api/v1/tail`: follows a query over a WebSocket.
//!
//! In: a query. Out: batches of lines as they come, and pings while none come. Bound: a place
//! among those who follow; the backend drops lines that a slow reader leaves and says so. It ends
//! when the client leaves, the backend ends, or the server stops.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use weft_logql::merge_categories;

use super::backend::{TailBatch, TailQuery};
use super::result;
use super::span::Span;
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::request::params::invalid;
use crate::response::{json, number};
use crate::serve;

/// How many lines of the past come first if the asker does not say.
const LINES: usize = 100;

/// The most seconds that stragglers are waited for.
const DELAY_SECONDS_MAX: u32 = 5;

/// How often a silent connection is kept alive.
const PING_EVERY: Duration = Duration::from_secs(15);

/// Bytes of a message from the client, which has nothing to say.
const CLIENT_MESSAGE_BYTES_MAX: usize = 4096;

/// Follows a query.
pub(super) async fn tail(
    State(app): State<Arc<App>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    params: Params,
) -> Result<Response, Error> {
    let query = tail_query(&app, &params)?;
    let upgrade = upgrade.map_err(|error| Error::bad_data(error.body_text()))?;
    let place = app.tail_place()?;
    let backend = Arc::clone(&app.backends.loki);
    let batches = app.ask(None, move |_| backend.tail(&query)).await?;
    let follower = Follower {
        batches,
        closing: app.closing.clone(),
        _place: place,
    };
    let upgrade = upgrade.max_message_size(CLIENT_MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| follower.run(socket)))
}

fn tail_query(app: &App, params: &Params) -> Result<TailQuery, Error> {
    let delay_seconds: u32 = match params.get("delay_for") {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| invalid("delay_for", "cannot parse it to seconds"))?,
    };
    if delay_seconds > DELAY_SECONDS_MAX {
        let why = format!("delay_for can't be greater than {DELAY_SECONDS_MAX}");
        return Err(Error::bad_data(why));
    }
    Ok(TailQuery {
        query: params.get("query").to_owned(),
        start: Span::of(params, &app.config.clock)?.start,
        limit: params.limit("limit")?.unwrap_or(LINES),
        delay_seconds,
    })
}

/// One connection that follows a query.
struct Follower {
    batches: mpsc::Receiver<TailBatch>,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    async fn run(mut self, mut socket: WebSocket) {
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            let message = tokio::select! {
                batch = self.batches.recv() => batch.map(|batch| text(encode(batch))),
                _ = pings.tick() => Some(Message::Ping(bytes::Bytes::new())),
                () = serve::closed(&mut self.closing) => None,
                received = socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                },
            };
            let sent = match message {
                Some(message) => socket.send(message).await,
                // The client is told that there is nothing more; it may be gone already.
                None => return socket.send(Message::Close(None)).await.unwrap_or_default(),
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

fn text(json: Vec<u8>) -> Message {
    let text = Utf8Bytes::try_from(json).expect("JSON of strings is UTF-8");
    Message::Text(text)
}

fn encode(batch: TailBatch) -> Vec<u8> {
    let mut out = b"{\"streams\":".to_vec();
    json::array(&mut out, merge_categories(batch.streams), result::stream);
    out.extend_from_slice(b",\"dropped_entries\":");
    match batch.dropped.is_empty() {
        true => out.extend_from_slice(b"null"),
        false => json::array(&mut out, &batch.dropped, |out, dropped| {
            out.extend_from_slice(b"{\"labels\":");
            json::labels(out, &dropped.labels);
            number::print(out, format_args!(",\"timestamp\":\"{}\"}}", dropped.time.0));
        }),
    }
    out.push(b'}');
    out
}
