//! Label matchers with the semantics of RE2, compiled once.
//!
//! In: a [`Matcher`](weft_model::Matcher) as a user wrote it. Out: a [`LabelMatcher`] that answers
//! for a value in as little time as the pattern allows: a comparison, a set, a prefix, a regex.
//! Bound: a compiled pattern has at most [`PATTERN_MEMORY_MAX`] bytes.

mod re2;
mod test;

use std::fmt;

use weft_model::{MatchOp, Matcher};

pub use re2::{PATTERN_MEMORY_MAX, PatternError, anchored, search, translate};
use test::Test;

/// A compiled condition on one label.
#[derive(Clone)]
pub struct LabelMatcher {
    matcher: Matcher,
    test: Test,
}

impl LabelMatcher {
    /// Compiles a matcher; fails on a pattern that RE2 would refuse or that grows too large.
    pub fn compile(matcher: &Matcher) -> Result<LabelMatcher, PatternError> {
        let test = match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Set(vec![matcher.value.clone()]),
            MatchOp::Regex | MatchOp::NotRegex => Test::of_pattern(&matcher.value)?,
        };
        Ok(LabelMatcher {
            matcher: matcher.clone(),
            test,
        })
    }

    /// Compiles several matchers, up to the first that is at fault.
    pub fn compile_all(matchers: &[Matcher]) -> Result<Vec<LabelMatcher>, PatternError> {
        matchers.iter().map(LabelMatcher::compile).collect()
    }

    /// Returns the matcher as it was written.
    pub fn source(&self) -> &Matcher {
        &self.matcher
    }

    /// Returns the label's name.
    pub fn name(&self) -> &str {
        &self.matcher.name
    }

    /// Tells whether a value fulfils the condition; an absent label has the empty value.
    pub fn matches(&self, value: &str) -> bool {
        self.test.holds(value) != self.is_negative()
    }

    /// Tells whether a label that is absent fulfils the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Tells whether the operator is `!=` or `!~`.
    pub fn is_negative(&self) -> bool {
        matches!(self.matcher.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// Returns the values that fulfil the positive condition, when they are few and known:
    /// sorted, distinct. For a negative operator these are the values that do not.
    pub fn set(&self) -> Option<&[String]> {
        match &self.test {
            Test::Set(values) => Some(values),
            _ => None,
        }
    }

    /// Returns what every value begins with that fulfils the positive condition; may be empty.
    pub fn prefix(&self) -> &str {
        self.test.prefix()
    }
}

impl fmt::Debug for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.matcher, f)
    }
}
