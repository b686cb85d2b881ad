//! Line filters: substrings, regular expressions, patterns, addresses.

use memchr::memmem::Finder;
use regex::Regex;

use super::address::AddressSet;
use super::pattern::Pattern;
use crate::ast::{LineFilter, LineOp, LinePattern};

/// A compiled line filter.
#[derive(Clone, Debug)]
pub(crate) struct LineTest {
    tests: Vec<Test>,
    negative: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Everything,
    Contains(Box<Finder<'static>>),
    Regex(Regex),
    Pattern(Pattern),
    Ip(AddressSet),
}

impl LineTest {
    /// Compiles a filter.
    pub(crate) fn compile(filter: &LineFilter) -> Result<LineTest, String> {
        let compile = |pattern| compile_pattern(filter.op, pattern).map(|compiled| compiled.0);
        Ok(LineTest {
            tests: filter
                .patterns
                .iter()
                .map(compile)
                .collect::<Result<_, _>>()?,
            negative: filter.op.is_negative(),
        })
    }

    /// Tells whether a line passes.
    pub(crate) fn passes(&self, line: &str) -> bool {
        self.tests.iter().any(|test| test.holds(line)) != self.negative
    }
}

/// A pattern that was compiled, and so is sound.
pub(crate) struct CompiledPattern(Test);

/// Compiles one pattern of a filter.
pub(crate) fn compile_pattern(
    op: LineOp,
    pattern: &LinePattern,
) -> Result<CompiledPattern, String> {
    let text = match pattern {
        LinePattern::Ip(set) => {
            return AddressSet::parse(set).map(|set| CompiledPattern(Test::Ip(set)));
        }
        LinePattern::Text(text) => text,
    };
    let test = match op {
        _ if text.is_empty() && !matches!(op, LineOp::Pattern | LineOp::NotPattern) => {
            Test::Everything
        }
        LineOp::Contains | LineOp::NotContains => {
            Test::Contains(Box::new(Finder::new(text.as_bytes()).into_owned()))
        }
        LineOp::Matches | LineOp::NotMatches => {
            Test::Regex(weft_matcher::search(text).map_err(|e| e.to_string())?)
        }
        LineOp::Pattern | LineOp::NotPattern => Test::Pattern(Pattern::filter(text)?),
    };
    Ok(CompiledPattern(test))
}

impl Test {
    fn holds(&self, line: &str) -> bool {
        match self {
            Test::Everything => true,
            Test::Contains(finder) => finder.find(line.as_bytes()).is_some(),
            Test::Regex(regex) => regex.is_match(line),
            Test::Pattern(pattern) => pattern.fits(line),
            Test::Ip(set) => set.found_in(line),
        }
    }
}
