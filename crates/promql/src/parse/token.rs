//! Tokens and how error messages name them.

use crate::ast::{AggregateOp, Span, quote};

/// A piece of the query.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) span: Span,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name without a colon; keywords are told apart where they are expected.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=` in a selector.
    Assign,
    /// An operator in symbols.
    Operator,
    End,
    /// What cannot be read; the lexer keeps the message.
    Error,
}

const KEYWORDS: [&str; 8] = [
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "without",
];

const OPERATOR_WORDS: [&str; 4] = ["and", "or", "unless", "atan2"];

/// Returns the aggregation of this name.
pub(super) fn aggregate_op(word: &str) -> Option<AggregateOp> {
    let found = |op: &AggregateOp| op.as_str().eq_ignore_ascii_case(word);
    AggregateOp::ALL.into_iter().find(found)
}

/// Tells whether a name has a meaning that keeps it from being a metric.
pub(super) fn is_reserved(word: &str) -> bool {
    let is = |reserved: &&str| reserved.eq_ignore_ascii_case(word);
    let reserved = [
        "bool",
        "group_left",
        "group_right",
        "ignoring",
        "on",
        "atan2",
    ];
    reserved.iter().any(is)
}

/// Returns the words by which a message names a token.
pub(super) fn describe(kind: TokenKind, text: &str) -> String {
    match kind {
        TokenKind::End => "end of input".to_owned(),
        TokenKind::Identifier => describe_word(text),
        TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
        TokenKind::Number => format!("number {}", clipped(text)),
        TokenKind::Duration => format!("duration {}", clipped(text)),
        TokenKind::String => format!("string {}", clipped(text)),
        TokenKind::Operator => format!("<op:{text}>"),
        TokenKind::At => format!("<op:{text}>"),
        _ => quote(text),
    }
}

fn describe_word(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if aggregate_op(&lower).is_some() {
        format!("<aggr:{text}>")
    } else if OPERATOR_WORDS.contains(&lower.as_str()) {
        format!("<op:{text}>")
    } else if KEYWORDS.contains(&lower.as_str()) {
        format!("<{text}>")
    } else if lower == "inf" || lower == "nan" {
        format!("number {}", clipped(text))
    } else {
        format!("identifier {}", quote(text))
    }
}

fn clipped(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text);
    }
    let head: String = text.chars().take(10).collect();
    format!("{}...", quote(&head))
}
