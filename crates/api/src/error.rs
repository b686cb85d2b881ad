//! Why a request has no answer, in terms that every dialect can put into its own words.
//!
//! In: an error of an engine or a backend. Out: a kind, which decides the HTTP status, and a
//! sentence for the asker. What only an operator should see is logged, not answered.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use weft_exposition::Malformed;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// One sentence for the asker.
    pub message: String,
    /// When to try again, where that makes sense.
    pub retry_after: Option<Duration>,
}

/// The kinds of failure; each has its HTTP status and its word in Prometheus's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be understood: 400.
    BadData,
    /// The query is sound, but cannot be evaluated on this data: 422.
    Execution,
    /// The asker went away: 499.
    Canceled,
    /// The time was over before the answer was ready: 503.
    Timeout,
    /// The store is starting, stopping or full: 503.
    Unavailable,
    /// The sender is over its budget and has to slow down: 429.
    Overloaded,
    /// There is nothing of that name: 404.
    NotFound,
    /// The path does not take this method: 405.
    MethodNotAllowed,
    /// The body is larger than is admitted: 413.
    TooLarge,
    /// The body's type or encoding is not known: 415.
    UnsupportedType,
    /// The operation has to be allowed by the configuration first: 403.
    Forbidden,
    /// Something is broken here: 500.
    Internal,
}

impl ErrorKind {
    /// Returns the HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            ErrorKind::BadData => StatusCode::BAD_REQUEST,
            ErrorKind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Canceled => CLIENT_CLOSED,
            ErrorKind::Timeout | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the word for `errorType` in Prometheus's envelope.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::BadData | ErrorKind::TooLarge | ErrorKind::UnsupportedType => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Unavailable | ErrorKind::Overloaded | ErrorKind::Forbidden => "unavailable",
            ErrorKind::NotFound | ErrorKind::MethodNotAllowed => "not_found",
            ErrorKind::Internal => "internal",
        }
    }
}

/// The status that nginx made known for a client that did not wait.
const CLIENT_CLOSED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

impl Error {
    /// Returns a failure of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Returns a failure of the request itself.
    pub fn bad_data(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::BadData, message)
    }

    /// Returns the same failure with a time after which to try again.
    pub fn retry_after(mut self, wait: Duration) -> Error {
        self.retry_after = Some(wait);
        self
    }

    /// Returns an internal failure; the chain of causes is part of the message.
    pub fn internal(error: &(dyn StdError + 'static)) -> Error {
        Error::new(ErrorKind::Internal, chain(error))
    }
}

/// Writes an error and its causes in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

impl From<weft_promql::QueryError> for Error {
    fn from(error: weft_promql::QueryError) -> Error {
        use weft_promql::QueryError;
        let kind = match &error {
            QueryError::Parse(_) | QueryError::BadData(_) => {
                return Error::bad_data(format!("invalid parameter \"query\": {error}"));
            }
            QueryError::Execution(_) => ErrorKind::Execution,
            QueryError::Overloaded(_) => ErrorKind::Unavailable,
            QueryError::Timeout => ErrorKind::Timeout,
            QueryError::Canceled => ErrorKind::Canceled,
            QueryError::Source(_) => ErrorKind::Internal,
        };
        Error::new(kind, chain(&error))
    }
}

impl From<weft_logql::QueryError> for Error {
    fn from(error: weft_logql::QueryError) -> Error {
        use weft_logql::QueryError;
        let kind = match &error {
            QueryError::Parse(_)
            | QueryError::Params(_)
            | QueryError::Limit(_)
            | QueryError::Evaluation(_) => ErrorKind::BadData,
            QueryError::Cancelled => ErrorKind::Canceled,
            QueryError::Source(_) => ErrorKind::Internal,
        };
        Error::new(kind, chain(&error))
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Error {
        Error::bad_data(error.to_string())
    }
}

impl From<weft_exposition::remote_read::RequestError> for Error {
    fn from(error: weft_exposition::remote_read::RequestError) -> Error {
        Error::bad_data(chain(&error))
    }
}
