//! `POST /loki/api/v1/push`: log lines as Loki's clients send them.
//!
//! In: protobuf, in snappy if nothing else is said, or JSON, plain if nothing else is said. Out:
//! 204; 400 if something was left out or altered while the rest was taken.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use weft_exposition::{Faults, loki};

use super::push_json;
use crate::app::App;
use crate::request::{Encoding, body};
use crate::{Error, ErrorKind};

/// Which form the lines have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Form, Error> {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Ok(Form::Protobuf);
        };
        let text = value.to_str().unwrap_or_default();
        match text.split(';').next().unwrap_or_default().trim() {
            "application/json" => Ok(Form::Json),
            "application/x-protobuf" => Ok(Form::Protobuf),
            _ => {
                let message = format!("content type {text:?} is not supported");
                Err(Error::new(ErrorKind::UnsupportedType, message))
            }
        }
    }

    fn usual_encoding(self) -> Encoding {
        match self {
            Form::Protobuf => Encoding::Snappy,
            Form::Json => Encoding::Identity,
        }
    }
}

/// Takes log lines.
pub(super) async fn push(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let form = Form::of(&parts.headers)?;
    let encoding = Encoding::of(&parts.headers)?.unwrap_or(form.usual_encoding());
    let bytes_max = app.limits().body_bytes_max;
    let payload = body::read(&app, &parts.headers, body, encoding, bytes_max).await?;
    let backend = Arc::clone(&app.backends.loki);
    let take = move || {
        let bytes = payload.decode()?;
        let (push, faults) = match form {
            Form::Protobuf => loki::parse(&bytes)?,
            Form::Json => push_json::parse(&bytes)?,
        };
        backend.push(push)?;
        Ok(faults)
    };
    let faults = app.change(take).await?;
    accepted(&faults)
}

fn accepted(faults: &Faults) -> Result<Response, Error> {
    match faults.is_empty() {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Error::bad_data(faults.to_string())),
    }
}
