//! RE2's dialect on Rust's engine.
//!
//! The two differ in the classes of Perl: in RE2 `\d`, `\s`, `\w` and `\b` know ASCII only. They
//! are rewritten at their place in the pattern; all else means the same or is refused by both.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, Visitor};

/// The memory that one compiled pattern may take.
pub const PATTERN_MEMORY_MAX: usize = 4 << 20;

/// How deep a pattern may be nested.
const NEST_MAX: u32 = 200;

/// A pattern that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct PatternError {
    /// The pattern as it was written.
    pub pattern: String,
    /// What is wrong with it, in a few words.
    pub reason: String,
}

/// Compiles a pattern that must match a whole text, in which `.` matches newlines too.
pub fn anchored(pattern: &str) -> Result<Regex, PatternError> {
    let translated = translate(pattern)?;
    compile(pattern, &format!("^(?s:{translated})$"))
}

/// Compiles a pattern that is searched for within a text, in which `.` stops at newlines.
pub fn search(pattern: &str) -> Result<Regex, PatternError> {
    let translated = translate(pattern)?;
    compile(pattern, &translated)
}

fn compile(pattern: &str, translated: &str) -> Result<Regex, PatternError> {
    let mut builder = RegexBuilder::new(translated);
    builder
        .size_limit(PATTERN_MEMORY_MAX)
        .dfa_size_limit(PATTERN_MEMORY_MAX)
        .nest_limit(NEST_MAX);
    builder.build().map_err(|e| fault(pattern, &e.to_string()))
}

fn fault(pattern: &str, message: &str) -> PatternError {
    let last = message
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    PatternError {
        pattern: pattern.to_owned(),
        reason: in_words_of_re2(reason).to_owned(),
    }
}

/// Returns the words that RE2 has for the commonest faults.
fn in_words_of_re2(reason: &str) -> &str {
    match reason {
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "unclosed character class" => "missing closing ]",
        "repetition operator missing expression" => "missing argument to repetition operator",
        reason => reason,
    }
}

/// Returns the pattern with RE2's meaning in the syntax of Rust's engine.
pub fn translate(pattern: &str) -> Result<String, PatternError> {
    let parsed = ast::parse::ParserBuilder::new()
        .nest_limit(NEST_MAX)
        .build()
        .parse(pattern);
    let ast = parsed.map_err(|e| fault(pattern, &e.kind().to_string()))?;
    let edits = ast::visit(&ast, Edits::default()).map_err(|reason| fault(pattern, reason))?;
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut at = 0;
    for (start, end, replacement) in edits {
        translated += &pattern[at..start];
        translated += replacement;
        at = end;
    }
    translated += &pattern[at..];
    Ok(translated)
}

/// The replacements, in order of their places.
#[derive(Default)]
struct Edits(Vec<(usize, usize, &'static str)>);

impl Edits {
    fn perl(&mut self, class: &ast::ClassPerl) {
        let replacement = match (&class.kind, class.negated) {
            (ast::ClassPerlKind::Digit, false) => "[0-9]",
            (ast::ClassPerlKind::Digit, true) => "[^0-9]",
            (ast::ClassPerlKind::Space, false) => r"[\t\n\x0C\r ]",
            (ast::ClassPerlKind::Space, true) => r"[^\t\n\x0C\r ]",
            (ast::ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ast::ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.0
            .push((class.span.start.offset, class.span.end.offset, replacement));
    }
}

impl Visitor for Edits {
    type Output = Vec<(usize, usize, &'static str)>;
    type Err = &'static str;

    fn finish(mut self) -> Result<Self::Output, Self::Err> {
        self.0.sort_unstable();
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::ClassPerl(class) => self.perl(class),
            Ast::Assertion(assertion) => {
                let replacement = match assertion.kind {
                    ast::AssertionKind::WordBoundary => r"(?-u:\b)",
                    // Rust refuses an ASCII \B in a Unicode pattern: it could split a character.
                    ast::AssertionKind::NotWordBoundary => r"\B",
                    _ => return Ok(()),
                };
                let span = assertion.span;
                self.0
                    .push((span.start.offset, span.end.offset, replacement));
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        if let ast::ClassSetItem::Perl(class) = item {
            self.perl(class);
        }
        Ok(())
    }
}
