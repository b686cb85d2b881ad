//! The HTTP dialects: Prometheus, Loki, OpenTelemetry, weft.
//!
//! In: requests, and traits that whoever stores the data implements. Out: the answers that
//! Grafana and its like expect, byte for byte. This is the only place where JSON is read or
//! written. Bound: [`Limits`] on connections, bodies, and queries at one time.
//!
//! A request runs through: [`serve`] -> route -> `request` (parameters, body) -> `App::ask` or
//! `App::change` (a thread, a permit, a deadline) -> backend -> `response` (JSON in pieces,
//! compression) -> the dialect's envelope, which also puts errors into its own words.

pub mod admin;
mod app;
mod cancel;
mod cors;
mod error;
pub mod loki;
mod otlp;
mod page;
pub mod prometheus;
mod request;
mod response;
mod serve;
pub mod weft;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use tokio::sync::watch;

use app::App;
use response::{compress, reply};

pub use app::{AdminApi, Backends, Config, Cors, Limits};
pub use cancel::Cancel;
pub use error::{Error, ErrorKind};
pub use serve::serve;

/// The API, ready to be served.
pub struct Api {
    router: Router,
    limits: Limits,
    /// Tells those who follow a query that the server stops.
    closing: watch::Sender<bool>,
}

impl Api {
    /// Returns the API over these backends.
    pub fn new(config: Config, backends: Backends) -> Api {
        let (closing, watched) = watch::channel(false);
        let limits = config.limits.clone();
        let app = Arc::new(App::new(config, backends, watched));
        Api {
            router: router(app),
            limits,
            closing,
        }
    }

    /// Returns the routes, for a caller that serves them in its own way.
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(page::routes())
        .merge(admin::routes())
        .nest("/api/v1", prometheus::routes())
        .nest("/prometheus/api/v1", prometheus::routes())
        .nest("/otlp/v1", otlp::routes())
        .nest("/loki/api/v1", loki::routes())
        .nest("/weft/v1", weft::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(prometheus::put_error_in))
        .layer(from_fn(compress::layer))
        .layer(from_fn_with_state(Arc::clone(&app), cors::layer))
        .with_state(app)
}

async fn not_found(request: Request) -> Error {
    let path = request.uri().path();
    Error::new(ErrorKind::NotFound, format!("there is nothing at {path:?}"))
}

async fn method_not_allowed(request: Request) -> Error {
    let (method, path) = (request.method(), request.uri().path());
    Error::new(
        ErrorKind::MethodNotAllowed,
        format!("{path:?} does not take {method}"),
    )
}

/// Puts an error into a line of text.
async fn plain_error(response: Response) -> Response {
    reply::in_words(response, reply::TEXT, |error| {
        format!("{error}\n").into_bytes()
    })
}
