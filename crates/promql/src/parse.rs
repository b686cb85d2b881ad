//! Text to expression tree: a recursive descent over tokens, with Prometheus's error texts.
//!
//! In: a query. Out: a checked [`Expr`], or the first fault with its place. Bound:
//! [`INPUT_BYTES_MAX`], [`DEPTH_MAX`]
//! and [`HEIGHT_MAX`].

mod check;
mod duration;
mod expr;
mod lex;
mod modifier;
mod number;
mod selector;
mod token;
mod unquote;

use weft_model::Matcher;

use crate::ast::{Expr, ExprKind, Span};
use expr::Parser;

pub use number::{parse_duration_seconds, parse_number};
pub use unquote::unquote;

/// The bytes that a query may have.
pub const INPUT_BYTES_MAX: usize = 1 << 20;

/// How deep expressions may be nested.
pub const DEPTH_MAX: usize = 100;

/// How high the tree of an expression may be; a chain of operators is as high as it is long.
pub const HEIGHT_MAX: usize = 250;

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: parse error: {message}", self.place())]
pub struct ParseError {
    /// The line, from 1; 0 in a query without any text.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    fn place(&self) -> String {
        match self.line {
            0 => "unknown position".to_owned(),
            line => format!("{line}:{}", self.column),
        }
    }
}

/// A fault and the bytes that it concerns.
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Fault {
        let message = message.into();
        Fault { span, message }
    }

    fn into_error(self, input: &str) -> ParseError {
        let rest = input.get(self.span.start as usize..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let (line, column) = if input.is_empty() {
            (0, 0)
        } else {
            line_column(input, self.span.start + blanks as u32)
        };
        ParseError {
            line,
            column,
            message: self.message,
        }
    }
}

/// Returns line and column of a byte, both from 1.
pub(crate) fn line_column(input: &str, at: u32) -> (u32, u32) {
    let at = (at as usize).min(input.len());
    let before = &input.as_bytes()[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    (line, (at - line_start) as u32 + 1)
}

/// Parses a query and checks its types.
pub fn parse(input: &str) -> Result<Expr, ParseError> {
    let parsed = parser(input).and_then(|mut parser| parser.parse_query());
    let checked = parsed.and_then(|expr| check::check(&expr).map(|()| expr));
    checked.map_err(|fault| fault.into_error(input))
}

/// Parses an instant selector without modifiers, such as a `match[]` parameter.
pub fn parse_selector(input: &str) -> Result<Vec<Matcher>, ParseError> {
    let parsed = parser(input).and_then(|mut parser| parser.parse_selector_only());
    let checked = parsed.and_then(|expr| {
        check::check(&expr)?;
        match expr.kind {
            ExprKind::Selector(selector) => Ok(selector.matchers),
            _ => Err(Fault::new(expr.span, "expected a selector")),
        }
    });
    checked.map_err(|fault| fault.into_error(input))
}

fn parser(input: &str) -> Result<Parser<'_>, Fault> {
    if input.len() > INPUT_BYTES_MAX {
        let message = format!("query is longer than {INPUT_BYTES_MAX} bytes");
        return Err(Fault::new(Span::default(), message));
    }
    Ok(Parser::new(input))
}
