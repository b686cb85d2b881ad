//! The routes that operate the process: `/-/healthy`, `/-/ready`, `/-/reload`, `/-/flush`, and
//! `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Error;
use crate::app::App;
use crate::response::reply;

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the routes act on. The methods block; each call comes on a thread of its own.
pub trait Backend: Send + Sync + 'static {
    /// Tells whether requests are answered; the error says what is not up yet.
    fn ready(&self) -> Result<(), Error>;

    /// Reads the configuration anew.
    fn reload(&self) -> Result<(), Error>;

    /// Makes everything that was taken durable and searchable.
    fn flush(&self) -> Result<(), Error>;

    /// Returns the process's own metrics in the text format of OpenMetrics.
    fn metrics(&self) -> String;
}

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/-/flush", post(flush).put(flush))
        .route("/metrics", get(metrics))
        .layer(map_response(crate::plain_error))
}

async fn healthy() -> Response {
    reply::text(StatusCode::OK, "healthy\n")
}

async fn ready(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.admin);
    app.glance(move || backend.ready()).await?;
    Ok(reply::text(StatusCode::OK, "ready\n"))
}

async fn reload(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.admin);
    app.change(move || backend.reload()).await?;
    Ok(reply::text(StatusCode::OK, "reloaded\n"))
}

async fn flush(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.admin);
    app.change(move || backend.flush()).await?;
    Ok(reply::text(StatusCode::OK, "flushed\n"))
}

async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.admin);
    let text = app.glance(move || Ok(backend.metrics())).await?;
    Ok(reply::whole(StatusCode::OK, OPENMETRICS, text))
}
