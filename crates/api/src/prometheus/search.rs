//! `/search/{metric_names,label_names,label_values}`: names that are like what somebody types.
//!
//! In: terms, and a selection of series. Out: lines of JSON, each a batch of names, and one that
//! ends the answer. Bound: [`LIMIT_MAX`] names; series are counted for [`COUNTED_MAX`] names.

mod fuzzy;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use weft_model::{METRIC_NAME, MatchOp, Matcher, MetricMetadata};

use super::backend::{Backend, Selection};
use super::series::selection;
use crate::app::App;
use crate::request::Params;
use crate::response::{json, number, reply};
use crate::{Cancel, Error};
use fuzzy::{Case, Likeness, Wanted};

/// Names of an answer, and of a batch, if the asker does not say.
const LIMIT: usize = 100;

/// The most names of an answer.
const LIMIT_MAX: usize = 40_000;

/// The most names whose series are counted.
const COUNTED_MAX: usize = 1000;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");

/// What is searched.
enum Domain {
    Metrics,
    Labels,
    ValuesOf(String),
}

/// In which order names come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Alphabet,
    Score,
    /// By series.
    Frequency,
    /// By series for metrics, by values for labels.
    Cardinality,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// A search.
struct Search {
    domain: Domain,
    selection: Selection,
    wanted: Wanted,
    order: Order,
    direction: Direction,
    limit: usize,
    batch: usize,
    /// What is told of each name.
    told: Told,
}

/// What is told of each name beside it.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    frequency: bool,
    cardinality: bool,
    metadata: bool,
    score: bool,
}

/// A name that fits.
#[derive(Debug, Default)]
struct Hit {
    name: String,
    score: f64,
    frequency: Option<usize>,
    cardinality: Option<usize>,
    metadata: Option<MetricMetadata>,
}

/// Answers with names of metrics.
pub(super) async fn metric_names(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    respond(&app, search(Domain::Metrics, &params)?).await
}

/// Answers with names of labels.
pub(super) async fn label_names(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    respond(&app, search(Domain::Labels, &params)?).await
}

/// Answers with values of a label.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let label = params.find("label");
    let label = label.ok_or_else(|| Error::bad_data("missing required parameter \"label\""))?;
    let domain = Domain::ValuesOf(label.to_owned());
    respond(&app, search(domain, &params)?).await
}

fn search(domain: Domain, params: &Params) -> Result<Search, Error> {
    let order = order(&domain, params.get("sort_by"))?;
    let is_told = |name: &str| params.get(name) == "true";
    let direction = match (params.get("sort_dir"), params.find("sort_by")) {
        ("", _) | ("asc", Some(_)) => Direction::Ascending,
        ("dsc", Some(_)) => Direction::Descending,
        ("asc" | "dsc", None) => {
            return Err(Error::bad_data(
                "sort_dir is only valid when sort_by is set",
            ));
        }
        (other, _) => {
            let why = format!("invalid sort_dir {other:?}: must be \"asc\" or \"dsc\"");
            return Err(Error::bad_data(why));
        }
    };
    Ok(Search {
        selection: Selection {
            limit: None,
            ..selection(params)?
        },
        wanted: wanted(params)?,
        order,
        direction,
        limit: params.limit("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX),
        batch: params.limit("batch_size")?.unwrap_or(LIMIT),
        told: Told {
            frequency: is_told("include_frequency") || order == Order::Frequency,
            cardinality: is_told("include_cardinality") || order == Order::Cardinality,
            metadata: is_told("include_metadata"),
            score: is_told("include_score") || order == Order::Score,
        },
        domain,
    })
}

fn order(domain: &Domain, word: &str) -> Result<Order, Error> {
    let order = match word {
        "" | "alpha" => Order::Alphabet,
        "score" => Order::Score,
        "frequency" if !matches!(domain, Domain::Metrics) => Order::Frequency,
        "cardinality" if !matches!(domain, Domain::ValuesOf(_)) => Order::Cardinality,
        other => {
            let words = match domain {
                Domain::Metrics => "alpha, cardinality, or score",
                Domain::Labels => "alpha, cardinality, frequency, or score",
                Domain::ValuesOf(_) => "alpha, frequency, or score",
            };
            let why = format!("invalid sort_by {other:?}: must be {words}");
            return Err(Error::bad_data(why));
        }
    };
    Ok(order)
}

fn wanted(params: &Params) -> Result<Wanted, Error> {
    let likeness = match params.get("fuzz_alg") {
        "" | "subsequence" => Likeness::Subsequence,
        "jarowinkler" => Likeness::JaroWinkler,
        other => {
            let words = "must be \"subsequence\" or \"jarowinkler\"";
            return Err(Error::bad_data(format!(
                "unsupported fuzz_alg {other:?}: {words}"
            )));
        }
    };
    let case = match params.get("case_sensitive") {
        "" | "true" | "1" => Case::Sensitive,
        "false" | "0" => Case::Insensitive,
        other => {
            let why = format!("invalid case_sensitive {other:?}: must be boolean");
            return Err(Error::bad_data(why));
        }
    };
    let threshold = match params.get("fuzz_threshold") {
        "" => 0,
        text => text.parse().ok().filter(|it| *it <= 100).ok_or_else(|| {
            Error::bad_data(format!("invalid fuzz_threshold {text:?}: must be 0-100"))
        })?,
    };
    let terms = params.all("search").chain(params.all("search[]"));
    Ok(Wanted {
        terms: terms
            .filter(|term| !term.is_empty())
            .map(str::to_owned)
            .collect(),
        likeness,
        case,
        least: f64::from(threshold as u8) / 100.0,
    })
}

async fn respond(app: &App, search: Search) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let ask = move |cancel: &Cancel| {
        let caveat = backend.caveat();
        let (hits, has_more) = found(&*backend, &search, cancel)?;
        Ok(lines(&hits, has_more, caveat.as_deref(), &search))
    };
    let body = app.ask(None, ask).await?;
    Ok(reply::whole(StatusCode::OK, NDJSON, body))
}

/// Returns the names that fit, and whether there are more.
fn found(
    backend: &dyn Backend,
    search: &Search,
    cancel: &Cancel,
) -> Result<(Vec<Hit>, bool), Error> {
    let selection = &search.selection;
    let mut names = match &search.domain {
        Domain::Metrics => backend.label_values(METRIC_NAME, selection, cancel)?,
        Domain::Labels => backend.labels(selection, cancel)?,
        Domain::ValuesOf(label) => backend.label_values(label, selection, cancel)?,
    };
    names.sort_unstable();
    names.dedup();
    let hit = |name: String| {
        let score = search.wanted.score(&name)?;
        Some(Hit {
            name,
            score,
            ..Hit::default()
        })
    };
    let mut hits: Vec<Hit> = names.into_iter().filter_map(hit).collect();
    if matches!(search.order, Order::Frequency | Order::Cardinality) {
        enrich(backend, search, &mut hits, cancel)?;
    }
    sort(&mut hits, search);
    let has_more = hits.len() > search.limit;
    hits.truncate(search.limit);
    if !matches!(search.order, Order::Frequency | Order::Cardinality) {
        enrich(backend, search, &mut hits, cancel)?;
    }
    Ok((hits, has_more))
}

/// Sorts; the best come first by score, whatever the direction.
fn sort(hits: &mut [Hit], search: &Search) {
    match search.order {
        Order::Alphabet => {}
        Order::Score => hits.sort_by(|a, b| b.score.total_cmp(&a.score)),
        Order::Frequency => hits.sort_by_key(|hit| hit.frequency),
        Order::Cardinality => hits.sort_by_key(|hit| hit.cardinality),
    }
    if search.direction == Direction::Descending && search.order != Order::Score {
        hits.reverse();
    }
}

/// Finds out what is told of each name.
fn enrich(
    backend: &dyn Backend,
    search: &Search,
    hits: &mut [Hit],
    cancel: &Cancel,
) -> Result<(), Error> {
    let told = search.told;
    if (told.frequency || told.cardinality) && hits.len() > COUNTED_MAX {
        return Err(Error::bad_data(format!(
            "{} names fit, and series are counted for {COUNTED_MAX} at most: search for less",
            hits.len()
        )));
    }
    let mut known: HashMap<String, Vec<MetricMetadata>> = HashMap::new();
    if told.metadata && matches!(search.domain, Domain::Metrics) {
        known.extend(backend.metadata(None, None)?);
    }
    for hit in hits {
        cancel.check()?;
        match &search.domain {
            Domain::Metrics if told.cardinality => {
                let named = Matcher::equal(METRIC_NAME, hit.name.clone());
                hit.cardinality = Some(series(backend, search, named, cancel)?);
            }
            Domain::ValuesOf(label) if told.frequency => {
                let named = Matcher::equal(label, hit.name.clone());
                hit.frequency = Some(series(backend, search, named, cancel)?);
            }
            Domain::Labels => {
                if told.frequency {
                    let named = present(&hit.name);
                    hit.frequency = Some(series(backend, search, named, cancel)?);
                }
                if told.cardinality {
                    let values = backend.label_values(&hit.name, &search.selection, cancel)?;
                    hit.cardinality = Some(distinct(values));
                }
            }
            Domain::Metrics | Domain::ValuesOf(_) => {}
        }
        hit.metadata = known.remove(&hit.name).and_then(|it| it.into_iter().next());
    }
    Ok(())
}

fn present(label: &str) -> Matcher {
    Matcher {
        name: label.to_owned(),
        op: MatchOp::NotEqual,
        value: String::new(),
    }
}

/// Counts the series of the selection that fulfil one more matcher.
fn series(
    backend: &dyn Backend,
    search: &Search,
    matcher: Matcher,
    cancel: &Cancel,
) -> Result<usize, Error> {
    let mut selection = search.selection.clone();
    match selection.selectors.is_empty() {
        true => selection.selectors.push(vec![matcher]),
        false => {
            let each = selection.selectors.iter_mut();
            each.for_each(|matchers| matchers.push(matcher.clone()));
        }
    }
    Ok(distinct(backend.series(&selection, cancel)?))
}

fn distinct<T: Ord>(mut items: Vec<T>) -> usize {
    items.sort_unstable();
    items.dedup();
    items.len()
}

/// Writes batches and the line behind them.
fn lines(hits: &[Hit], has_more: bool, caveat: Option<&str>, search: &Search) -> Vec<u8> {
    let mut out = Vec::new();
    let write = |out: &mut Vec<u8>, hits: &[Hit]| {
        out.extend_from_slice(b"{\"results\":");
        json::array(out, hits, |out, hit| write_hit(out, hit, search.told));
        out.extend_from_slice(b"}\n");
    };
    match hits.is_empty() {
        true => write(&mut out, hits),
        false => hits
            .chunks(search.batch)
            .for_each(|batch| write(&mut out, batch)),
    }
    number::print(
        &mut out,
        format_args!("{{\"status\":\"success\",\"has_more\":{has_more}"),
    );
    if let Some(caveat) = caveat {
        out.extend_from_slice(b",\"warnings\":");
        json::strings(&mut out, [caveat]);
    }
    out.extend_from_slice(b"}\n");
    out
}

fn write_hit(out: &mut Vec<u8>, hit: &Hit, told: Told) {
    out.extend_from_slice(b"{\"name\":");
    json::string(out, &hit.name);
    if told.score {
        number::print(out, format_args!(",\"score\":{}", hit.score));
    }
    for (field, count) in [
        ("frequency", hit.frequency),
        ("cardinality", hit.cardinality),
    ] {
        if let Some(count) = count {
            number::print(out, format_args!(",\"{field}\":{count}"));
        }
    }
    if let Some(known) = &hit.metadata {
        let texts = [
            ("type", known.kind.as_str()),
            ("help", &known.help),
            ("unit", &known.unit),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            number::print(out, format_args!(",\"{field}\":"));
            json::string(out, text);
        }
    }
    out.push(b'}');
}
