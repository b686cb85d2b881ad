//! Labels between braces, and the escapes of the text formats.
//!
//! In: `a="b",c="d"`, where a name may be quoted and a quoted text alone is the metric's name.
//! Out: pairs. Only `\\`, `\"` and `\n` are escapes; another backslash stands for itself.

use std::borrow::Cow;

use weft_model::limits::LABELS_MAX;
use weft_model::{Labels, METRIC_NAME};

use crate::fault::Problem;

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Reads a series from its name, empty when it is among the labels, and what is between braces.
pub(super) fn read(name: &str, inside: &str) -> Result<Labels, Problem> {
    let mut pairs: Vec<Pair<'_>> = Vec::with_capacity(8);
    if !name.is_empty() {
        pairs.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name)));
    }
    let mut rest = inside.trim_start();
    while !rest.is_empty() {
        if pairs.len() > LABELS_MAX {
            return Err(Problem::TooManyLabels);
        }
        let (pair, tail) = read_pair(rest).ok_or(Problem::LabelMalformed)?;
        pairs.push(pair);
        rest = next_pair(tail).ok_or(Problem::LabelMalformed)?;
    }
    crate::labels::admit(
        pairs
            .iter()
            .map(|(name, value)| Ok((name.as_bytes(), value.as_bytes()))),
    )
}

fn read_pair(text: &str) -> Option<(Pair<'_>, &str)> {
    let quoted = text.starts_with('"');
    let (name, rest) = match quoted {
        true => read_quoted(text)?,
        false => {
            let end = text.find(['=', ' ', '\t', ',', '"'])?;
            (Cow::Borrowed(&text[..end]), &text[end..])
        }
    };
    let rest = rest.trim_start();
    match rest.strip_prefix('=') {
        Some(rest) => {
            let (value, rest) = read_quoted(rest.trim_start())?;
            Some(((name, value), rest))
        }
        None => quoted.then_some(((Cow::Borrowed(METRIC_NAME), name), rest)),
    }
}

/// Skips a comma; there may be one after the last pair.
fn next_pair(text: &str) -> Option<&str> {
    let text = text.trim_start();
    match text.strip_prefix(',') {
        Some(rest) => Some(rest.trim_start()),
        None => text.is_empty().then_some(text),
    }
}

/// Reads a quoted text; returns it and what follows its closing quote.
pub(super) fn read_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = quoted_len(inner.as_bytes())?;
    Some((unescape(&inner[..end]), &inner[end + 1..]))
}

/// Returns where the closing quote is of a text whose opening quote was cut off.
pub(super) fn quoted_len(inner: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', inner.get(at..)?)?;
        if inner[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Undoes the escapes; what has none is borrowed.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some(escaped @ ('\\' | '"')) => plain.push(escaped),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    Cow::Owned(plain)
}
