//! Loki's push message, `logproto.PushRequest`.
//!
//! In: a request's bytes, decompressed. Out: [`Push`], whose lines borrow from those bytes, and
//! the faults of what was left out. The JSON form is read by `weft-api` into the same types.
//! Bound: the lists are as long as the request is; labels and lines are within
//! [`weft_model::limits`].

mod selector;

use std::borrow::Cow;

use weft_model::limits::LINE_BYTES_MAX;
use weft_model::{Labels, Nanos};

use crate::fault::{Faults, Problem};
use crate::wire::{Cursor, Malformed, Value};

pub use selector::parse_labels;

/// Log lines on their way in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push<'a> {
    /// The streams, in the order of the request; the same labels may come more than once.
    pub streams: Vec<Stream<'a>>,
}

/// Lines with the same labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream<'a> {
    /// What the lines have in common.
    pub labels: Labels,
    /// The lines, in any order of time.
    pub entries: Vec<Entry<'a>>,
}

/// A log line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// When it was written.
    pub time: Nanos,
    /// Its text, without a line break at the end.
    pub line: Cow<'a, str>,
    /// Labels of this line only, in the order they were sent.
    pub metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Push<'_> {
    /// Returns how many lines there are.
    pub fn lines(&self) -> usize {
        self.streams.iter().map(|stream| stream.entries.len()).sum()
    }
}

/// Checks a line against the limits.
pub fn admit_line(line: &str) -> Result<(), Problem> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Problem::LineTooLong);
    }
    Ok(())
}

/// Checks the labels of one line against the limits.
pub fn admit_metadata(metadata: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<(), Problem> {
    let pairs = metadata
        .iter()
        .map(|(name, value)| Ok((name.as_bytes(), value.as_bytes())));
    crate::labels::check_all(pairs)
}

/// Checks the labels of a stream and returns them as a set.
pub fn admit_labels<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Labels, Problem> {
    crate::labels::admit(pairs.map(|(name, value)| Ok((name.as_bytes(), value.as_bytes()))))
}

/// Reads a push message. Broken structure fails as a whole; a stream or line that breaks a rule
/// is left out and counted.
pub fn parse(bytes: &[u8]) -> Result<(Push<'_>, Faults), Malformed> {
    let mut push = Push::default();
    let mut faults = Faults::default();
    let mut rest = Cursor::new(bytes);
    let mut item = 0;
    while let Some((number, value)) = rest.field()? {
        if number != 1 {
            continue;
        }
        let message = value.bytes(&rest)?;
        if let Some(stream) = read_stream(message, item, &mut faults)? {
            push.streams.push(stream);
        }
        item += 1;
    }
    Ok((push, faults))
}

fn read_stream<'a>(
    mut rest: Cursor<'a>,
    item: usize,
    faults: &mut Faults,
) -> Result<Option<Stream<'a>>, Malformed> {
    let mut labels = &[][..];
    let mut entries = Vec::new();
    while let Some((number, value)) = rest.field()? {
        match number {
            1 => labels = value.bytes(&rest)?.rest(),
            2 => match read_entry(value.bytes(&rest)?)? {
                Ok(entry) => {
                    if let Cow::Owned(_) = entry.line {
                        faults.push(item, Problem::LineNotUtf8);
                    }
                    entries.push(entry);
                }
                Err(problem) => faults.push(item, problem),
            },
            _ => {}
        }
    }
    match parse_labels(labels) {
        Ok(labels) => Ok(Some(Stream { labels, entries })),
        Err(problem) => {
            faults.push(item, problem);
            Ok(None)
        }
    }
}

fn read_entry(mut rest: Cursor<'_>) -> Result<Result<Entry<'_>, Problem>, Malformed> {
    let (mut time, mut line) = (Some(Nanos(0)), &[][..]);
    let mut metadata = Vec::new();
    let mut metadata_is_text = true;
    while let Some((number, value)) = rest.field()? {
        match number {
            1 => time = read_time(value.bytes(&rest)?)?,
            2 => line = value.bytes(&rest)?.rest(),
            3 => match read_pair(value.bytes(&rest)?)? {
                Some(pair) => metadata.push(pair),
                None => metadata_is_text = false,
            },
            _ => {}
        }
    }
    let entry = || {
        let time = time.ok_or(Problem::TimeOutOfRange)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(Problem::LineTooLong);
        }
        if !metadata_is_text {
            return Err(Problem::LabelNotUtf8);
        }
        admit_metadata(&metadata)?;
        Ok(Entry {
            time,
            line: String::from_utf8_lossy(line),
            metadata,
        })
    };
    Ok(entry())
}

/// Reads a `google.protobuf.Timestamp`.
fn read_time(mut rest: Cursor<'_>) -> Result<Option<Nanos>, Malformed> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    while let Some((number, value)) = rest.field()? {
        match number {
            1 => seconds = value.number(&rest)? as i64,
            2 => nanos = value.number(&rest)? as i64,
            _ => {}
        }
    }
    let whole = seconds.checked_mul(1_000_000_000);
    Ok(whole.and_then(|whole| whole.checked_add(nanos)).map(Nanos))
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

fn read_pair(mut rest: Cursor<'_>) -> Result<Option<Pair<'_>>, Malformed> {
    let (mut name, mut text) = (Ok(""), Ok(""));
    while let Some((number, value)) = rest.field()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => name = std::str::from_utf8(bytes.rest()),
            (2, Value::Bytes(bytes)) => text = std::str::from_utf8(bytes.rest()),
            (1 | 2, _) => {
                value.bytes(&rest)?;
            }
            _ => {}
        }
    }
    let pair = name.and_then(|name| Ok((Cow::Borrowed(name), Cow::Borrowed(text?))));
    Ok(pair.ok())
}

#[cfg(test)]
mod tests;
