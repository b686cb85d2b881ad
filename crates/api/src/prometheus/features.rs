//! `/features` and `/openapi.yaml`: what this server can do.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use weft_promql::ast;

use super::envelope;
use crate::response::{json, reply};

/// What there is to ask, and how.
const OPENAPI: &str = include_str!("openapi.yaml");

/// What the HTTP API can do beyond answering queries.
const API: &[(&str, bool)] = &[
    ("admin", true),
    ("label_values_match", true),
    ("lifecycle", true),
    ("otlp_write_receiver", true),
    ("query_stats", true),
    ("query_warnings", true),
    ("remote_read", true),
    ("remote_write_receiver", true),
    ("search", true),
    ("time_range_labels", true),
    ("time_range_series", true),
];

/// What the query language can do beyond its functions.
const PROMQL: &[(&str, bool)] = &[
    ("at_modifier", true),
    ("duration_expr", true),
    ("experimental_functions", true),
    ("extended_range_selectors", true),
    ("fill_modifiers", true),
    ("negative_offset", true),
    ("per_query_lookback_delta", true),
    ("subqueries", true),
];

/// What samples can be.
const TSDB: &[(&str, bool)] = &[
    ("exemplars", true),
    ("native_histograms", true),
    ("out_of_order", true),
];

/// Answers with what this server can do, by area.
pub(super) async fn features() -> Response {
    envelope::success(|out| {
        area(out, b'{', "api", API.iter().copied());
        area(out, b',', "promql", PROMQL.iter().copied());
        let functions = ast::functions().iter().map(|known| (known.name, true));
        area(out, b',', "promql_functions", functions);
        area(out, b',', "tsdb", TSDB.iter().copied());
        out.push(b'}');
    })
}

fn area<'a>(
    out: &mut Vec<u8>,
    before: u8,
    name: &str,
    features: impl Iterator<Item = (&'a str, bool)>,
) {
    out.push(before);
    json::string(out, name);
    out.push(b':');
    json::list(out, [b'{', b'}'], features, |out, (name, is_there)| {
        json::string(out, name);
        out.extend_from_slice(if is_there { b":true" } else { b":false" });
    });
}

/// Answers with the description of this API.
pub(super) async fn openapi() -> Response {
    let kind = HeaderValue::from_static("application/yaml");
    reply::whole(StatusCode::OK, kind, OPENAPI)
}
