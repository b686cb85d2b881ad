//! From text to an expression, with the position and wording of Loki's errors.
//!
//! In: a query. Out: an [`Expr`] that was checked for what the grammar alone cannot tell.
//! Bound: [`QUERY_BYTES_MAX`], [`OPERATORS_MAX`] and [`DEPTH_MAX`], so that the tree is shallow
//! enough for recursion.

mod check;
mod label_filter;
mod lex;
mod log;
mod metric;
pub(crate) mod quote;
mod stage;

use std::fmt;

use weft_model::Matcher;

use crate::ast::{Expr, LogExpr};
use lex::{Placed, Token};

/// The most bytes of a query.
pub const QUERY_BYTES_MAX: usize = 256 * 1024;

/// The most operators, stages and conditions of a query.
pub const OPERATORS_MAX: usize = 1000;

/// How deep parentheses and calls may be nested.
pub const DEPTH_MAX: usize = 64;

/// A place in a query, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// Returns where one stands after `text`.
    fn after(self, text: &str) -> Position {
        text.chars().fold(self, |at, c| match c {
            '\n' => Position {
                line: at.line + 1,
                column: 1,
            },
            _ => Position {
                column: at.column + 1,
                ..at
            },
        })
    }
}

/// Why a text is not LogQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where, when one place is to blame.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    fn new(at: Position, message: impl Into<String>) -> ParseError {
        ParseError {
            position: Some(at),
            message: message.into(),
        }
    }

    /// Returns an error about the expression as a whole.
    fn whole(message: impl Into<String>) -> ParseError {
        ParseError {
            position: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(at) => write!(
                f,
                "parse error at line {}, col {}: {}",
                at.line, at.column, self.message
            ),
            None => write!(f, "parse error : {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

/// Parses an expression of any kind.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::of(text)?;
    let expr = parser.expr()?;
    parser.expect_end()?;
    check::expr(&expr)?;
    Ok(expr)
}

/// Parses an expression that asks for lines.
pub fn parse_log(text: &str) -> Result<LogExpr, ParseError> {
    match parse(text)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(ParseError::whole(
            "only log selector is supported, not a metric expression",
        )),
    }
}

/// Parses a stream selector without stages.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::of(text)?;
    let matchers = parser.selector()?;
    parser.expect_end()?;
    check::matchers(&matchers)?;
    Ok(matchers)
}

/// Tells whether an identifier is a word of the language; its name is then said in errors.
fn is_keyword(name: &str) -> bool {
    const KEYWORDS: [&str; 34] = [
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "bool",
        "offset",
        "json",
        "logfmt",
        "regexp",
        "pattern",
        "unpack",
        "unwrap",
        "line_format",
        "label_format",
        "drop",
        "keep",
        "decolorize",
        "and",
        "or",
        "unless",
        "ip",
        "vector",
        "label_replace",
        "sum",
        "avg",
        "count",
        "min",
        "max",
        "topk",
        "bottomk",
        "rate",
        "count_over_time",
    ];
    KEYWORDS.contains(&name)
}

/// Walks over the tokens of one query.
struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    operators: usize,
    depth: usize,
}

impl Parser {
    fn of(text: &str) -> Result<Parser, ParseError> {
        if text.len() > QUERY_BYTES_MAX {
            let message = format!("input size too long ({} > {QUERY_BYTES_MAX})", text.len());
            return Err(ParseError::whole(message));
        }
        Ok(Parser {
            tokens: lex::tokens(text)?,
            next: 0,
            operators: 0,
            depth: 0,
        })
    }

    fn expr(&mut self) -> Result<Expr, ParseError> {
        let opening = |placed: &&Placed| placed.token == Token::Symbol("(");
        let parentheses = self.tokens[self.next..].iter().take_while(opening).count();
        match self.ahead(parentheses) {
            Token::Symbol("{") => Ok(Expr::Log(self.log_expr()?)),
            Token::End if parentheses == 0 => Err(self.unexpected(&[])),
            _ => Ok(Expr::Metric(self.metric_expr()?)),
        }
    }

    fn peek(&self) -> &Token {
        self.ahead(0)
    }

    /// Returns the token after `count` others; past the end it is the end.
    fn ahead(&self, count: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + count).min(last)].token
    }

    fn at(&self) -> Position {
        self.tokens[self.next].at
    }

    /// Takes the next token; the end stays.
    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    /// Takes a symbol if it is next.
    fn eat(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes a keyword if it is next.
    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(word);
        self.next += usize::from(is_next);
        is_next
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(next) if *next == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Identifier(next) if next == word)
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.eat(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&[symbol]))
    }

    fn expect_end(&mut self) -> Result<(), ParseError> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.unexpected(&[])),
        }
    }

    fn identifier(&mut self) -> Result<String, ParseError> {
        match self.peek() {
            Token::Identifier(_) => {}
            _ => return Err(self.unexpected(&["IDENTIFIER"])),
        }
        match self.advance() {
            Token::Identifier(name) => Ok(name),
            _ => Err(self.unexpected(&["IDENTIFIER"])),
        }
    }

    fn string(&mut self) -> Result<String, ParseError> {
        let Token::String(text) = self.peek() else {
            return Err(self.unexpected(&["STRING"]));
        };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    /// Returns the error about the next token.
    fn unexpected(&self, expecting: &[&str]) -> ParseError {
        let mut message = format!("syntax error: unexpected {}", self.peek());
        if !expecting.is_empty() {
            message += &format!(", expecting {}", expecting.join(" or "));
        }
        ParseError::new(self.at(), message)
    }

    /// Counts an operator, stage or condition.
    fn count(&mut self) -> Result<(), ParseError> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            let message = format!("more than {OPERATORS_MAX} operators in one query");
            return Err(ParseError::new(self.at(), message));
        }
        Ok(())
    }

    /// Parses something that may contain itself.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Parser) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth >= DEPTH_MAX {
            let message = format!("expression nested deeper than {DEPTH_MAX}");
            return Err(ParseError::new(self.at(), message));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Parses items separated by commas.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Parser) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.eat(",") {
            self.count()?;
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests;
