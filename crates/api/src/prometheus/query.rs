//! `/query`, `/query_range`, `/format_query`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use weft_model::Millis;
use weft_promql::{Answer, TimeRange};

use super::backend::{InstantQuery, RangeQuery};
use super::stats::{Cost, Times};
use super::{envelope, result};
use crate::app::App;
use crate::request::Params;
use crate::request::params::invalid;
use crate::response::json;
use crate::{Cancel, Error};

/// The most steps of a range query; Grafana knows the text of the refusal.
const POINTS_MAX: i64 = 11_000;

/// Evaluates a query at one time.
pub(super) async fn instant(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let now = Millis(app.config.clock.millis());
    let options = result::Options::of(&params)?;
    let query = InstantQuery {
        query: params.get("query").to_owned(),
        time: params.millis("time")?.unwrap_or(now),
        lookback_ms: lookback(&params)?,
        stats: options.detail(),
    };
    let times = Times::once(query.time);
    let backend = Arc::clone(&app.backends.prometheus);
    let evaluate = move |cancel: &Cancel| backend.query(&query, cancel);
    respond(&app, &params, &options, times, evaluate).await
}

/// Evaluates a query at each step of a range.
pub(super) async fn range(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let options = result::Options::of(&params)?;
    let query = RangeQuery {
        range: time_range(&params)?,
        query: params.get("query").to_owned(),
        lookback_ms: lookback(&params)?,
        stats: options.detail(),
    };
    let times = Times::of(query.range);
    let backend = Arc::clone(&app.backends.prometheus);
    let evaluate = move |cancel: &Cancel| backend.query_range(&query, cancel);
    respond(&app, &params, &options, times, evaluate).await
}

/// Evaluates a query when it is its turn, and takes the time.
async fn respond(
    app: &App,
    params: &Params,
    options: &result::Options,
    times: Times,
    evaluate: impl FnOnce(&Cancel) -> Result<Answer, Error> + Send + 'static,
) -> Result<Response, Error> {
    let clock = app.config.clock.clone();
    let asked = clock.nanos();
    let timed = move |cancel: &Cancel| {
        let begun = clock.nanos();
        let answer = evaluate(cancel)?;
        let cost = Cost {
            stats: answer.stats.clone(),
            times,
            queued: begun - asked,
            ran: clock.nanos() - begun,
        };
        Ok((answer, cost))
    };
    let (answer, cost) = app.ask(params.timeout("timeout")?, timed).await?;
    Ok(result::respond(answer, &cost, options))
}

fn lookback(params: &Params) -> Result<Option<i64>, Error> {
    let text = params.get("lookback_delta");
    let why = format!("cannot parse {text:?} to a valid duration");
    params
        .duration_ms("lookback_delta")
        .map_err(|_| Error::bad_data(format!("error parsing lookback delta duration: {why}")))
}

fn time_range(params: &Params) -> Result<TimeRange, Error> {
    let (start, end) = (params.some_millis("start")?, params.some_millis("end")?);
    if end < start {
        return Err(invalid(
            "end",
            "end timestamp must not be before start time",
        ));
    }
    let missing = || invalid("step", "cannot parse \"\" to a valid duration");
    let step_ms = params.duration_ms("step")?.ok_or_else(missing)?;
    if step_ms <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. \
                   Try a positive integer";
        return Err(invalid("step", why));
    }
    if end.0.saturating_sub(start.0) / step_ms > POINTS_MAX {
        return Err(Error::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        ));
    }
    Ok(TimeRange {
        start_ms: start.0,
        end_ms: end.0,
        step_ms,
    })
}

/// Lays out a query for people.
pub(super) async fn format(params: Params) -> Result<Response, Error> {
    let expr = weft_promql::parse(params.get("query")).map_err(|error| invalid("query", error))?;
    let pretty = weft_promql::pretty(&expr);
    Ok(envelope::success(|out| json::string(out, &pretty)))
}
