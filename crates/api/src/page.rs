//! `GET /`: one page for people, with everything in it, so that it works without the internet.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use crate::app::App;
use crate::response::reply;

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// Only what this server itself serves is loaded, and only this server is asked.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || page("text/html; charset=utf-8", HTML)))
        .route(
            "/page/style.css",
            get(async || page("text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/page/script.js",
            get(async || page("text/javascript; charset=utf-8", SCRIPT)),
        )
}

fn page(content_type: &'static str, text: &'static str) -> Response {
    let mut response = reply::whole(StatusCode::OK, HeaderValue::from_static(content_type), text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
