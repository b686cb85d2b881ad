//! A sample's line: `name{labels} value [time] [# {labels} value [time]]`.

use weft_model::{Exemplar, Labels, Millis};

use super::labels;
use super::{Dialect, LineFlaw};
use crate::fault::Problem;

/// A sample, with its series as text.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleLine<'a> {
    series: SeriesText<'a>,
    /// The sample's value.
    pub value: f64,
    /// When it was measured, if the line says so.
    pub time: Option<Millis>,
    /// An example of what the sample counts.
    pub exemplar: Option<ExemplarText<'a>>,
}

/// A series as it is written, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SeriesText<'a> {
    /// Everything up to the value.
    whole: &'a [u8],
    /// What precedes the brace.
    name: &'a [u8],
    /// What is between the braces.
    inside: &'a [u8],
}

impl<'a> SampleLine<'a> {
    /// Returns bytes that are equal only if the series is: its text. A scraper that has met it
    /// before need not look at the labels.
    pub fn key(&self) -> &'a [u8] {
        self.series.whole
    }

    /// Returns the labels, the metric's name among them, or what is wrong with them.
    pub fn labels(&self) -> Result<Labels, Problem> {
        let labels = self.series.labels()?;
        if labels.name().is_empty() {
            return Err(Problem::NoMetricName);
        }
        Ok(labels)
    }
}

impl SeriesText<'_> {
    fn labels(&self) -> Result<Labels, Problem> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Problem::LabelNotUtf8);
        labels::read(text(self.name)?, text(self.inside)?)
    }
}

/// An exemplar, with its labels as text.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarText<'a> {
    labels: SeriesText<'a>,
    value: f64,
    time: Option<Millis>,
}

impl ExemplarText<'_> {
    /// Decodes the exemplar; without a time of its own it has that of the scrape.
    pub fn decode(&self, scraped: Millis) -> Result<Exemplar, Problem> {
        Ok(Exemplar {
            labels: self.labels.labels()?,
            value: self.value,
            time: self.time.unwrap_or(scraped),
        })
    }
}

/// Reads a line that is not empty and not a comment.
pub(super) fn read(dialect: Dialect, line: &[u8]) -> Result<SampleLine<'_>, LineFlaw> {
    let (series, rest) = read_series(line)?;
    if series.name.is_empty() && series.inside.is_empty() {
        return Err(LineFlaw::Name);
    }
    let (value, rest) = read_value(rest)?;
    let (time, rest) = read_time(dialect, rest)?;
    let exemplar = match (dialect, rest.strip_prefix(b"#")) {
        (_, None) => None,
        (Dialect::OpenMetrics, Some(text)) => {
            Some(read_exemplar(text.trim_ascii_start()).map_err(|_| LineFlaw::Exemplar)?)
        }
        (Dialect::Prometheus, Some(_)) => return Err(LineFlaw::Trailing),
    };
    Ok(SampleLine {
        series,
        value,
        time,
        exemplar,
    })
}

fn read_exemplar(text: &[u8]) -> Result<ExemplarText<'_>, LineFlaw> {
    let (labels, rest) = read_series(text)?;
    let (value, rest) = read_value(rest)?;
    let (time, rest) = read_time(Dialect::OpenMetrics, rest)?;
    if !rest.is_empty() || !labels.name.is_empty() {
        return Err(LineFlaw::Exemplar);
    }
    Ok(ExemplarText {
        labels,
        value,
        time,
    })
}

/// Finds the end of a series; the labels are not looked at but for their quotes.
fn read_series(line: &[u8]) -> Result<(SeriesText<'_>, &[u8]), LineFlaw> {
    let end = line
        .iter()
        .position(|byte| matches!(byte, b'{' | b' ' | b'\t'))
        .ok_or(LineFlaw::Value)?;
    let name = &line[..end];
    let after_name = line[end..].trim_ascii_start();
    let Some(braced) = after_name.strip_prefix(b"{") else {
        let series = SeriesText {
            whole: name,
            name,
            inside: &[],
        };
        return Ok((series, after_name));
    };
    let inside = &braced[..braces_len(braced).ok_or(LineFlaw::Labels)?];
    let rest = &braced[inside.len() + 1..];
    let whole = &line[..line.len() - rest.len()];
    Ok((
        SeriesText {
            whole,
            name,
            inside,
        },
        rest.trim_ascii_start(),
    ))
}

/// Returns where the closing brace is, past quoted texts.
fn braces_len(braced: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'}', b'"', &braced[at..])?;
        if braced[at] == b'}' {
            return Some(at);
        }
        at += 1;
        at += labels::quoted_len(&braced[at..])? + 1;
    }
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

fn read_value(text: &[u8]) -> Result<(f64, &[u8]), LineFlaw> {
    let (word, rest) = split_word(text);
    Ok((parse_number(word).ok_or(LineFlaw::Value)?, rest))
}

fn parse_number(word: &[u8]) -> Option<f64> {
    if (1..=15).contains(&word.len()) && word.iter().all(u8::is_ascii_digit) {
        let whole = word
            .iter()
            .fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some(whole as f64);
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn read_time(dialect: Dialect, text: &[u8]) -> Result<(Option<Millis>, &[u8]), LineFlaw> {
    if text.is_empty() || text.starts_with(b"#") {
        return Ok((None, text));
    }
    let (word, rest) = split_word(text);
    let word = std::str::from_utf8(word).map_err(|_| LineFlaw::Time)?;
    let millis = match dialect {
        Dialect::Prometheus => word.parse().ok(),
        Dialect::OpenMetrics => word.parse().ok().and_then(millis_of_seconds),
    };
    let time = Millis(millis.ok_or(LineFlaw::Time)?);
    if !rest.is_empty() && !rest.starts_with(b"#") {
        return Err(LineFlaw::Trailing);
    }
    Ok((Some(time), rest))
}

fn millis_of_seconds(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1000.0).round();
    let in_range = millis.abs() < i64::MAX as f64;
    in_range.then_some(millis as i64)
}
