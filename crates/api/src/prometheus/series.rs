//! `/labels`, `/label/…/values`, `/series`, `/metadata`: what there is to ask about.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use weft_model::{MetricMetadata, Millis};
use weft_promql::parse::{ParseError, parse_selector};

use super::backend::{Backend, Selection};
use super::envelope::{self, HEAD, Remarks};
use super::escape;
use crate::app::App;
use crate::request::Params;
use crate::request::params::invalid;
use crate::response::json::{self, Pieces};
use crate::response::reply;
use crate::{Cancel, Error};

/// The time before all others, which stands for an absent `start`.
pub(super) const TIME_MIN: Millis = Millis(i64::MIN);

/// The time after all others, which stands for an absent `end`.
pub(super) const TIME_MAX: Millis = Millis(i64::MAX);

/// Reads `match[]`, `start`, `end` and `limit`. A range that ends before it begins selects
/// nothing, as with Prometheus.
pub(super) fn selection(params: &Params) -> Result<Selection, Error> {
    read_selection(params, |error| invalid("match[]", error))
}

fn read_selection(params: &Params, fault: impl Fn(String) -> Error) -> Result<Selection, Error> {
    let parse = |text| parse_selector(text).map_err(|error| fault(reworded(error)));
    let selectors = params.all("match[]").map(parse).collect::<Result<_, _>>()?;
    Ok(Selection {
        selectors,
        start: params.millis("start")?.unwrap_or(TIME_MIN),
        end: params.millis("end")?.unwrap_or(TIME_MAX),
        limit: params.limit("limit")?.map(|limit| limit.saturating_add(1)),
    })
}

/// Returns why a selector is refused; one that selects everything has words of its own here.
fn reworded(error: ParseError) -> String {
    if error.message == "vector selector must contain at least one non-empty matcher" {
        return "match[] must contain at least one non-empty matcher".to_owned();
    }
    error.to_string()
}

/// Does the same for those who tell of a selector at fault without naming the parameter.
fn unblamed_selection(params: &Params) -> Result<Selection, Error> {
    read_selection(params, Error::bad_data)
}

/// Answers with the names of labels.
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = unblamed_selection(&params)?;
    let found = select(&app, selection, |backend, selection, cancel| {
        backend.labels(selection, cancel)
    });
    names(found.await?, &params)
}

/// Answers with the values of a label.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Response, Error> {
    let Ok(Path(name)) = name else {
        return Err(Error::bad_data("invalid label name: it is not UTF-8"));
    };
    let name = escape::unescape(&name);
    if name.is_empty() {
        return Err(Error::bad_data(format!("invalid label name: {name:?}")));
    }
    let selection = unblamed_selection(&params)?;
    let found = select(&app, selection, move |backend, selection, cancel| {
        backend.label_values(&name, selection, cancel)
    });
    names(found.await?, &params)
}

/// Asks for what is in a selection; a range that ends before it begins holds nothing.
async fn select<T: Send + 'static>(
    app: &App,
    selection: Selection,
    ask: impl FnOnce(&dyn Backend, &Selection, &Cancel) -> Result<Vec<T>, Error> + Send + 'static,
) -> Result<Found<T>, Error> {
    if selection.end < selection.start {
        return Ok((Vec::new(), None));
    }
    let backend = Arc::clone(&app.backends.prometheus);
    let ask = move |cancel: &Cancel| {
        let caveat = backend.caveat();
        Ok((ask(&*backend, &selection, cancel)?, caveat))
    };
    app.ask(None, ask).await
}

/// What was found, and what may be missing from it.
type Found<T> = (Vec<T>, Option<String>);

fn names((found, caveat): Found<String>, params: &Params) -> Result<Response, Error> {
    let (names, mut remarks) = envelope::sorted(found, params.limit("limit")?);
    remarks.warnings.extend(caveat);
    let write = |out: &mut Vec<u8>, name: String| json::string(out, &name);
    Ok(respond(names.into_iter(), write, &remarks))
}

/// Answers with series.
pub(super) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = selection(&params)?;
    if selection.selectors.is_empty() {
        return Err(Error::bad_data("no match[] parameter provided"));
    }
    let found = select(&app, selection, |backend, selection, cancel| {
        backend.series(selection, cancel)
    });
    let (found, caveat) = found.await?;
    let (series, mut remarks) = envelope::sorted(found, params.limit("limit")?);
    remarks.warnings.extend(caveat);
    let write = |out: &mut Vec<u8>, labels| json::labels(out, &labels);
    Ok(respond(series.into_iter(), write, &remarks))
}

fn respond<T>(
    items: impl Iterator<Item = T> + Send + 'static,
    write: impl FnMut(&mut Vec<u8>, T) + Send + 'static,
    remarks: &Remarks,
) -> Response {
    let mut tail = b"]".to_vec();
    remarks.tail(&mut tail);
    reply::json_pieces(Pieces::new([HEAD, b"["].concat(), items, write, tail))
}

/// Answers with what is known about metrics.
pub(super) async fn metadata(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    let metric = params.find("metric").map(str::to_owned);
    let limit = params.items("limit")?;
    let per_metric = params.items("limit_per_metric")?.filter(|most| *most > 0);
    let per_metric = per_metric.unwrap_or(usize::MAX);
    let backend = Arc::clone(&app.backends.prometheus);
    let ask = move |_: &Cancel| backend.metadata(metric.as_deref(), limit);
    let mut found = app.ask(None, ask).await?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.truncate(limit.unwrap_or(usize::MAX));
    Ok(envelope::success(|out| {
        json::list(out, [b'{', b'}'], found, |out, (name, known)| {
            json::string(out, &name);
            out.push(b':');
            json::array(out, known.iter().take(per_metric), write_metadata);
        });
    }))
}

fn write_metadata(out: &mut Vec<u8>, metadata: &MetricMetadata) {
    let fields = [
        ("{\"type\":", metadata.kind.as_str()),
        (",\"unit\":", &metadata.unit),
        (",\"help\":", &metadata.help),
    ];
    for (name, text) in fields {
        out.extend_from_slice(name.as_bytes());
        json::string(out, text);
    }
    out.push(b'}');
}
