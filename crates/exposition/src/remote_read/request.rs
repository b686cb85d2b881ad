//! What a remote reader asks. Its hints are left aside: they only allow to answer with less.

use thiserror::Error;
use weft_model::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX};
use weft_model::{MatchOp, Matcher, Millis};

use crate::wire::{Cursor, Malformed, Value};

/// The most queries of one request.
pub const QUERIES_MAX: usize = 1000;

/// The most matchers of one query.
pub const MATCHERS_MAX: usize = 1000;

/// A request that cannot be answered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// The bytes are no message.
    #[error("read request")]
    Malformed(#[from] Malformed),
    /// More than [`QUERIES_MAX`] queries.
    #[error("read request: it has more than {QUERIES_MAX} queries")]
    TooManyQueries,
    /// More than [`MATCHERS_MAX`] matchers in a query.
    #[error("read request: a query has more than {MATCHERS_MAX} matchers")]
    TooManyMatchers,
    /// A kind of matcher that does not exist.
    #[error("read request: a matcher has an unknown type")]
    MatcherType,
    /// The name or the value of a matcher is too long or not UTF-8.
    #[error("read request: a matcher is too long or not UTF-8")]
    MatcherText,
}

/// How a reader wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseType {
    /// One message with all samples.
    Samples,
    /// Frames of chunks.
    StreamedXorChunks,
}

/// The questions of a reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRequest {
    /// The questions, each of which has an answer of its own.
    pub queries: Vec<Query>,
    /// The kinds of answer that the reader understands, best first; those that are not known here
    /// are left out.
    pub accepted: Vec<ResponseType>,
    /// Whether the reader named kinds at all.
    pub names_kinds: bool,
}

/// A selection of series and a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The first time.
    pub start: Millis,
    /// The last time.
    pub end: Millis,
    /// What the series must fulfil.
    pub matchers: Vec<Matcher>,
}

impl ReadRequest {
    /// Reads a request.
    pub fn parse(bytes: &[u8]) -> Result<ReadRequest, RequestError> {
        let mut request = ReadRequest::default();
        let mut message = Cursor::new(bytes);
        while let Some((number, value)) = message.field()? {
            match number {
                1 if request.queries.len() == QUERIES_MAX => {
                    return Err(RequestError::TooManyQueries);
                }
                1 => request.queries.push(query(value.bytes(&message)?)?),
                2 => request.accept(value)?,
                _ => {}
            }
        }
        Ok(request)
    }

    /// Returns the kind of answer to give: the first that the reader accepts, samples if it does
    /// not say, nothing if it knows no kind that is known here.
    pub fn response_type(&self) -> Option<ResponseType> {
        match self.names_kinds {
            true => self.accepted.first().copied(),
            false => Some(ResponseType::Samples),
        }
    }

    /// Takes in accepted kinds, packed or one by one.
    fn accept(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        self.names_kinds = true;
        match value {
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    let kind = packed.varint()?;
                    self.accept_one(kind);
                }
            }
            Value::Varint(kind) => self.accept_one(kind),
            _ => {}
        }
        Ok(())
    }

    fn accept_one(&mut self, kind: u64) {
        let kind = match kind {
            0 => ResponseType::Samples,
            1 => ResponseType::StreamedXorChunks,
            _ => return,
        };
        if !self.accepted.contains(&kind) {
            self.accepted.push(kind);
        }
    }
}

fn query(mut message: Cursor<'_>) -> Result<Query, RequestError> {
    let mut query = Query::default();
    while let Some((number, value)) = message.field()? {
        match number {
            1 => query.start = Millis(value.number(&message)? as i64),
            2 => query.end = Millis(value.number(&message)? as i64),
            3 if query.matchers.len() == MATCHERS_MAX => return Err(RequestError::TooManyMatchers),
            3 => query.matchers.push(matcher(value.bytes(&message)?)?),
            _ => {}
        }
    }
    Ok(query)
}

fn matcher(mut message: Cursor<'_>) -> Result<Matcher, RequestError> {
    let mut matcher = Matcher::equal("", "");
    while let Some((number, value)) = message.field()? {
        match number {
            1 => matcher.op = op(value.number(&message)?)?,
            2 => matcher.name = text(value.bytes(&message)?, LABEL_NAME_BYTES_MAX)?,
            3 => matcher.value = text(value.bytes(&message)?, LABEL_VALUE_BYTES_MAX)?,
            _ => {}
        }
    }
    Ok(matcher)
}

fn op(number: u64) -> Result<MatchOp, RequestError> {
    match number {
        0 => Ok(MatchOp::Equal),
        1 => Ok(MatchOp::NotEqual),
        2 => Ok(MatchOp::Regex),
        3 => Ok(MatchOp::NotRegex),
        _ => Err(RequestError::MatcherType),
    }
}

fn text(bytes: Cursor<'_>, bytes_max: usize) -> Result<String, RequestError> {
    let admitted = Some(bytes.rest()).filter(|bytes| bytes.len() <= bytes_max);
    let text = admitted.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.map(str::to_owned).ok_or(RequestError::MatcherText)
}
