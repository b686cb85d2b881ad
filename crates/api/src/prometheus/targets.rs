//! `/targets`, `/targets/{metadata,relabel_steps}`, `/scrape_pools`: what is scraped, and what it exposes.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use weft_model::{Labels, METRIC_NAME, Matcher, MetricKind, MetricMetadata, Millis};
use weft_promql::parse::parse_selector;

use super::backend::{Backend, Selection};
use super::envelope;
use super::listing::{float, health, text, time};
use super::watch::Target;
use crate::app::App;
use crate::request::Params;
use crate::request::params::invalid;
use crate::response::json;
use crate::{Cancel, Error};

/// How long ago a series must have had a sample for its target to count, in milliseconds.
const RECENT_MS: i64 = 5 * 60 * 1000;

/// The most rows of `/targets/metadata`.
const ROWS_MAX: usize = 10_000;

/// Answers with what is scraped; `state` and `scrapePool` leave some out.
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let mut targets = app.glance(move || Ok(backend.targets())).await?;
    let pools: BTreeSet<String> = targets.iter().map(|target| target.pool.clone()).collect();
    let state = params.get("state");
    let wants = |kind| state.is_empty() || state == "any" || state == kind;
    let pool = params.find("scrapePool");
    targets.retain(|target| wants("active") && pool.is_none_or(|pool| pool == target.pool));
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"activeTargets\":");
        json::array(out, &targets, write_target);
        out.extend_from_slice(b",\"droppedTargets\":[],\"droppedTargetCounts\":");
        match wants("dropped") {
            true => json::list(out, [b'{', b'}'], &pools, |out, pool| {
                json::string(out, pool);
                out.extend_from_slice(b":0");
            }),
            false => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }))
}

/// Answers with the names of the groups of targets.
pub(super) async fn pools(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let targets = app.glance(move || Ok(backend.targets())).await?;
    let pools: BTreeSet<_> = targets.iter().map(|target| target.pool.as_str()).collect();
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"scrapePools\":");
        json::strings(out, pools);
        out.push(b'}');
    }))
}

/// Answers with the steps by which a target's labels come to be: none, as agents tell them as they
/// are.
pub(super) async fn relabel_steps(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let pool = params.get("scrapePool").to_owned();
    if pool.is_empty() {
        return Err(Error::bad_data("no scrapePool parameter provided"));
    }
    let backend = Arc::clone(&app.backends.prometheus);
    let targets = app.glance(move || Ok(backend.targets())).await?;
    if targets.iter().all(|target| target.pool != pool) {
        return Err(Error::bad_data(format!("scrape pool {pool:?} not found")));
    }
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"steps\":[]}")
    }))
}

/// What is asked about the metrics of targets.
struct Question {
    metric: Option<String>,
    target: Vec<Matcher>,
    limit: usize,
    recent: (Millis, Millis),
}

/// A metric of a target.
struct Row {
    target: Labels,
    metric: String,
    known: MetricMetadata,
}

/// Answers with what is known of the metrics of each target.
pub(super) async fn metadata(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let target = params.find("match_target").map(parse_selector).transpose();
    let now = app.config.clock.millis();
    let question = Question {
        metric: params.find("metric").map(str::to_owned),
        target: target
            .map_err(|error| invalid("match_target", error))?
            .unwrap_or_default(),
        limit: params.items("limit")?.unwrap_or(ROWS_MAX).min(ROWS_MAX),
        recent: (Millis(now - RECENT_MS), Millis(now)),
    };
    let of_one_metric = question.metric.is_some();
    let backend = Arc::clone(&app.backends.prometheus);
    let found = app
        .ask(None, move |cancel| rows(&*backend, &question, cancel))
        .await?;
    Ok(envelope::success(|out| {
        json::array(out, found, |out, row| {
            out.extend_from_slice(b"{\"target\":");
            json::labels(out, &row.target);
            if !of_one_metric {
                text(out, "metric", &row.metric);
            }
            text(out, "type", row.known.kind.as_str());
            text(out, "help", &row.known.help);
            text(out, "unit", &row.known.unit);
            out.push(b'}');
        });
    }))
}

/// Finds the targets of each described metric: those that have series of it.
fn rows(backend: &dyn Backend, question: &Question, cancel: &Cancel) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (metric, known) in backend.metadata(question.metric.as_deref(), None)? {
        cancel.check()?;
        let Some(known) = known.into_iter().next() else {
            continue;
        };
        for target in targets_of(backend, &metric, known.kind, question, cancel)? {
            if rows.len() == question.limit {
                return Ok(rows);
            }
            rows.push(Row {
                target,
                metric: metric.clone(),
                known: known.clone(),
            });
        }
    }
    Ok(rows)
}

fn targets_of(
    backend: &dyn Backend,
    metric: &str,
    kind: MetricKind,
    question: &Question,
    cancel: &Cancel,
) -> Result<BTreeSet<Labels>, Error> {
    // What is described as a family may have no series of that very name.
    let suffixes: &[&str] = match kind {
        MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary => &["", "_count"],
        _ => &[""],
    };
    let selector = |suffix: &&str| {
        let name = Matcher::equal(METRIC_NAME, format!("{metric}{suffix}"));
        question.target.iter().cloned().chain([name]).collect()
    };
    let selection = Selection {
        selectors: suffixes.iter().map(selector).collect(),
        start: question.recent.0,
        end: question.recent.1,
        limit: None,
    };
    let series = backend.series(&selection, cancel)?;
    let target = |labels: Labels| {
        let named = ["instance", "job"].map(|name| (name, labels.get(name)));
        Labels::from_pairs(named.into_iter().filter(|(_, value)| !value.is_empty()))
    };
    Ok(series.into_iter().map(target).collect())
}

fn write_target(out: &mut Vec<u8>, target: &Target) {
    out.extend_from_slice(b"{\"discoveredLabels\":");
    json::labels(out, &target.discovered_labels);
    out.extend_from_slice(b",\"labels\":");
    json::labels(out, &target.labels);
    text(out, "scrapePool", &target.pool);
    text(out, "scrapeUrl", &target.url);
    text(out, "globalUrl", &target.url);
    text(out, "lastError", &target.last_error);
    time(out, "lastScrape", target.last_scrape);
    float(out, "lastScrapeDuration", target.last_scrape_seconds);
    text(
        out,
        "health",
        health(target.health, ["unknown", "up", "down"]),
    );
    text(out, "scrapeInterval", &target.interval);
    text(out, "scrapeTimeout", &target.timeout);
    out.push(b'}');
}
