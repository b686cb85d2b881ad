//! The pattern language: `<ip> - <_> "<method> <path> <_>"`.
//!
//! In: a pattern and a line. Out: the texts that stand where the names do, or whether the line
//! fits. Bound: time linear in the line for each capture.

use memchr::memmem;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Literal(String),
    /// A capture; `<_>` has no name.
    Capture(Option<String>),
}

impl Pattern {
    /// Compiles the pattern of a parser stage: with at least one name, each once.
    pub(crate) fn parser(text: &str) -> Result<Pattern, String> {
        let pattern = Pattern::compile(text)?;
        let mut names: Vec<_> = pattern.names().collect();
        if names.is_empty() {
            return Err(format!(
                "at least one capture is required in pattern {text:?}"
            ));
        }
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "duplicate capture name ({}): invalid pattern",
                pair[0]
            ));
        }
        Ok(pattern)
    }

    /// Compiles the pattern of a line filter: without names.
    pub(crate) fn filter(text: &str) -> Result<Pattern, String> {
        let pattern = Pattern::compile(text)?;
        if let Some(name) = pattern.names().next() {
            return Err(format!(
                "named captures are not allowed in a line filter: <{name}>"
            ));
        }
        Ok(pattern)
    }

    fn compile(text: &str) -> Result<Pattern, String> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (node, len) = match capture(rest) {
                Some((name, len)) => (Node::Capture(name), len),
                None => {
                    let after_first = rest.chars().next().map_or(1, char::len_utf8);
                    let next = (after_first..rest.len())
                        .find(|at| rest.is_char_boundary(*at) && capture(&rest[*at..]).is_some());
                    let len = next.unwrap_or(rest.len());
                    (Node::Literal(rest[..len].to_owned()), len)
                }
            };
            if matches!(
                (nodes.last(), &node),
                (Some(Node::Capture(_)), Node::Capture(_))
            ) {
                return Err(format!("consecutive captures in pattern {text:?}"));
            }
            nodes.push(node);
            rest = &rest[len..];
        }
        Ok(Pattern { nodes })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Capture(Some(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns the literal parts.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Literal(text) => Some(text.as_str()),
            Node::Capture(_) => None,
        })
    }

    /// Visits what the named captures hold, as far as the line follows the pattern. The first
    /// literal may stand anywhere unless the pattern begins with a capture.
    pub(crate) fn captures<'a>(&'a self, line: &'a str, mut visit: impl FnMut(&'a str, &'a str)) {
        let mut rest = line;
        let mut nodes = self.nodes.iter().peekable();
        if let Some(Node::Literal(first)) = nodes.peek() {
            nodes.next();
            let Some(at) = memmem::find(rest.as_bytes(), first.as_bytes()) else {
                return;
            };
            rest = &rest[at + first.len()..];
        }
        while let Some(node) = nodes.next() {
            let Node::Capture(name) = node else {
                continue;
            };
            let (held, after) = match nodes.peek() {
                Some(Node::Literal(end)) => match memmem::find(rest.as_bytes(), end.as_bytes()) {
                    Some(at) => (&rest[..at], Some(&rest[at + end.len()..])),
                    None => (rest, None),
                },
                _ => (rest, None),
            };
            if let Some(name) = name {
                visit(name, held);
            }
            match after {
                Some(after) => rest = after,
                None => return,
            }
        }
    }

    /// Tells whether a line fits the pattern from its beginning to its end.
    pub(crate) fn fits(&self, line: &str) -> bool {
        let mut rest = line;
        let mut nodes = self.nodes.iter().peekable();
        while let Some(node) = nodes.next() {
            match node {
                Node::Literal(text) => match rest.strip_prefix(text.as_str()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Node::Capture(_) => match nodes.next() {
                    None => return !rest.is_empty(),
                    Some(Node::Literal(end)) if nodes.peek().is_none() => {
                        return rest.len() > end.len() && rest.ends_with(end.as_str());
                    }
                    Some(Node::Literal(end)) => {
                        // A capture holds at least one character.
                        let from = rest.chars().next().map_or(0, char::len_utf8);
                        match memmem::find(&rest.as_bytes()[from..], end.as_bytes()) {
                            Some(at) => rest = &rest[from + at + end.len()..],
                            None => return false,
                        }
                    }
                    Some(Node::Capture(_)) => return false,
                },
            }
        }
        rest.is_empty()
    }
}

/// Reads `<name>` or `<_>` at the beginning of a text; returns the name and the length.
fn capture(text: &str) -> Option<(Option<String>, usize)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find('>')?;
    let name = &inner[..end];
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named = (name != "_").then(|| name.to_owned());
    (starts_well && is_name).then_some((named, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_captures(pattern: &str, line: &str, expected: &[(&str, &str)]) {
        let pattern = Pattern::parser(pattern).unwrap();
        let mut captured = Vec::new();
        pattern.captures(line, |name, held| captured.push((name, held)));
        assert_eq!(captured, expected, "{line}");
    }

    #[test]
    fn captures_hold_what_stands_between_the_literals() {
        let pattern = r#"<ip> - - <_> "<method> <path> <_>" <status> <size>"#;
        let line = r#"1.2.3.4 - - [x] "GET /a/b HTTP/1.1" 200 55"#;
        let expected = [
            ("ip", "1.2.3.4"),
            ("method", "GET"),
            ("path", "/a/b"),
            ("status", "200"),
            ("size", "55"),
        ];
        check_captures(pattern, line, &expected);
        check_captures("level=<level> ", "x level=info y", &[("level", "info")]);
        check_captures("a=<a> b=<b>", "a=1", &[("a", "1")]);
        check_captures("zzz<a>", "nothing", &[]);
    }

    #[test]
    fn a_filter_fits_whole_lines() {
        for (pattern, line, fits) in [
            ("<_> level=error <_>", "ts=1 level=error msg=x", true),
            ("<_> level=error <_>", "ts=1 level=info msg=x", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("abc<_>", "abcd", true),
            ("<_>d", "abcd", true),
            ("<_>a<_>c", "xaybc", true),
            ("", "", true),
        ] {
            assert_eq!(
                Pattern::filter(pattern).unwrap().fits(line),
                fits,
                "{pattern} {line}"
            );
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for text in ["", "abc", "<_>", "<a><b>", "<a> <a>"] {
            assert!(Pattern::parser(text).is_err(), "{text}");
        }
        assert!(Pattern::filter("<a>").is_err());
    }
}
