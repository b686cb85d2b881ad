//! What Logs Drilldown asks on its way: detected labels and fields, patterns, limits.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::backend::{DetectedField, FieldKind, FieldQuery, Pattern};
use super::envelope;
use super::span::Span;
use crate::Error;
use crate::app::App;
use crate::prometheus::status::BuildInfo;
use crate::request::Params;
use crate::response::{json, number};

/// The version of Loki whose API is spoken; Grafana derives features from it.
const SPOKEN: &str = "3.7.0";

/// How many lines are looked at for fields, and how many fields are returned.
const FIELDS: usize = 1000;

/// Answers with the stream labels that are worth a panel.
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    let mut found = app
        .ask(None, move |_| backend.detected_labels(&selection))
        .await?;
    found.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(envelope::bare(|out| {
        out.extend_from_slice(b"{\"detectedLabels\":");
        json::array(out, &found, |out, found| {
            out.extend_from_slice(b"{\"label\":");
            json::string(out, &found.label);
            number::print(
                out,
                format_args!(",\"cardinality\":{}}}", found.cardinality),
            );
        });
        out.push(b'}');
    }))
}

fn field_query(app: &App, params: &Params) -> Result<FieldQuery, Error> {
    let span = Span::of(params, &app.config.clock)?;
    let limit = params.limit("limit")?.or(params.limit("field_limit")?);
    Ok(FieldQuery {
        query: params.get("query").to_owned(),
        start: span.start,
        end: span.end,
        line_limit: params.limit("line_limit")?.unwrap_or(FIELDS),
        limit: limit.unwrap_or(FIELDS),
    })
}

/// Answers with the fields that can be taken from lines.
pub(super) async fn fields(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let query = field_query(&app, &params)?;
    let limit = query.limit;
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |cancel: &crate::Cancel| backend.detected_fields(&query, cancel);
    let mut found = app.ask(None, ask).await?;
    found.truncate(limit);
    Ok(envelope::bare(|out| {
        out.extend_from_slice(b"{\"fields\":");
        json::array(out, &found, write_field);
        number::print(out, format_args!(",\"limit\":{limit}}}"));
    }))
}

fn write_field(out: &mut Vec<u8>, field: &DetectedField) {
    let kind = match field.kind {
        FieldKind::String => "string",
        FieldKind::Int => "int",
        FieldKind::Float => "float",
        FieldKind::Boolean => "boolean",
        FieldKind::Duration => "duration",
        FieldKind::Bytes => "bytes",
    };
    out.extend_from_slice(b"{\"label\":");
    json::string(out, &field.label);
    let cardinality = field.cardinality;
    number::print(
        out,
        format_args!(",\"type\":\"{kind}\",\"cardinality\":{cardinality}"),
    );
    out.extend_from_slice(b",\"parsers\":");
    match field.parsers.is_empty() {
        true => out.extend_from_slice(b"null"),
        false => json::strings(out, &field.parsers),
    }
    if !field.json_path.is_empty() {
        out.extend_from_slice(b",\"jsonPath\":");
        json::strings(out, &field.json_path);
    }
    out.push(b'}');
}

/// Answers with values of one field.
pub(super) async fn field_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Error> {
    let query = field_query(&app, &params)?;
    let limit = query.limit;
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |cancel: &crate::Cancel| backend.detected_field_values(&name, &query, cancel);
    let mut found = app.ask(None, ask).await?;
    found.truncate(limit);
    Ok(envelope::bare(|out| {
        out.extend_from_slice(b"{\"values\":");
        json::strings(out, &found);
        number::print(out, format_args!(",\"limit\":{limit}}}"));
    }))
}

/// Answers with what lines have in common.
pub(super) async fn patterns(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let span = Span::of(&params, &app.config.clock)?;
    let selection = span.selection(params.get("query"))?;
    let step = span.step(&params)?;
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |cancel: &crate::Cancel| backend.patterns(&selection, step, cancel);
    let found = app.ask(None, ask).await?;
    Ok(envelope::success(|out| {
        json::array(out, &found, write_pattern)
    }))
}

fn write_pattern(out: &mut Vec<u8>, pattern: &Pattern) {
    out.extend_from_slice(b"{\"pattern\":");
    json::string(out, &pattern.pattern);
    out.extend_from_slice(b",\"level\":");
    json::string(out, &pattern.level);
    out.extend_from_slice(b",\"samples\":");
    json::array(out, &pattern.samples, |out, (time, count)| {
        let seconds = time.0.div_euclid(1_000_000_000);
        number::print(out, format_args!("[{seconds},{count}]"));
    });
    out.push(b'}');
}

/// Answers with what Drilldown has to know before it asks.
pub(super) async fn limits(State(app): State<Arc<App>>) -> Response {
    let timeout = weft_stdx::text::duration(app.limits().query_time_max);
    envelope::bare(|out| {
        number::print(
            out,
            format_args!(
                "{{\"limits\":{{\"discover_log_levels\":true,\"max_entries_limit_per_query\":5000,\
                 \"max_query_length\":\"0s\",\"max_query_lookback\":\"0s\",\
                 \"max_query_range\":\"0s\",\"max_query_series\":500,\
                 \"metric_aggregation_enabled\":false,\"pattern_persistence_enabled\":false,\
                 \"query_timeout\":\"{timeout}\",\"volume_enabled\":true,\
                 \"volume_max_series\":1000}},\"pattern_ingester_enabled\":true,\
                 \"version\":\"{SPOKEN}\"}}"
            ),
        );
    })
}

/// Answers with facts about the build, without an envelope.
pub(super) async fn build_info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let info = BuildInfo {
        version: SPOKEN.to_owned(),
        ..app.glance(move || Ok(backend.build_info())).await?
    };
    Ok(envelope::bare(|out| json::object(out, &info)))
}
