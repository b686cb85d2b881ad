//! Line by line through a body.

use thiserror::Error;

use super::sample::{self, SampleLine};
use super::{Dialect, Line, comment};

/// A line that cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("read line {line}: {flaw}")]
pub struct LineError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub flaw: LineFlaw,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineFlaw {
    /// It is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// It does not begin with a metric's name.
    #[error("a metric name is expected")]
    Name,
    /// The braces around the labels do not close.
    #[error("the labels do not end")]
    Labels,
    /// There is no number where the value belongs.
    #[error("a value is expected")]
    Value,
    /// There is something else than a time after the value.
    #[error("a timestamp is expected")]
    Time,
    /// There is something after the end of the line's content.
    #[error("the line goes on after its end")]
    Trailing,
    /// The exemplar cannot be read.
    #[error("the exemplar is malformed")]
    Exemplar,
    /// A comment that begins like a description does not go on like one.
    #[error("the description is malformed")]
    Description,
    /// A type that does not exist.
    #[error("the metric type is unknown")]
    Kind,
}

/// Reads what the lines of a body say.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    rest: &'a [u8],
    dialect: Dialect,
    line: usize,
}

impl<'a> Parser<'a> {
    /// Returns a parser of a body or of whole lines of one.
    pub fn new(dialect: Dialect, body: &'a [u8]) -> Parser<'a> {
        Parser {
            rest: body,
            dialect,
            line: 0,
        }
    }

    /// Returns the number of the line that was read last, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn read(&self, line: &'a [u8]) -> Result<Option<Line<'a>>, LineFlaw> {
        match line.first() {
            None => Ok(None),
            Some(b'#') => {
                let text = std::str::from_utf8(line).map_err(|_| LineFlaw::NotUtf8)?;
                comment::read(text)
            }
            Some(_) => Ok(Some(Line::Sample(self.read_sample(line)?))),
        }
    }

    fn read_sample(&self, line: &'a [u8]) -> Result<SampleLine<'a>, LineFlaw> {
        sample::read(self.dialect, line)
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Line<'a>, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.next_line()?.trim_ascii_start();
            match self.read(line) {
                Ok(None) => {}
                Ok(Some(read)) => return Some(Ok(read)),
                Err(flaw) => {
                    let line = self.line;
                    return Some(Err(LineError { line, flaw }));
                }
            }
        }
    }
}
