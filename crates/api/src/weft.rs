//! weft's own API below `/weft/v1`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use crate::Error;
use crate::app::App;
use crate::response::{json, reply};

/// Describes the API for tools.
const OPENAPI: &str = include_str!("weft/openapi.json");

/// What the own API asks. The methods block; each call comes on a thread of its own.
pub trait Backend: Send + Sync + 'static {
    /// Returns how the aggregator fares.
    fn status(&self) -> Result<Status, Error>;
}

/// How the aggregator fares, in numbers that fit on one screen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The version of weft.
    pub version: String,
    /// `starting`, `running`, `degraded` or `stopping`.
    pub state: String,
    /// Why it is degraded, empty when it is not.
    pub reasons: Vec<String>,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// Samples.
    pub metrics: MetricsStatus,
    /// Log lines.
    pub logs: LogsStatus,
    /// What is read back from the journals after a start.
    pub replay: Replay,
    /// Those who send.
    pub peers: Vec<Peer>,
    /// What was dropped, by reason.
    pub drops: Vec<Drop>,
}

/// How the store of samples fares.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MetricsStatus {
    /// Series with recent samples.
    pub active_series: u64,
    /// Samples stored since the start.
    pub samples_total: u64,
    /// Samples stored per second, lately.
    pub samples_per_second: f64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// How the store of log lines fares.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogsStatus {
    /// Streams with recent lines.
    pub active_streams: u64,
    /// Lines stored since the start.
    pub lines_total: u64,
    /// Lines stored per second, lately.
    pub lines_per_second: f64,
    /// Bytes of lines stored since the start.
    pub line_bytes_total: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// How far the journals are read back into the stores; until then recent data may be missing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replay {
    /// Whether it goes on.
    pub running: bool,
    /// How much of their bytes is done.
    pub percent: u64,
    /// Records applied since the start.
    pub records_total: u64,
    /// How long it took, or has taken.
    pub seconds: f64,
}

/// Somebody who sends.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// `agent` or `collector`.
    pub role: String,
    /// Where it connects from.
    pub address: String,
    /// How long ago it was last heard.
    pub last_seen_seconds: f64,
    /// How old the newest data from it was when it came.
    pub lag_seconds: f64,
}

/// Something that was dropped.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Drop {
    /// What: `samples`, `lines`.
    pub what: String,
    /// Why.
    pub reason: String,
    /// How much since the start.
    pub count: u64,
}

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/status", get(status))
        .route("/openapi.json", get(openapi))
        .layer(map_response(put_error_in))
}

async fn status(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.weft);
    let status = app.glance(move || backend.status()).await?;
    let mut body = Vec::new();
    json::object(&mut body, &status);
    Ok(reply::json(body))
}

async fn openapi() -> Response {
    reply::json(OPENAPI.as_bytes().to_vec())
}

/// Puts an error into an object with one sentence for people.
async fn put_error_in(response: Response) -> Response {
    reply::in_words(response, reply::JSON, |error| {
        let mut body = b"{\"error\":".to_vec();
        json::string(&mut body, &error.message);
        body.push(b'}');
        body
    })
}
