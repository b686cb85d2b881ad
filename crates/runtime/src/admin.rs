//! The admin port of every role: `/metrics`, `/-/healthy`, `/-/ready`, `/status`.
//!
//! In: a lifecycle, a registry of metrics, a function that tells the role's status. Out: plain
//! HTTP/1.1 on a loopback or pod address. Bound: 64 connections, 10 seconds for a request.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{Lifecycle, Shutdown, process};

const CONNECTIONS_MAX: usize = 64;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the admin port shows.
#[derive(Clone)]
pub struct Admin {
    /// The state behind `/-/healthy` and `/-/ready`.
    pub lifecycle: Lifecycle,
    /// The metrics behind `/metrics`.
    pub registry: Arc<Mutex<Registry>>,
    /// Returns a JSON document for `/status`.
    pub status: Arc<dyn Fn() -> String + Send + Sync>,
    /// Reads the configuration anew for `POST /-/reload`; an error is told to the caller.
    pub reload: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

/// Opens the admin port.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the stop is requested.
pub async fn serve(listener: TcpListener, admin: Admin, shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = shutdown.requested() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: give others the time to close some.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            continue;
        };
        let admin = admin.clone();
        let _ = stream.set_nodelay(true);
        connections.spawn(async move {
            let _permit = permit;
            let answer = |request| {
                let admin = admin.clone();
                async move { Ok::<_, Infallible>(admin.answer(&request)) }
            };
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIME_MAX);
            // A client that goes away early is its own affair.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

impl Admin {
    /// Returns all metrics: the registry's and those of the process.
    pub fn metrics_text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .expect("writing to a string cannot fail");
        let end = text
            .trim_end()
            .strip_suffix("# EOF")
            .map(str::len)
            .unwrap_or(text.len());
        text.truncate(end);
        process::write_metrics(&mut text);
        text.push_str("# EOF\n");
        text
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let reading = request.method() == Method::GET || request.method() == Method::HEAD;
        match request.uri().path() {
            "/metrics" if reading => reply(StatusCode::OK, OPENMETRICS, self.metrics_text()),
            "/-/healthy" if reading => reply(StatusCode::OK, TEXT, "healthy\n".to_owned()),
            "/-/ready" if reading => self.ready(),
            "/status" if reading => reply(StatusCode::OK, "application/json", (self.status)()),
            "/-/reload" if request.method() == Method::POST => match (self.reload)() {
                Ok(()) => reply(StatusCode::OK, TEXT, "reloaded\n".to_owned()),
                Err(why) => reply(StatusCode::BAD_REQUEST, TEXT, why + "\n"),
            },
            "/metrics" | "/-/healthy" | "/-/ready" | "/-/reload" | "/status" => reply(
                StatusCode::METHOD_NOT_ALLOWED,
                TEXT,
                "method not allowed\n".to_owned(),
            ),
            path => reply(
                StatusCode::NOT_FOUND,
                TEXT,
                format!("there is no {path} here\n"),
            ),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.lifecycle.is_ready() {
            return reply(StatusCode::OK, TEXT, "ready\n".to_owned());
        }
        let conditions = self.lifecycle.conditions();
        let lines = conditions
            .iter()
            .map(|(name, condition)| format!("{name}: {condition}\n"));
        let text = format!("{}\n{}", self.lifecycle.state(), lines.collect::<String>());
        reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
    }
}

fn reply(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
