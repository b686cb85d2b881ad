//! The range of time and the streams that a request is about.
//!
//! In: `start`, `end`, `since`, `step`, `query`. Out: times, and matchers. Without a start it is
//! one hour, without a step there are 250 of them, as with Loki.

use weft_logql::parse_matchers;
use weft_model::{Matcher, Nanos};
use weft_stdx::Clock;

use super::backend::Selection;
use crate::Error;
use crate::request::Params;

const HOUR: i64 = 3_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// How many steps a range has if the asker does not say.
const STEPS: i64 = 250;

/// A range of time; the end does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
}

impl Span {
    pub(super) fn of(params: &Params, clock: &Clock) -> Result<Span, Error> {
        let now = Nanos(clock.nanos());
        let end = params.nanos("end")?.unwrap_or(now);
        let since = params.duration_nanos("since")?.unwrap_or(HOUR);
        let start = params.nanos("start")?.unwrap_or(end.min(now).plus(-since));
        if end < start {
            return Err(Error::bad_data(
                "end timestamp must not be before or equal to start time",
            ));
        }
        Ok(Span { start, end })
    }

    /// Returns the distance of two samples in nanoseconds, above zero.
    pub(super) fn step(&self, params: &Params) -> Result<i64, Error> {
        match params.duration_nanos("step")? {
            Some(step) if step > 0 => Ok(step),
            Some(_) => Err(Error::bad_data(
                "zero or negative query resolution step widths are not accepted. \
                 Try a positive integer",
            )),
            None => {
                let length = self.end.0.saturating_sub(self.start.0);
                Ok((length / STEPS / SECOND).max(1) * SECOND)
            }
        }
    }

    /// Returns the streams that a selector names in this range.
    pub(super) fn selection(self, selector: &str) -> Result<Selection, Error> {
        Ok(Selection {
            matchers: matchers(selector)?,
            start: self.start,
            end: self.end,
        })
    }
}

/// Reads a selector; none, and an empty one, select every stream.
fn matchers(selector: &str) -> Result<Vec<Matcher>, Error> {
    let is_empty = selector
        .chars()
        .all(|c| c.is_whitespace() || matches!(c, '{' | '}'));
    if is_empty {
        return Ok(Vec::new());
    }
    parse_matchers(selector).map_err(|error| Error::bad_data(error.to_string()))
}
