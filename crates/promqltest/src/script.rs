//! Scripts to commands.
//!
//! In: the text of a script. Out: its commands with their lines. Blocks end at blank lines and at
//! comments.

use weft_model::Labels;
use weft_promql::parse::{parse_duration_seconds, parse_number};

use crate::case::{Case, Expectation, Expected, Matching, Times};
use crate::sequence::{Item, parse_offsets, parse_series};

/// What is wrong with a script.
#[derive(Clone, Debug)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScriptError {}

/// A command of a script.
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Case>),
}

/// Series to load.
pub(crate) struct Load {
    /// The distance of two samples.
    pub(crate) step_ms: i64,
    /// Whether classic histograms are loaded as native ones too.
    pub(crate) with_custom_buckets: bool,
    pub(crate) series: Vec<LoadedSeries>,
}

pub(crate) struct LoadedSeries {
    pub(crate) labels: Labels,
    pub(crate) items: Vec<Item>,
    /// Start timestamps relative to the samples; empty when the script gives none.
    pub(crate) starts: Vec<Option<i64>>,
}

/// Returns the commands of a script.
pub(crate) fn parse_script(text: &str) -> Result<Vec<Command>, ScriptError> {
    let lines: Vec<&str> = text.lines().map(meaningful).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.is_empty() {
            at += 1;
            continue;
        }
        let block = at + 1..at + 1 + lines[at + 1..].iter().take_while(|l| !l.is_empty()).count();
        let body: Vec<(usize, &str)> = block.clone().map(|at| (at + 1, lines[at])).collect();
        let word = line.split_whitespace().next().unwrap_or_default();
        let fault = |reason: String| ScriptError {
            line: at + 1,
            reason,
        };
        let command = match word {
            "clear" => {
                commands.push(Command::Clear);
                at += 1;
                continue;
            }
            "load" | "load_with_nhcb" => Command::Load(parse_load(line, &body).map_err(fault)?),
            word if word.starts_with("eval") => {
                let case = parse_eval(at + 1, line, &body).map_err(fault)?;
                Command::Eval(Box::new(case))
            }
            word => return Err(fault(format!("unknown command {word}"))),
        };
        commands.push(command);
        at = block.end;
    }
    Ok(commands)
}

fn meaningful(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line }
}

fn parse_load(line: &str, body: &[(usize, &str)]) -> Result<Load, String> {
    let (word, step) = line
        .split_once(char::is_whitespace)
        .ok_or("missing interval")?;
    let step_ms = parse_time(step.trim())?;
    let mut series: Vec<LoadedSeries> = Vec::new();
    let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
    for (_, line) in body {
        if let Some((selector, offsets)) = split_starts(line) {
            let (labels, _) = parse_series(selector)?;
            starts = Some((labels, parse_offsets(offsets)?));
            continue;
        }
        let (labels, items) = parse_series(line)?;
        let starts = match starts.take() {
            Some((of, starts)) if of == labels && starts.len() == items.len() => starts,
            Some(_) => return Err("start timestamps do not fit the series after them".to_owned()),
            None => Vec::new(),
        };
        // Within one command the last definition of a series counts.
        series.retain(|known| known.labels != labels);
        series.push(LoadedSeries {
            labels,
            items,
            starts,
        });
    }
    Ok(Load {
        step_ms,
        with_custom_buckets: word == "load_with_nhcb",
        series,
    })
}

/// Splits `selector@st offsets`.
fn split_starts(line: &str) -> Option<(&str, &str)> {
    let (selector, offsets) = line.split_once("@st ")?;
    let whole = selector.ends_with('}') || !selector.contains(char::is_whitespace);
    whole.then_some((selector, offsets))
}

fn parse_eval(line_number: usize, line: &str, body: &[(usize, &str)]) -> Result<Case, String> {
    let mut words = Words(line);
    let word = words.next()?;
    let times = match words.next()? {
        "instant" => {
            words.expect("at")?;
            Times::Instant(parse_time(words.next()?)?)
        }
        "range" => {
            words.expect("from")?;
            let start = parse_time(words.next()?)?;
            words.expect("to")?;
            let end = parse_time(words.next()?)?;
            words.expect("step")?;
            let step = parse_time(words.next()?)?;
            Times::Range { start, end, step }
        }
        other => return Err(format!("unknown kind of query {other}")),
    };
    let mut case = Case {
        line: line_number,
        query: words.0.trim().to_owned(),
        times,
        expectations: Vec::new(),
        range_vector: None,
        expected: Expected::Series(Vec::new()),
    };
    let implied = match word {
        "eval" => None,
        "eval_fail" => Some(Expectation::Fail(Matching::Any)),
        "eval_warn" => Some(Expectation::Warn(Matching::Any)),
        "eval_info" => Some(Expectation::Info(Matching::Any)),
        "eval_ordered" => Some(Expectation::Ordered),
        other => return Err(format!("unknown command {other}")),
    };
    case.expectations.extend(implied);
    for (at, line) in body {
        parse_expected(&mut case, line).map_err(|reason| format!("line {at}: {reason}"))?;
    }
    Ok(case)
}

fn parse_expected(case: &mut Case, line: &str) -> Result<(), String> {
    if let Some(rest) = line.strip_prefix("expected_fail_message") {
        let matching = Matching::Exact(rest.trim().to_owned());
        case.expectations.push(Expectation::Fail(matching));
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("expected_fail_regexp") {
        let matching = Matching::Regex(rest.trim().to_owned());
        case.expectations.push(Expectation::Fail(matching));
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("expect ") {
        return parse_expect(case, rest.trim());
    }
    if let Some(value) = parse_signed(line) {
        case.expected = Expected::Scalar(value);
        return Ok(());
    }
    let (labels, items) = parse_series(line)?;
    if let Expected::Series(series) = &mut case.expected {
        series.push((labels, items));
    }
    Ok(())
}

fn parse_expect(case: &mut Case, rest: &str) -> Result<(), String> {
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let expectation = match word {
        "fail" => Expectation::Fail(parse_matching(rest)?),
        "warn" => Expectation::Warn(parse_matching(rest)?),
        "info" => Expectation::Info(parse_matching(rest)?),
        "no_warn" => Expectation::NoWarn,
        "no_info" => Expectation::NoInfo,
        "ordered" => Expectation::Ordered,
        "string" => {
            let text = weft_promql::parse::unquote(rest)?;
            case.expected = Expected::Text(text.to_str_lossy().into_owned());
            return Ok(());
        }
        "range" => {
            let mut words = Words(rest);
            for word in ["vector", "from"] {
                words.expect(word)?;
            }
            let start = parse_time(words.next()?)?;
            words.expect("to")?;
            parse_time(words.next()?)?;
            words.expect("step")?;
            case.range_vector = Some((start, parse_time(words.next()?)?));
            return Ok(());
        }
        other => return Err(format!("unknown expectation {other}")),
    };
    case.expectations.push(expectation);
    Ok(())
}

fn parse_matching(text: &str) -> Result<Matching, String> {
    if text.is_empty() {
        return Ok(Matching::Any);
    }
    if let Some(message) = text.strip_prefix("msg:") {
        return Ok(Matching::Exact(message.trim().to_owned()));
    }
    if let Some(pattern) = text.strip_prefix("regex:") {
        return Ok(Matching::Regex(pattern.trim().to_owned()));
    }
    Err(format!("unknown kind of message {text}"))
}

/// The words of a line, one by one.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        let text = self.0.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        if word.is_empty() {
            Err("line ends too early".to_owned())
        } else {
            Ok(word)
        }
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let word = self.next()?;
        if word == wanted {
            return Ok(());
        }
        Err(format!("expected {wanted}, got {word}"))
    }
}

/// Returns a time or duration in milliseconds, which may be negative; plain numbers are seconds.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let seconds = parse_duration_seconds(digits).or_else(|| parse_number(digits));
    let seconds = seconds.ok_or_else(|| format!("not a duration: {text}"))?;
    let millis = (seconds * 1000.0).round() as i64;
    Ok(if negative { -millis } else { millis })
}

/// Returns a number that may have a sign.
pub(crate) fn parse_signed(text: &str) -> Option<f64> {
    match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => parse_number(rest).map(|value| -value),
        Some(rest) => parse_number(rest),
        None => parse_number(text),
    }
}
