//! The parameters of a request, from its URL and from a form in its body.
//!
//! In: a request. Out: [`Params`], with accessors that name the parameter when it is at fault, in
//! Prometheus's words. Bound: a form is read as a body is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use weft_model::{Millis, Nanos};

use super::body::{self, Encoding};
use super::{time, urlencoded};
use crate::app::App;
use crate::{Error, ErrorKind};

/// The parameters of a request; those of the body come first, as in Go's forms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequest<Arc<App>> for Params {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Params, Error> {
        let (parts, body) = request.into_parts();
        let mut pairs = Vec::new();
        if is_form(&parts.headers) {
            let encoding = Encoding::of(&parts.headers)?.unwrap_or(Encoding::Identity);
            let bytes_max = app.limits().form_bytes_max;
            let payload = body::read(app, &parts.headers, body, encoding, bytes_max).await?;
            let form = payload.decode()?;
            pairs.extend(urlencoded::parse(&form));
        }
        let query = parts.uri.query().unwrap_or_default();
        pairs.extend(urlencoded::parse(query.as_bytes()));
        Ok(Params(pairs))
    }
}

fn is_form(headers: &axum::http::HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// Returns the error for a parameter, in Prometheus's words.
pub(crate) fn invalid(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::BadData,
        format!("invalid parameter {name:?}: {why}"),
    )
}

/// Tells in Go's words, which clients of Prometheus know, why text is not a number.
fn not_a_number(text: &str, error: &std::num::ParseIntError) -> String {
    use std::num::IntErrorKind;
    let why = match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.Atoi: parsing {text:?}: {why}")
}

impl Params {
    /// Returns the first value of a parameter, or the empty string.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// Returns the first value of a parameter that is not empty.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let given = |(key, value): &&(String, String)| key == name && !value.is_empty();
        self.0.iter().find(given).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Reads a time of Prometheus's API that need not be there.
    pub(crate) fn millis(&self, name: &str) -> Result<Option<Millis>, Error> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        let unreadable = || {
            let why = format!("cannot parse {text:?} to a valid timestamp");
            invalid(name, format_args!("invalid time value for '{name}': {why}"))
        };
        time::millis(text).map(Some).ok_or_else(unreadable)
    }

    /// Reads a time of Prometheus's API that must be there.
    pub(crate) fn some_millis(&self, name: &str) -> Result<Millis, Error> {
        let text = self.get(name);
        let unreadable = || {
            invalid(
                name,
                format_args!("cannot parse {text:?} to a valid timestamp"),
            )
        };
        time::millis(text).ok_or_else(unreadable)
    }

    /// Reads a time of Loki's API.
    pub(crate) fn nanos(&self, name: &str) -> Result<Option<Nanos>, Error> {
        self.read(name, time::nanos, "timestamp")
    }

    /// Reads a duration in milliseconds.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<i64>, Error> {
        let what = match time::is_number(self.get(name)) {
            true => "duration. It overflows int64",
            false => "duration",
        };
        self.read(name, time::duration_ms, what)
    }

    /// Reads a duration in nanoseconds.
    pub(crate) fn duration_nanos(&self, name: &str) -> Result<Option<i64>, Error> {
        self.read(name, time::duration_nanos, "duration")
    }

    /// Reads a duration that is more than zero.
    pub(crate) fn timeout(&self, name: &str) -> Result<Option<Duration>, Error> {
        match self.duration_ms(name)? {
            Some(millis) => match u64::try_from(millis) {
                Ok(millis) => Ok(Some(Duration::from_millis(millis))),
                Err(_) => Err(invalid(name, "duration must not be negative")),
            },
            None => Ok(None),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        match read(text) {
            Some(value) => Ok(Some(value)),
            None => Err(invalid(
                name,
                format!("cannot parse {text:?} to a valid {what}"),
            )),
        }
    }

    /// Reads a number of items; zero stands for no limit.
    pub(crate) fn limit(&self, name: &str) -> Result<Option<usize>, Error> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(0) => Ok(None),
            Ok(count) => match usize::try_from(count) {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(invalid(name, "limit must be non-negative")),
            },
            Err(error) => Err(invalid(name, not_a_number(text, &error))),
        }
    }

    /// Reads a number of items of which one below zero stands for all.
    pub(crate) fn items(&self, name: &str) -> Result<Option<usize>, Error> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        let count: i64 = text
            .parse()
            .map_err(|_| Error::bad_data(format!("{name} must be a number")))?;
        Ok(usize::try_from(count).ok())
    }
}
