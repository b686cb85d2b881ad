//! `/query_exemplars`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use weft_model::Exemplar;

use super::backend::{ExemplarQuery, SeriesExemplars};
use super::envelope::HEAD;
use super::series::{TIME_MAX, TIME_MIN};
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::json::{self, Pieces};
use crate::response::{number, reply};

/// Answers with the exemplars of the series that a query selects.
pub(super) async fn query(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let query = ExemplarQuery {
        query: params.get("query").to_owned(),
        start: params.millis("start")?.unwrap_or(TIME_MIN),
        end: params.millis("end")?.unwrap_or(TIME_MAX),
    };
    if query.end < query.start {
        return Err(Error::bad_data(
            "end timestamp must not be before start timestamp",
        ));
    }
    weft_promql::parse(&query.query).map_err(|error| Error::bad_data(error.to_string()))?;
    let backend = Arc::clone(&app.backends.prometheus);
    let found = app
        .ask(None, move |cancel| backend.exemplars(&query, cancel))
        .await?;
    let head = [HEAD, b"["].concat();
    let pieces = Pieces::new(head, found.into_iter(), write_series, b"]}".to_vec());
    Ok(reply::json_pieces(pieces))
}

fn write_series(out: &mut Vec<u8>, series: SeriesExemplars) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    json::labels(out, &series.labels);
    out.extend_from_slice(b",\"exemplars\":");
    json::array(out, &series.exemplars, write_exemplar);
    out.push(b'}');
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b"{\"labels\":");
    json::labels(out, &exemplar.labels);
    out.extend_from_slice(b",\"value\":\"");
    number::value(out, exemplar.value);
    out.extend_from_slice(b"\",\"timestamp\":");
    number::seconds(out, exemplar.time);
    out.push(b'}');
}
