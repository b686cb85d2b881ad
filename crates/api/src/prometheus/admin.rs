//! `/admin/tsdb/…`: deleting and snapshots, when the configuration allows it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{envelope, series};
use crate::app::{AdminApi, App};
use crate::request::Params;
use crate::response::json;
use crate::{Error, ErrorKind};

fn check_allowed(app: &App) -> Result<(), Error> {
    match app.config.admin_api {
        AdminApi::On => Ok(()),
        AdminApi::Off => Err(Error::new(ErrorKind::Forbidden, "admin APIs disabled")),
    }
}

pub(super) async fn delete_series(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Error> {
    check_allowed(&app)?;
    let selection = series::selection(&params)?;
    if selection.selectors.is_empty() {
        return Err(Error::bad_data("no match[] parameter provided"));
    }
    let backend = Arc::clone(&app.backends.prometheus);
    app.change(move || backend.delete_series(&selection))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn clean_tombstones(State(app): State<Arc<App>>) -> Result<Response, Error> {
    check_allowed(&app)?;
    let backend = Arc::clone(&app.backends.prometheus);
    app.change(move || backend.clean_tombstones()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn snapshot(State(app): State<Arc<App>>) -> Result<Response, Error> {
    check_allowed(&app)?;
    let backend = Arc::clone(&app.backends.prometheus);
    let name = app.change(move || backend.snapshot()).await?;
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"name\":");
        json::string(out, &name);
        out.push(b'}');
    }))
}
