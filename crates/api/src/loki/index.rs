//! `/labels`, `/label/…/values`, `/series`, `/index/stats`: what there is, from metadata only.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::backend::IndexStats;
use super::envelope;
use super::span::Span;
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::json::{self, Pieces};
use crate::response::{number, reply};

/// Answers with the names of stream labels.
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    names(app.ask(None, move |_| backend.labels(&selection)).await?)
}

/// Answers with the values of a stream label.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    names(
        app.ask(None, move |_| backend.label_values(&name, &selection))
            .await?,
    )
}

fn names(mut found: Vec<String>) -> Result<Response, Error> {
    found.sort_unstable();
    found.dedup();
    let write = |out: &mut Vec<u8>, name: String| json::string(out, &name);
    Ok(list(found.into_iter(), write))
}

/// Answers with streams.
pub(super) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let span = Span::of(&params, &app.config.clock)?;
    let selectors = params.all("match[]").chain(params.all("match"));
    let mut selections = selectors
        .map(|selector| span.selection(selector))
        .collect::<Result<Vec<_>, _>>()?;
    if selections.is_empty() {
        selections.push(span.selection("")?);
    }
    let backend = Arc::clone(&app.backends.loki);
    let mut found = app.ask(None, move |_| backend.series(&selections)).await?;
    found.sort_unstable();
    found.dedup();
    Ok(list(found.into_iter(), |out, labels| {
        json::labels(out, &labels)
    }))
}

fn list<T>(
    items: impl Iterator<Item = T> + Send + 'static,
    write: impl FnMut(&mut Vec<u8>, T) + Send + 'static,
) -> Response {
    let head = [envelope::HEAD, b"["].concat();
    reply::json_pieces(Pieces::new(head, items, write, b"]}".to_vec()))
}

/// Answers with how much a selection holds.
pub(super) async fn stats(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    let IndexStats {
        streams,
        chunks,
        entries,
        bytes,
    } = app.ask(None, move |_| backend.stats(&selection)).await?;
    Ok(envelope::bare(|out| {
        number::print(
            out,
            format_args!(
                "{{\"streams\":{streams},\"chunks\":{chunks},\
                 \"bytes\":{bytes},\"entries\":{entries}}}"
            ),
        );
    }))
}
