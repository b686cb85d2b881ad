//! What is asked: at one time, or over a range of times.

use anyhow::{Context, Result, bail};
use weft_model::time::parse_rfc3339;
use weft_stdx::{Clock, text};

use crate::args::Query;
use crate::print::chart::Span;

/// How many points a range has when no step is given.
const POINTS: i64 = 120;

/// A question.
#[derive(Debug)]
pub(super) struct Request {
    promql: String,
    times: Times,
}

/// Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    At(Option<i64>),
    Range { start: i64, end: i64, step: i64 },
}

/// Reads what was typed.
pub(super) fn of(query: &Query, clock: &Clock) -> Result<Request> {
    let now = clock.millis();
    let at = query.at.as_deref().map(|at| time(at, now)).transpose()?;
    let times = match &query.since {
        None => Times::At(at),
        Some(since) => {
            let since = millis("since", since)?;
            let step = match &query.step {
                Some(step) => millis("step", step)?,
                None => round_step(since / POINTS),
            };
            let end = at.unwrap_or(now);
            // Round times make the same chart when asked twice.
            let end = end - end.rem_euclid(step);
            let start = end.saturating_sub(since - since % step);
            Times::Range { start, end, step }
        }
    };
    Ok(Request {
        promql: query.promql.clone(),
        times,
    })
}

impl Request {
    pub(super) fn path(&self) -> &'static str {
        match self.times {
            Times::At(_) => "/api/v1/query",
            Times::Range { .. } => "/api/v1/query_range",
        }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("query", self.promql.clone())];
        match self.times {
            Times::At(None) => {}
            Times::At(Some(at)) => parameters.push(("time", seconds(at))),
            Times::Range { start, end, step } => {
                parameters.push(("start", seconds(start)));
                parameters.push(("end", seconds(end)));
                parameters.push(("step", seconds(step)));
            }
        }
        parameters
    }

    /// Returns the range's times, if it is about a range.
    pub(super) fn span(&self) -> Option<Span> {
        match self.times {
            Times::At(_) => None,
            Times::Range { start, end, step } => Some(Span {
                start: start as f64 / 1000.0,
                end: end as f64 / 1000.0,
                step: step as f64 / 1000.0,
            }),
        }
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

fn millis(name: &str, given: &str) -> Result<i64> {
    let parsed = text::parse_duration(given).filter(|it| !it.is_zero());
    let millis = parsed.and_then(|it| i64::try_from(it.as_millis()).ok());
    millis.with_context(|| {
        format!("--{name} {given}: is not a duration above 0 such as 15s or 1h30m")
    })
}

/// Reads a time: RFC 3339, seconds since the epoch, or how long ago.
fn time(given: &str, now: i64) -> Result<i64> {
    if let Some(time) = parse_rfc3339(given.as_bytes()) {
        return Ok(time.to_millis().0);
    }
    if let Ok(seconds) = given.parse::<f64>()
        && seconds.abs() < 1e12
    {
        return Ok((seconds * 1000.0).round() as i64);
    }
    match text::parse_duration(given) {
        Some(ago) => Ok(now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))),
        None => bail!(
            "--at {given}: is not a time such as 2026-11-20T12:00:00Z, seconds since 1970, or a \
             duration such as 2h for that long ago"
        ),
    }
}

/// Returns the next step that people find round.
fn round_step(millis: i64) -> i64 {
    const ROUND: [i64; 14] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
    ];
    let round = ROUND.into_iter().map(|seconds| seconds * 1000);
    let fitting = round.into_iter().find(|step| *step >= millis);
    fitting.unwrap_or_else(|| (millis + 3_599_999) / 3_600_000 * 3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Asking;

    fn check(since: Option<&str>, step: Option<&str>, at: Option<&str>, expected: &str) {
        let query = Query {
            promql: "up".to_owned(),
            since: since.map(str::to_owned),
            step: step.map(str::to_owned),
            at: at.map(str::to_owned),
            csv: false,
            asking: Asking {
                url: String::new(),
                json: false,
            },
        };
        let clock = Clock::manual(1_000_007_500_000_000);
        let told = match of(&query, &clock) {
            Ok(request) => {
                let given = request.parameters().into_iter().skip(1);
                let texts = given.map(|(name, value)| format!("{name}={value}"));
                texts.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn times_are_read() {
        check(None, None, None, "");
        check(None, None, Some("2h"), "time=992807.500");
        check(None, None, Some("1970-01-02T00:00:00Z"), "time=86400.000");
        check(None, None, Some("12.5"), "time=12.500");
        let range = "start=996400.000 end=1000000.000 step=50.000";
        check(Some("1h"), Some("50s"), None, range);
        check(
            Some("1h"),
            None,
            Some("7200"),
            "start=3600.000 end=7200.000 step=30.000",
        );
        let fault = "--since 1x: is not a duration above 0 such as 15s or 1h30m";
        check(Some("1x"), None, None, fault);
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(round_step(0), 1000);
        assert_eq!(round_step(29_000), 30_000);
        assert_eq!(round_step(7_200_001), 10_800_000);
    }
}
