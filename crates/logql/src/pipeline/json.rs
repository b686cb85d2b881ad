//! The `json` and `unpack` stages, on a scanner that makes no tree.
//!
//! In: a line. Out: a label for every scalar, nested keys joined with `_`; arrays are skipped
//! unless an expression asks for them. Bound: nesting of [`DEPTH_MAX`].

mod scan;

use std::borrow::Cow;

use super::json_path::Step;
use super::row::{Row, sanitize_into};
use scan::{Scanner, Token};

/// How deep objects and arrays may be nested.
const DEPTH_MAX: usize = 128;

/// Extracts every scalar of an object.
pub(super) fn extract_all(line: &str, row: &mut Row<'_>) -> Result<(), String> {
    let mut scanner = Scanner::new(line);
    scanner.expect_object()?;
    let mut prefix = String::new();
    flatten(&mut scanner, &mut prefix, row, 0)?;
    scanner.expect_end()
}

/// Reads the members of an object whose brace was taken.
fn flatten(
    scanner: &mut Scanner<'_>,
    prefix: &mut String,
    row: &mut Row<'_>,
    depth: usize,
) -> Result<(), String> {
    if depth == DEPTH_MAX {
        return Err(format!("nested deeper than {DEPTH_MAX}"));
    }
    let len = prefix.len();
    while let Some(key) = scanner.next_key()? {
        if !prefix.is_empty() {
            prefix.push('_');
        }
        sanitize_into(&key, prefix);
        match scanner.value()? {
            Token::Object => flatten(scanner, prefix, row, depth + 1)?,
            Token::Array => scanner.skip_array(depth + 1)?,
            Token::String(text) => row.extract(prefix, &text),
            Token::Other("null") => {}
            Token::Other(text) => row.extract(prefix, text),
        }
        prefix.truncate(len);
    }
    Ok(())
}

/// Extracts what the paths lead to; a path that leads nowhere yields an empty label.
pub(super) fn extract_paths(
    line: &str,
    paths: &[(String, Vec<Step>)],
    row: &mut Row<'_>,
) -> Result<(), String> {
    let mut whole = Scanner::new(line);
    whole.skip_value(0)?;
    whole.expect_end()?;
    for (name, path) in paths {
        let found = follow(Scanner::new(line), path)?;
        row.extract(name, &found.unwrap_or_default());
    }
    Ok(())
}

fn follow<'a>(mut scanner: Scanner<'a>, path: &[Step]) -> Result<Option<Cow<'a, str>>, String> {
    for step in path {
        let found = match (step, scanner.value()?) {
            (Step::Key(key), Token::Object) => scanner.seek_key(key)?,
            (Step::Index(index), Token::Array) => scanner.seek_index(*index)?,
            _ => false,
        };
        if !found {
            return Ok(None);
        }
    }
    let raw = scanner.raw_value()?;
    Ok(match Scanner::new(raw).value()? {
        Token::String(text) => Some(text),
        Token::Other("null") => None,
        _ => Some(Cow::Borrowed(raw)),
    })
}

/// Extracts the strings of an object made by a shipper's `pack`; returns the line within.
pub(super) fn unpack(line: &str, row: &mut Row<'_>) -> Result<Option<String>, String> {
    let mut scanner = Scanner::new(line);
    scanner.expect_object()?;
    let mut packed = None;
    while let Some(key) = scanner.next_key()? {
        match scanner.value()? {
            Token::String(text) if key == "_entry" => packed = Some(text.into_owned()),
            Token::String(text) => row.extract(&key, &text),
            Token::Object => scanner.skip_object(1)?,
            Token::Array => scanner.skip_array(1)?,
            Token::Other(_) => {}
        }
    }
    scanner.expect_end()?;
    Ok(packed)
}
