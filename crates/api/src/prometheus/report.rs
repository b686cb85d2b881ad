//! `/status/…`: what the server says about itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::envelope;
use super::status::{Replay, WalReplay};
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::{json, number};

/// Rows in each list of `/status/tsdb` if the asker does not say.
const ROWS: usize = 10;

/// The most rows in each list of `/status/tsdb`.
const ROWS_MAX: usize = 10_000;

pub(super) async fn config(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let yaml = app.glance(move || Ok(backend.config())).await?;
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"yaml\":");
        json::string(out, &yaml);
        out.push(b'}');
    }))
}

pub(super) async fn flags(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let mut flags = app.glance(move || Ok(backend.flags())).await?;
    flags.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(envelope::success(|out| {
        json::list(out, [b'{', b'}'], flags, |out, flag| {
            json::string(out, &flag.name);
            out.push(b':');
            json::string(out, &flag.value);
        });
    }))
}

pub(super) async fn runtime_info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let info = app.glance(move || backend.runtime_info()).await?;
    Ok(envelope::success(|out| json::object(out, &info)))
}

pub(super) async fn build_info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let info = app.glance(move || Ok(backend.build_info())).await?;
    Ok(envelope::success(|out| json::object(out, &info)))
}

pub(super) async fn tsdb(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let rows = rows(params.get("limit"))?;
    let backend = Arc::clone(&app.backends.prometheus);
    let status = app.glance(move || backend.tsdb_status(rows)).await?;
    Ok(envelope::success(|out| json::object(out, &status)))
}

/// Reads how many rows are wanted; more than [`ROWS_MAX`] are never given.
fn rows(text: &str) -> Result<usize, Error> {
    if text.is_empty() {
        return Ok(ROWS);
    }
    match text.parse::<usize>() {
        Ok(rows @ 1..) => Ok(rows.min(ROWS_MAX)),
        _ => Err(Error::bad_data("limit must be a positive number")),
    }
}

pub(super) async fn blocks(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let blocks = app.glance(move || backend.blocks()).await?;
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"blocks\":");
        json::object(out, &blocks);
        out.push(b'}');
    }))
}

pub(super) async fn wal_replay(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let WalReplay {
        min,
        max,
        current,
        progress,
    } = app.glance(move || Ok(backend.wal_replay())).await?;
    let state = match progress {
        Replay::Waiting => "waiting",
        Replay::Running => "in progress",
        Replay::Done => "done",
    };
    Ok(envelope::success(|out| {
        let numbers = format_args!("{{\"min\":{min},\"max\":{max},\"current\":{current},");
        number::print(out, numbers);
        number::print(out, format_args!("\"state\":\"{state}\"}}"));
    }))
}
