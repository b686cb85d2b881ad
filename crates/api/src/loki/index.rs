//! `/labels`, `/label/…/values`, `/series`, `/index/stats`: what there is, from metadata only.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use weft_model::Labels;

use super::backend::IndexStats;
use super::envelope;
use super::span::Span;
use crate::app::App;
use crate::request::Params;
use crate::response::json::{self, Pieces};
use crate::response::{number, reply};
use crate::{Cancel, Error};

/// Answers with the names of stream labels.
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |_: &Cancel| {
        let caveat = backend.caveat();
        Ok((backend.labels(&selection)?, caveat))
    };
    Ok(names(app.ask(None, ask).await?))
}

/// Answers with the values of a stream label.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Error> {
    let selection = Span::of(&params, &app.config.clock)?.selection(params.get("query"))?;
    let backend = Arc::clone(&app.backends.loki);
    let ask = move |_: &Cancel| {
        let caveat = backend.caveat();
        Ok((backend.label_values(&name, &selection)?, caveat))
    };
    Ok(names(app.ask(None, ask).await?))
}

/// What was found, and what may be missing from it.
type Found<T> = (Vec<T>, Option<String>);

fn names((mut found, caveat): Found<String>) -> Response {
    found.sort_unstable();
    found.dedup();
    let write = |out: &mut Vec<u8>, name: String| json::string(out, &name);
    list(found.into_iter(), write, caveat.as_deref())
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
    let ask = move |_: &Cancel| {
        let caveat = backend.caveat();
        Ok((backend.series(&selections)?, caveat))
    };
    let (mut found, caveat): Found<Labels> = app.ask(None, ask).await?;
    found.sort_unstable();
    found.dedup();
    let write = |out: &mut Vec<u8>, labels| json::labels(out, &labels);
    Ok(list(found.into_iter(), write, caveat.as_deref()))
}

fn list<T>(
    items: impl Iterator<Item = T> + Send + 'static,
    write: impl FnMut(&mut Vec<u8>, T) + Send + 'static,
    caveat: Option<&str>,
) -> Response {
    let head = [envelope::HEAD, b"["].concat();
    let mut tail = b"]".to_vec();
    envelope::end(&mut tail, caveat);
    reply::json_pieces(Pieces::new(head, items, write, tail))
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
