//! Series with their samples as scripts write them: `name{a="b"} 1 2+3x4 _x2 stale {{...}}x3`.

use std::sync::Arc;

use weft_model::{FloatHistogram, Labels, MatchOp, stale_nan};
use weft_promql::Column;

use crate::literal::{parse_literal, progress};
use crate::script::{parse_signed, parse_time};

/// One sample of a sequence.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// No sample.
    Omitted,
    Float(f64),
    Histogram {
        histogram: FloatHistogram,
        /// Whether the script told the reset hint.
        hinted: bool,
    },
}

/// The samples that one line may expand to.
const ITEMS_MAX: usize = 1_000_000;

/// Parses a series with its samples.
pub(crate) fn parse_series(line: &str) -> Result<(Labels, Vec<Item>), String> {
    let (selector, values) = split_selector(line);
    let matchers = match selector.trim() {
        "" | "{}" => Vec::new(),
        selector => weft_promql::parse::parse_selector(selector).map_err(|e| e.to_string())?,
    };
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != MatchOp::Equal) {
        return Err(format!("not a label: {other}"));
    }
    let labels = Labels::from_pairs(matchers.iter().map(|m| (&m.name, &m.value)));
    let mut items = Vec::new();
    let mut rest = values.trim_start();
    while !rest.is_empty() {
        rest = parse_items(rest, &mut items)?.trim_start();
        if items.len() > ITEMS_MAX {
            return Err("too many samples in a line".to_owned());
        }
    }
    Ok((labels, items))
}

/// Returns the samples of a sequence that begins at a time and goes on at steps, with their start
/// timestamps, which are relative to them.
pub(crate) fn column(
    items: &[Item],
    starts: &[Option<i64>],
    (first_ms, step_ms): (i64, i64),
) -> Column {
    let mut column = Column::new();
    for (at, item) in items.iter().enumerate() {
        let time = first_ms.saturating_add(step_ms.saturating_mul(at as i64));
        match item {
            Item::Omitted => continue,
            Item::Float(value) => column.push(time, *value),
            Item::Histogram { histogram, .. } => {
                column.push_histogram(time, Arc::new(histogram.clone()));
            }
        }
        if let Some(offset) = starts.get(at).copied().flatten() {
            column.set_start(time + offset);
        }
    }
    column
}

/// Splits a line where the labels end, which may hold quoted blanks and braces.
fn split_selector(line: &str) -> (&str, &str) {
    let mut quotation = None;
    let mut escaped = false;
    let mut in_braces = false;
    for (at, char) in line.char_indices() {
        match (quotation, char) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), char) if char == open => quotation = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quotation = Some(char),
            (None, '{') if !in_braces => in_braces = true,
            (None, '}') if in_braces => return line.split_at(at + 1),
            (None, char) if char.is_whitespace() && !in_braces => {
                // Blanks may stand between the name and its braces, but not before values.
                let braces = line[at..].trim_start();
                let is_selector = braces.starts_with('{') && !braces.starts_with("{{");
                if !is_selector {
                    return line.split_at(at);
                }
            }
            _ => {}
        }
    }
    (line, "")
}

/// Parses one group of samples and returns what follows it.
fn parse_items<'a>(text: &'a str, items: &mut Vec<Item>) -> Result<&'a str, String> {
    if text.starts_with("{{") {
        return parse_histograms(text, items);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if let Some(times) = word.strip_prefix('_') {
        let times = match times.strip_prefix('x') {
            Some(times) => parse_times(times)?,
            None => 1,
        };
        items.extend(std::iter::repeat_n(Item::Omitted, times));
        return Ok(rest);
    }
    if word == "stale" {
        items.push(Item::Float(stale_nan()));
        return Ok(rest);
    }
    let (value, times) = match word.rsplit_once('x') {
        Some((value, times)) if !value.is_empty() => (value, Some(parse_times(times)?)),
        _ => (word, None),
    };
    let Some(times) = times else {
        items.push(Item::Float(parse_value(value)?));
        return Ok(rest);
    };
    let (start, step) = split_step(value)?;
    let mut value = start;
    for _ in 0..=times {
        items.push(Item::Float(value));
        value += step;
    }
    Ok(rest)
}

fn parse_value(text: &str) -> Result<f64, String> {
    if text == "stale" {
        return Ok(stale_nan());
    }
    parse_signed(text).ok_or_else(|| format!("not a number: {text}"))
}

/// Splits `start+step` and `start-step`; the step is 0 when there is none.
fn split_step(text: &str) -> Result<(f64, f64), String> {
    let signs = text.char_indices().skip(1).filter(|(at, char)| {
        let after_exponent = text[..*at].ends_with(['e', 'E']);
        matches!(char, '+' | '-') && !after_exponent
    });
    match signs.last() {
        Some((at, _)) => Ok((parse_value(&text[..at])?, parse_value(&text[at..])?)),
        None => Ok((parse_value(text)?, 0.0)),
    }
}

fn parse_times(text: &str) -> Result<usize, String> {
    let times = text
        .parse::<usize>()
        .ok()
        .filter(|times| *times <= ITEMS_MAX);
    times.ok_or_else(|| format!("not a count: {text}"))
}

/// Parses `{{...}}`, `{{...}}xN`, `{{...}}+{{...}}xN` or `{{...}}-{{...}}xN`.
fn parse_histograms<'a>(text: &'a str, items: &mut Vec<Item>) -> Result<&'a str, String> {
    let (first, hinted, rest) = parse_literal(text)?;
    let sign = rest.chars().next();
    let (step, rest) = match sign {
        Some(sign @ ('+' | '-')) if rest[1..].starts_with("{{") => {
            let (step, _, rest) = parse_literal(&rest[1..])?;
            (Some((step, sign == '-')), rest)
        }
        _ => (None, rest),
    };
    let (times, rest) = match rest.strip_prefix('x') {
        Some(rest) => {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (parse_times(&rest[..end])?, &rest[end..])
        }
        None => (0, rest),
    };
    let mut histogram = first;
    for at in 0..=times {
        items.push(Item::Histogram {
            histogram: histogram.clone(),
            hinted,
        });
        if let Some((step, takes_away)) = &step
            && at < times
        {
            histogram = progress(&histogram, step, *takes_away)?;
        }
    }
    Ok(rest)
}

/// Parses start timestamps, relative to their samples, in milliseconds.
pub(crate) fn parse_offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for word in text.split_whitespace() {
        if let Some(times) = word.strip_prefix('_') {
            let times = times.strip_prefix('x').map_or(Ok(1), parse_times)?;
            offsets.extend(std::iter::repeat_n(None, times));
            continue;
        }
        let (value, times) = match word.rsplit_once('x') {
            Some((value, times)) => (value, parse_times(times)?),
            None => (word, 0),
        };
        let sign = value
            .char_indices()
            .skip(1)
            .find(|(_, c)| matches!(c, '+' | '-'));
        let (mut offset, step) = match sign {
            Some((at, '+')) => (parse_time(&value[..at])?, parse_time(&value[at + 1..])?),
            Some((at, _)) => (parse_time(&value[..at])?, parse_time(&value[at..])?),
            None => (parse_time(value)?, 0),
        };
        for _ in 0..=times {
            offsets.push(Some(offset));
            offset += step;
        }
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[Option<f64>]) {
        let (_, items) = parse_series(line).unwrap();
        let found: Vec<Option<f64>> = items
            .iter()
            .map(|item| match item {
                Item::Float(value) => Some(*value),
                _ => None,
            })
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn sequences_expand() {
        check("m 1 2", &[Some(1.0), Some(2.0)]);
        check("m 1x2", &[Some(1.0), Some(1.0), Some(1.0)]);
        check("m 2+3x2", &[Some(2.0), Some(5.0), Some(8.0)]);
        check("m 1-1x1 _ 7", &[Some(1.0), Some(0.0), None, Some(7.0)]);
        check("m _x2 1e3", &[None, None, Some(1000.0)]);
        check(r#"{a="x {y} \" z"} -1.5"#, &[Some(-1.5)]);
        check("m 0x1", &[Some(0.0), Some(0.0)]);
        check("m{} -Inf", &[Some(f64::NEG_INFINITY)]);
    }

    #[test]
    fn labels_may_hold_blanks_and_braces() {
        let (labels, _) = parse_series(r#"m {a="x {y} \" z", b='q'} 1"#).unwrap();
        assert_eq!(labels.get("a"), "x {y} \" z");
        assert_eq!(labels.name(), "m");
    }
}
