//! Lines that begin with `#`: descriptions, the end of the body, and remarks.

use std::borrow::Cow;

use weft_model::MetricKind;

use super::labels::{read_quoted, unescape};
use super::{Line, LineFlaw};

/// Reads a comment; a remark says nothing.
pub(super) fn read(line: &str) -> Result<Option<Line<'_>>, LineFlaw> {
    if line.trim_end() == "# EOF" {
        return Ok(Some(Line::End));
    }
    let rest = line[1..].trim_start();
    let (word, rest) = split_word(rest);
    if !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return Ok(None);
    }
    let (name, rest) = read_name(rest).ok_or(LineFlaw::Description)?;
    Ok(Some(match word {
        "HELP" => Line::Help {
            name,
            text: unescape(rest),
        },
        "TYPE" => Line::Kind {
            name,
            kind: kind_of(rest.trim_end()).ok_or(LineFlaw::Kind)?,
        },
        _ => Line::Unit {
            name,
            unit: Cow::Borrowed(rest.trim_end()),
        },
    }))
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start_matches([' ', '\t']))
}

fn read_name(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if text.starts_with('"') {
        let (name, rest) = read_quoted(text)?;
        return Some((name, rest.trim_start_matches([' ', '\t'])));
    }
    let (name, rest) = split_word(text);
    (!name.is_empty()).then_some((Cow::Borrowed(name), rest))
}

fn kind_of(word: &str) -> Option<MetricKind> {
    Some(match word {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "gaugehistogram" => MetricKind::GaugeHistogram,
        "summary" => MetricKind::Summary,
        "info" => MetricKind::Info,
        "stateset" => MetricKind::StateSet,
        "unknown" | "untyped" => MetricKind::Unknown,
        _ => return None,
    })
}
