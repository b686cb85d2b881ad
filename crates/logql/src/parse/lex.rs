//! Splits a query into tokens with their positions.
//!
//! In: the text. Out: tokens, the last of which is [`Token::End`]. Bound: the length of the text,
//! which [`crate::parse`] limits.

use std::fmt;

use super::{ParseError, Position};
use crate::unit;

/// A token and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: Position,
}

/// One word of the language. Keywords are identifiers: the parser tells them apart by their place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Identifier(String),
    String(String),
    Number(f64),
    Duration(i64),
    Bytes(u64),
    /// `[5m]`, in nanoseconds.
    Range(i64),
    /// `--strict`
    Flag(String),
    Symbol(&'static str),
    End,
}

/// Longest first, so that the first that fits is the one meant.
const SYMBOLS: [&str; 30] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "|", "=", ">", "<", "{", "}", "(",
    ")", ",", "+", "-", "*", "/", "%", "^", "]", ".", ":", "!", "$",
];

impl fmt::Display for Token {
    /// Writes the token as Loki's parser names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Token::Identifier(name) if super::is_keyword(name) => name,
            Token::Identifier(_) => "IDENTIFIER",
            Token::String(_) => "STRING",
            Token::Number(_) => "NUMBER",
            Token::Duration(_) => "DURATION",
            Token::Bytes(_) => "BYTES",
            Token::Range(_) => "RANGE",
            Token::Flag(_) => "PARSER_FLAG",
            Token::Symbol(symbol) => symbol,
            Token::End => "$end",
        })
    }
}

/// Splits `text` into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut lexer = Lexer {
        rest: text,
        at: Position { line: 1, column: 1 },
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let at = lexer.at;
        let token = lexer.next(at)?;
        let is_last = token == Token::End;
        tokens.push(Placed { token, at });
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Lexer<'a> {
    /// Takes `len` bytes.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.at = self.at.after(taken);
        taken
    }

    /// Takes the characters for which `holds`.
    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !holds(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest.starts_with('#') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn next(&mut self, at: Position) -> Result<Token, ParseError> {
        let mut ahead = self.rest.chars();
        let Some(first) = ahead.next() else {
            return Ok(Token::End);
        };
        let second = ahead.next().unwrap_or(' ');
        match first {
            '"' | '`' => self.string(at, first),
            '[' => self.range(at),
            '0'..='9' => self.number(at),
            '.' if second.is_ascii_digit() => self.number(at),
            '-' if self.rest.starts_with("--") && ahead.next().is_some_and(char::is_alphabetic) => {
                self.take(2);
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '-');
                Ok(Token::Flag(name.to_owned()))
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                Ok(Token::Identifier(name.to_owned()))
            }
            _ => self.symbol(at, first),
        }
    }

    fn symbol(&mut self, at: Position, first: char) -> Result<Token, ParseError> {
        let known = SYMBOLS.iter().find(|known| self.rest.starts_with(**known));
        let Some(symbol) = known else {
            let message = format!("syntax error: unexpected character {first:?}");
            return Err(ParseError::new(at, message));
        };
        self.take(symbol.len());
        Ok(Token::Symbol(symbol))
    }

    fn string(&mut self, at: Position, quote: char) -> Result<Token, ParseError> {
        let unterminated = || ParseError::new(at, "literal not terminated");
        let body = &self.rest[1..];
        let len = if quote == '`' {
            body.find('`')
        } else {
            closing_quote(body)
        };
        let len = len.ok_or_else(unterminated)?;
        let raw = &body[..len];
        self.take(len + 2);
        if quote == '`' {
            return Ok(Token::String(raw.to_owned()));
        }
        let text = super::quote::unquote(raw)
            .ok_or_else(|| ParseError::new(at, "invalid char escape in string"))?;
        Ok(Token::String(text))
    }

    fn range(&mut self, at: Position) -> Result<Token, ParseError> {
        let Some(end) = self.rest.find(']') else {
            return Err(ParseError::new(at, "missing closing ']' in duration"));
        };
        let text = self.take(end + 1)[1..end].trim();
        match unit::parse_duration(text).filter(|nanos| *nanos > 0) {
            Some(nanos) => Ok(Token::Range(nanos)),
            None => {
                let message = format!("not a valid duration string: {text:?}");
                Err(ParseError::new(at, message))
            }
        }
    }

    fn number(&mut self, at: Position) -> Result<Token, ParseError> {
        let mut text = self
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | 'µ' | 'μ'))
            .to_owned();
        let is_exponent = text.ends_with(['e', 'E']) && !text.starts_with("0x");
        if is_exponent && self.rest.starts_with(['+', '-']) {
            text += self.take(1);
            text += self.take_while(|c| c.is_ascii_digit());
        }
        if let Some(value) = unit::parse_number(&text) {
            return Ok(Token::Number(value));
        }
        if let Some(nanos) = unit::parse_duration(&text) {
            return Ok(Token::Duration(nanos));
        }
        if let Some(bytes) = unit::parse_bytes(&text) {
            return Ok(Token::Bytes(bytes));
        }
        let message = format!("syntax error: invalid number, duration or size {text:?}");
        Err(ParseError::new(at, message))
    }
}

/// Returns where the quote is that ends a string; a line's end does not belong into one.
fn closing_quote(body: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            '\n' => return None,
            _ => {}
        }
    }
    None
}
