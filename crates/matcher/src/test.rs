//! The cheapest way to test a value against an anchored pattern.

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

use crate::re2::{PatternError, anchored, translate};

/// How many alternatives are kept as a set.
const SET_MAX: usize = 4096;

/// A compiled positive condition.
#[derive(Clone)]
pub(crate) enum Test {
    /// One of these values: sorted, distinct.
    Set(Vec<String>),
    /// Anything.
    All,
    /// Anything but the empty value.
    NotEmpty,
    /// Anything that begins so.
    Prefix(String),
    /// What the regex matches, which begins with `prefix`.
    Regex { prefix: String, regex: Regex },
}

impl Test {
    pub(crate) fn of_pattern(pattern: &str) -> Result<Test, PatternError> {
        match pattern {
            ".*" => return Ok(Test::All),
            ".+" => return Ok(Test::NotEmpty),
            _ => {}
        }
        let regex = anchored(pattern)?;
        let translated = format!("(?s:{})", translate(pattern)?);
        let hir = regex_syntax::parse(&translated).ok();
        if let Some(mut values) = hir.as_ref().and_then(|hir| literals(hir, SET_MAX)) {
            values.sort_unstable();
            values.dedup();
            return Ok(Test::Set(values));
        }
        let prefix = hir.as_ref().map(prefix_of).unwrap_or_default();
        if let Some(rest) = pattern.strip_suffix(".*").filter(|rest| *rest == prefix) {
            return Ok(Test::Prefix(rest.to_owned()));
        }
        Ok(Test::Regex { prefix, regex })
    }

    pub(crate) fn holds(&self, value: &str) -> bool {
        match self {
            Test::Set(values) => match values.as_slice() {
                [only] => only == value,
                _ => values
                    .binary_search_by(|known| known.as_str().cmp(value))
                    .is_ok(),
            },
            Test::All => true,
            Test::NotEmpty => !value.is_empty(),
            Test::Prefix(prefix) => value.starts_with(prefix),
            Test::Regex { prefix, regex } => value.starts_with(prefix) && regex.is_match(value),
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        match self {
            Test::Prefix(prefix) | Test::Regex { prefix, .. } => prefix,
            _ => "",
        }
    }
}

/// Returns all texts that match, if the pattern is nothing but alternatives of literals.
fn literals(hir: &Hir, most: usize) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Capture(capture) => literals(&capture.sub, most),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            let count: usize = class
                .iter()
                .map(regex_syntax::hir::ClassUnicodeRange::len)
                .sum();
            if count > 16.min(most) {
                return None;
            }
            let of_range =
                |range: &regex_syntax::hir::ClassUnicodeRange| range.start()..=range.end();
            Some(class.iter().flat_map(of_range).map(String::from).collect())
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(literals(branch, most)?);
                if all.len() > most {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                let tails = literals(part, most)?;
                if all.len() * tails.len() > most {
                    return None;
                }
                let joined = |head: &String| {
                    tails
                        .iter()
                        .map(|t| format!("{head}{t}"))
                        .collect::<Vec<_>>()
                };
                all = all.iter().flat_map(joined).collect();
            }
            Some(all)
        }
        HirKind::Repetition(repetition) if repetition.min == 0 && repetition.max == Some(1) => {
            let mut all = literals(&repetition.sub, most)?;
            all.push(String::new());
            Some(all)
        }
        _ => None,
    }
}

/// Returns a text with which every match begins.
fn prefix_of(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).unwrap_or_default(),
        HirKind::Capture(capture) => prefix_of(&capture.sub),
        HirKind::Concat(parts) => {
            let mut prefix = String::new();
            for part in parts {
                let Some(mut whole) = literals(part, 1) else {
                    return prefix + &prefix_of(part);
                };
                prefix += &whole.pop().unwrap_or_default();
            }
            prefix
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pattern: &str, expected: Option<&[&str]>) {
        let test = Test::of_pattern(pattern).unwrap();
        let found = match &test {
            Test::Set(values) => Some(values.iter().map(String::as_str).collect::<Vec<_>>()),
            _ => None,
        };
        assert_eq!(found.as_deref(), expected, "{pattern}");
    }

    #[test]
    fn alternatives_of_literals_become_a_set() {
        set("a|b|a", Some(&["a", "b"]));
        set(
            "node_(cpu|mem)_total",
            Some(&["node_cpu_total", "node_mem_total"]),
        );
        set("a?b", Some(&["ab", "b"]));
        set("", Some(&[""]));
        set("x[12]", Some(&["x1", "x2"]));
        set("a.b", None);
        set("(?i)a", Some(&["A", "a"]));
    }

    #[test]
    fn a_prefix_is_found() {
        for (pattern, prefix) in [
            ("node_0[0-4].*", "node_0"),
            ("ab.*", "ab"),
            ("a|b.*", ""),
            (".*x", ""),
        ] {
            assert_eq!(
                Test::of_pattern(pattern).unwrap().prefix(),
                prefix,
                "{pattern}"
            );
        }
    }

    #[test]
    fn matching_is_anchored_and_a_dot_matches_newlines() {
        for (pattern, value, expected) in [
            ("a", "ab", false),
            ("a.*", "a\nb", true),
            (".*", "", true),
            (".+", "", false),
            ("ab.*", "abc", true),
            (r"\d+", "12", true),
            (r"\d+", "١٢", false),
            (r"[\d.]+", "1.2", true),
            (r"\w", "ä", false),
            ("(?i)ERR(or)?", "error", true),
            ("x|y.*z", "ybz", true),
        ] {
            assert_eq!(
                Test::of_pattern(pattern).unwrap().holds(value),
                expected,
                "{pattern} {value}"
            );
        }
    }

    #[test]
    fn a_bad_pattern_says_why() {
        let fault = Test::of_pattern("a(b").err().unwrap();
        assert_eq!(
            fault.to_string(),
            r#"invalid regular expression "a(b": missing closing )"#
        );
        assert!(Test::of_pattern("(a{1000}){1000}").is_err());
    }
}
