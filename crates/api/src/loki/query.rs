//! `/query`, `/query_range`, `/format_query`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use weft_logql::RangeParams;
use weft_logql::source::Direction;
use weft_model::Nanos;

use super::backend::InstantQuery;
use super::envelope;
use super::result::{self, Categories};
use super::span::Span;
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::json;

/// How many lines are returned if the asker does not say.
const LINES: usize = 100;

/// Evaluates a metric query at one time.
pub(super) async fn instant(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let now = Nanos(app.config.clock.nanos());
    let query = InstantQuery {
        query: params.get("query").to_owned(),
        time: params.nanos("time")?.unwrap_or(now),
        limit: params.limit("limit")?.unwrap_or(LINES),
        direction: direction(&params)?,
    };
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |cancel: &crate::Cancel| {
        let caveat = backend.caveat();
        Ok((backend.query(&query, cancel)?, caveat))
    };
    let (answer, caveat) = app.ask(params.timeout("timeout")?, ask).await?;
    let categories = Categories::wanted(&headers);
    Ok(result::respond(answer, categories, caveat.as_deref()))
}

/// Evaluates a query over a range.
pub(super) async fn range(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let span = Span::of(&params, &app.config.clock)?;
    let query = params.get("query").to_owned();
    let range = RangeParams {
        start: span.start,
        end: span.end,
        step: span.step(&params)?,
        limit: params.limit("limit")?.unwrap_or(LINES),
        direction: direction(&params)?,
    };
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |cancel: &crate::Cancel| {
        let caveat = backend.caveat();
        Ok((backend.query_range(&query, &range, cancel)?, caveat))
    };
    let (answer, caveat) = app.ask(params.timeout("timeout")?, ask).await?;
    let categories = Categories::wanted(&headers);
    Ok(result::respond(answer, categories, caveat.as_deref()))
}

fn direction(params: &Params) -> Result<Direction, Error> {
    let word = params.get("direction");
    match word.to_ascii_lowercase().as_str() {
        "" | "backward" => Ok(Direction::Backward),
        "forward" => Ok(Direction::Forward),
        _ => Err(Error::bad_data(format!("invalid direction {word:?}"))),
    }
}

/// Lays out a query for people.
pub(super) async fn format(params: Params) -> Result<Response, Error> {
    let expr = weft_logql::parse(params.get("query"));
    let expr = expr.map_err(|error| Error::bad_data(error.to_string()))?;
    let pretty = weft_logql::pretty(&expr);
    Ok(envelope::success(|out| json::string(out, &pretty)))
}
