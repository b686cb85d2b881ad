//! The `logfmt` stage: `key=value other="quoted value" bare`.

use std::borrow::Cow;

use super::row::Row;
use crate::ast::Logfmt;

/// The compiled stage.
#[derive(Clone, Debug)]
pub(super) struct Options {
    strict: bool,
    keep_empty: bool,
    /// The labels and their keys; none extracts all.
    wanted: Vec<(String, String)>,
}

impl Options {
    pub(super) fn of(stage: &Logfmt) -> Options {
        let pair = |e: &crate::ast::Extraction| (e.name.clone(), e.expression.clone());
        Options {
            strict: stage.strict,
            keep_empty: stage.keep_empty,
            wanted: stage.expressions.iter().map(pair).collect(),
        }
    }
}

/// Extracts labels from a line; malformed pairs are skipped unless the stage is strict.
pub(super) fn extract(line: &str, options: &Options, row: &mut Row<'_>) -> Result<(), String> {
    let mut rest = line.trim_start_matches(is_space);
    while !rest.is_empty() {
        match pair(rest) {
            Ok((key, value, after)) => {
                accept(key, &value, options, row);
                rest = after.trim_start_matches(is_space);
            }
            Err(message) if options.strict => {
                return Err(format!("{message} at pos {}", line.len() - rest.len() + 1));
            }
            Err(_) => {
                let end = rest.find(is_space).unwrap_or(rest.len());
                rest = rest[end..].trim_start_matches(is_space);
            }
        }
    }
    Ok(())
}

fn accept(key: &str, value: &str, options: &Options, row: &mut Row<'_>) {
    if value.is_empty() && !options.keep_empty {
        return;
    }
    if options.wanted.is_empty() {
        row.extract(key, value);
        return;
    }
    for (name, _) in options.wanted.iter().filter(|(_, wanted)| wanted == key) {
        row.extract(name, value);
    }
}

fn is_space(c: char) -> bool {
    c <= ' '
}

type Pair<'a> = (&'a str, Cow<'a, str>, &'a str);

/// Reads one pair; returns the key, the value and what follows.
fn pair(text: &str) -> Result<Pair<'_>, &'static str> {
    let end = text.find(|c| is_space(c) || matches!(c, '=' | '"'));
    let end = end.unwrap_or(text.len());
    let (key, after) = text.split_at(end);
    if key.is_empty() {
        return Err("unexpected character in key");
    }
    let Some(after) = after.strip_prefix('=') else {
        let is_bare = !after.starts_with('"');
        return is_bare
            .then_some((key, Cow::Borrowed(""), after))
            .ok_or("unexpected quote in key");
    };
    if let Some(quoted) = after.strip_prefix('"') {
        let (value, after) = quoted_value(quoted)?;
        return Ok((key, value, after));
    }
    let end = after.find(is_space).unwrap_or(after.len());
    let (value, after) = after.split_at(end);
    if value.contains(['"', '=']) {
        return Err("unexpected character in value");
    }
    Ok((key, Cow::Borrowed(value), after))
}

fn quoted_value(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut escaped = false;
    let mut has_escape = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                has_escape = true;
            }
            '"' => {
                let (raw, after) = (&text[..at], &text[at + 1..]);
                let value = if has_escape {
                    let value = crate::parse::quote::unquote(raw);
                    Cow::Owned(value.ok_or("invalid quoted value")?)
                } else {
                    Cow::Borrowed(raw)
                };
                return Ok((value, after));
            }
            _ => {}
        }
    }
    Err("unterminated quoted value")
}
