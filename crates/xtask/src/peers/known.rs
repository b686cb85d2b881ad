//! Differences that have a reason.
//!
//! In: lines of `kind | pattern | reason`, where `*` in a pattern stands for any text. Out: the
//! reason of a difference. A line that explains nothing is a fault, unless its kind ends with `?`:
//! some differences are there at times only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::answer::Kind;

/// The lines and how often each was used.
pub(super) struct Known(Vec<Line>);

struct Line {
    kind: String,
    pattern: String,
    reason: String,
    at_times: bool,
    used: usize,
}

impl Known {
    pub(super) fn read(path: &Path) -> Result<Known> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Known::parse(&text).with_context(|| format!("read {}", path.display()))
    }

    fn parse(text: &str) -> Result<Known> {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parsed = lines.map(|line| {
            let mut words = line.splitn(3, " | ").map(|word| word.trim().to_owned());
            let mut next = || {
                words
                    .next()
                    .with_context(|| format!("{line:?} is too short"))
            };
            let kind = next()?;
            Ok(Line {
                at_times: kind.ends_with('?'),
                kind: kind.trim_end_matches('?').to_owned(),
                pattern: next()?,
                reason: next()?,
                used: 0,
            })
        });
        Ok(Known(parsed.collect::<Result<_>>()?))
    }

    /// Returns why a question's answers differ in this way, if that is known.
    pub(super) fn reason(&mut self, kind: Kind, text: &str) -> Option<&str> {
        let fits = |line: &&mut Line| line.kind == kind.word() && matches(&line.pattern, text);
        let line = self.0.iter_mut().find(fits)?;
        line.used += 1;
        Some(&line.reason)
    }

    /// Returns each reason with the number of differences it explains.
    pub(super) fn used(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|line| (line.reason.as_str(), line.used))
    }

    /// Returns the lines that explain nothing.
    pub(super) fn unused(&self) -> impl Iterator<Item = String> {
        let unused = self
            .0
            .iter()
            .filter(|line| line.used == 0 && !line.at_times);
        unused.map(|line| format!("{} | {}", line.kind, line.pattern))
    }
}

/// Tells whether a text fits a pattern.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("abs(x)", "abs(x)", true),
            ("abs(x)", "abs(x) ", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*a*b*", "xaybz", true),
            ("*a*b*", "xbya", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_explains_nothing_is_told() {
        let mut known =
            Known::parse("# c\nerror | a* | r\nvalue | b | s\ndata? | c | t\n").unwrap();
        assert_eq!(known.reason(Kind::Error, "ab"), Some("r"));
        assert_eq!(known.reason(Kind::Value, "ab"), None);
        assert_eq!(known.unused().collect::<Vec<_>>(), ["value | b"]);
    }
}
