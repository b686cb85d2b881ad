//! Loki's HTTP API below `/loki/api/v1`.
//!
//! In: requests as Grafana's Explore and Drilldown send them, by GET or as a form, and log lines
//! as Loki's clients push them. Out: Loki's shapes, with the type of a result before the result,
//! because Grafana reads it as a stream.

pub mod backend;
mod drilldown;
mod envelope;
mod index;
mod push;
mod push_json;
mod query;
mod result;
mod span;
mod tail;
mod volume;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::{get, post};

use crate::app::App;

pub use backend::Backend;

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/format_query", get(query::format).post(query::format))
        .route("/labels", get(index::labels).post(index::labels))
        .route("/label", get(index::labels).post(index::labels))
        .route(
            "/label/{name}/values",
            get(index::label_values).post(index::label_values),
        )
        .route("/series", get(index::series).post(index::series))
        .route("/index/stats", get(index::stats).post(index::stats))
        .route("/index/volume", get(volume::volume).post(volume::volume))
        .route(
            "/index/volume_range",
            get(volume::range).post(volume::range),
        )
        .route(
            "/detected_labels",
            get(drilldown::labels).post(drilldown::labels),
        )
        .route(
            "/detected_fields",
            get(drilldown::fields).post(drilldown::fields),
        )
        .route(
            "/detected_field/{name}/values",
            get(drilldown::field_values).post(drilldown::field_values),
        )
        .route(
            "/patterns",
            get(drilldown::patterns).post(drilldown::patterns),
        )
        .route("/drilldown-limits", get(drilldown::limits))
        .route("/status/buildinfo", get(drilldown::build_info))
        .route("/tail", get(tail::tail))
        .route("/push", post(push::push))
        .layer(map_response(envelope::put_error_in))
}
