//! Conditions on labels.

use weft_matcher::{LabelMatcher, anchored};
use weft_model::{MatchOp, Matcher};

use crate::take_byte;

/// A matcher answers as its whole pattern would, whatever is made of it: a set, a prefix, a text
/// within. The pattern is the first line, the others are values.
pub fn selectors(bytes: &[u8]) {
    let mut rest = bytes;
    let op = [
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ][usize::from(take_byte(&mut rest) % 4)];
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.split('\n');
    let pattern = lines.next().unwrap_or_default();
    let Ok(matcher) = LabelMatcher::compile(&Matcher::new("name", op, pattern)) else {
        return;
    };
    let of_pattern = matches!(op, MatchOp::Regex | MatchOp::NotRegex)
        .then(|| anchored(pattern).expect("it was just compiled"));
    let known = matcher.set().unwrap_or_default().iter();
    let values: Vec<&str> = lines
        .chain(known.map(String::as_str))
        .chain(["", pattern])
        .collect();
    for value in values {
        let holds = match &of_pattern {
            Some(regex) => regex.is_match(value),
            None => value == pattern,
        };
        assert_eq!(
            matcher.matches(value),
            holds != matcher.is_negative(),
            "{value:?}"
        );
        assert!(!holds || value.starts_with(matcher.prefix()), "{value:?}");
        if let Some(set) = matcher.set() {
            assert_eq!(set.iter().any(|it| it == value), holds, "{value:?}");
        }
    }
    assert_eq!(matcher.matches_empty(), matcher.matches(""));
}
