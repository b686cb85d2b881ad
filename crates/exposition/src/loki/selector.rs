//! The labels of a stream as Loki's clients write them: `{app="web", pod="web-1"}`.
//!
//! In: the text. Out: a label set. Names follow the grammar of labels, or are quoted; values are
//! quoted with `"` and Go's escapes, or raw between backticks.

use std::borrow::Cow;

use weft_model::Labels;
use weft_model::limits::LABELS_MAX;

use crate::fault::Problem;
use crate::quote;

/// Reads the labels of a stream.
pub fn parse_labels(text: &[u8]) -> Result<Labels, Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::LabelNotUtf8)?;
    let inner = text
        .trim()
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .ok_or(Problem::StreamLabels)?;
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(8);
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        if pairs.len() == LABELS_MAX {
            return Err(Problem::TooManyLabels);
        }
        let (pair, tail) = read_pair(rest).ok_or(Problem::StreamLabels)?;
        pairs.push(pair);
        rest = next_pair(tail).ok_or(Problem::StreamLabels)?;
    }
    let pairs = pairs
        .iter()
        .map(|(name, value)| Ok((name.as_bytes(), value.as_bytes())));
    crate::labels::admit(pairs)
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

fn read_pair(text: &str) -> Option<(Pair<'_>, &str)> {
    let (name, rest) = match text.starts_with(['"', '`']) {
        true => quote::read(text)?,
        false => {
            let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
            (Cow::Borrowed(&text[..end]), &text[end..])
        }
    };
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = quote::read(rest)?;
    Some(((name, value), rest))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.')
}

/// Skips a comma; there may be one after the last pair.
fn next_pair(text: &str) -> Option<&str> {
    let text = text.trim_start();
    match text.strip_prefix(',') {
        Some(rest) => Some(rest.trim_start()),
        None => text.is_empty().then_some(text),
    }
}
