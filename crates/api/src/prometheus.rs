//! Prometheus's HTTP API below `/api/v1`.
//!
//! In: requests as Grafana's data source and Prometheus's own page send them, by GET or as a form.
//! Out: the envelope `{"status":…,"data":…}` with Prometheus's words, codes and number format.

mod admin;
pub mod backend;
mod envelope;
mod escape;
mod exemplars;
mod features;
mod listing;
mod notifications;
mod parse_query;
mod query;
pub mod read;
mod report;
mod result;
mod rules;
mod search;
mod series;
mod stats;
pub mod status;
mod targets;
pub mod watch;
pub mod write;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, get, post, put};

use crate::app::App;

pub use backend::{Backend, ExemplarQuery, InstantQuery, RangeQuery, Selection, SeriesExemplars};
pub(crate) use envelope::put_error_in;
pub use read::SeriesSamples;
pub use write::{Received, Written};

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    let enveloped = Router::new()
        .route("/query", form(query::instant))
        .route("/query_range", form(query::range))
        .route("/query_exemplars", form(exemplars::query))
        .route("/format_query", form(query::format))
        .route("/parse_query", form(parse_query::parse))
        .route("/labels", form(series::labels))
        .route("/label/{name}/values", get(series::label_values))
        .route("/series", form(series::series))
        .route("/metadata", get(series::metadata))
        .route("/search/metric_names", form(search::metric_names))
        .route("/search/label_names", form(search::label_names))
        .route("/search/label_values", form(search::label_values))
        .route("/targets", get(targets::list))
        .route("/targets/metadata", get(targets::metadata))
        .route("/targets/relabel_steps", get(targets::relabel_steps))
        .route("/scrape_pools", get(targets::pools))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(listing::alertmanagers))
        .route("/status/config", get(report::config))
        .route("/status/flags", get(report::flags))
        .route("/status/runtimeinfo", get(report::runtime_info))
        .route("/status/buildinfo", get(report::build_info))
        .route("/status/tsdb", get(report::tsdb))
        .route("/status/tsdb/blocks", get(report::blocks))
        .route("/status/walreplay", get(report::wal_replay))
        .route("/features", get(features::features))
        .route("/openapi.yaml", get(features::openapi))
        .route("/notifications", get(notifications::list))
        .route("/notifications/live", get(notifications::live))
        .route("/admin/tsdb/delete_series", changing(admin::delete_series))
        .route(
            "/admin/tsdb/clean_tombstones",
            changing(admin::clean_tombstones),
        )
        .route("/admin/tsdb/snapshot", changing(admin::snapshot))
        .layer(map_response(put_error_in));
    enveloped.merge(remote_routes())
}

/// Other servers get plain text: they log it.
fn remote_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/write", post(write::write))
        .route("/read", post(read::read))
        .layer(map_response(crate::plain_error))
        .route("/otlp/v1/metrics", post(crate::otlp::metrics))
}

fn form<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

fn changing<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    post(handler.clone()).merge(put(handler))
}
