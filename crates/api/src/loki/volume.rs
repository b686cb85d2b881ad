//! `/index/volume` and `/index/volume_range`: how many bytes each group of streams has.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::backend::{AggregateBy, VolumeQuery};
use super::envelope::HEAD;
use super::result::{write_sample, write_series};
use super::span::Span;
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::json::Pieces;
use crate::response::{number, reply};

/// How many groups there are if the asker does not say.
const GROUPS: usize = 100;

fn query(app: &App, params: &Params) -> Result<(Span, VolumeQuery), Error> {
    let span = Span::of(params, &app.config.clock)?;
    let labels = params.get("targetLabels").split(',').map(str::trim);
    let query = VolumeQuery {
        selection: span.selection(params.get("query"))?,
        limit: params.limit("limit")?.unwrap_or(GROUPS),
        target_labels: labels
            .filter(|label| !label.is_empty())
            .map(str::to_owned)
            .collect(),
        aggregate_by: aggregate_by(params.get("aggregateBy"))?,
    };
    Ok((span, query))
}

fn aggregate_by(word: &str) -> Result<AggregateBy, Error> {
    match word {
        "" | "series" => Ok(AggregateBy::Series),
        "labels" => Ok(AggregateBy::Labels),
        _ => Err(Error::bad_data(format!(
            "invalid aggregation option {word:?}"
        ))),
    }
}

fn head(kind: &str) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    number::print(
        &mut head,
        format_args!("{{\"resultType\":\"{kind}\",\"result\":["),
    );
    head
}

/// Answers with the volume over the whole range.
pub(super) async fn volume(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let (span, query) = query(&app, &params)?;
    let limit = query.limit;
    let backend = Arc::clone(&app.backends.loki);
    let mut found = app.ask(None, move |_| backend.volume(&query)).await?;
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(limit);
    let pieces = Pieces::new(
        head("vector"),
        found.into_iter(),
        move |out, (labels, bytes)| {
            let write = |out: &mut Vec<u8>| number::print(out, format_args!("{bytes}"));
            write_sample(out, &labels, span.end, write);
        },
        b"]}}".to_vec(),
    );
    Ok(reply::json_pieces(pieces))
}

/// Answers with the volume in each step.
pub(super) async fn range(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let (span, query) = query(&app, &params)?;
    let step = span.step(&params)?;
    let backend = Arc::clone(&app.backends.loki);
    let mut found = app
        .ask(None, move |_| backend.volume_range(&query, step))
        .await?;
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    let pieces = Pieces::new(
        head("matrix"),
        found.into_iter(),
        |out, series| {
            let write = |out: &mut Vec<u8>, bytes: &u64| {
                number::print(out, format_args!("{bytes}"));
            };
            write_series(out, &series.labels, &series.points, write);
        },
        b"]}}".to_vec(),
    );
    Ok(reply::json_pieces(pieces))
}
