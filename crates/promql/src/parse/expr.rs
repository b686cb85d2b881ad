//! Expressions: operators by precedence, then what stands between them.

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ExprKind, Number, Span, Unary, UnaryOp,
    function, quote,
};

use super::lex::Lexer;
use super::token::{Token, TokenKind, aggregate_op, describe, is_reserved};
use super::{DEPTH_MAX, Fault, HEIGHT_MAX, number, unquote};

pub(super) struct Parser<'a> {
    pub(super) input: &'a str,
    lexer: Lexer<'a>,
    /// The next two tokens; the second is read when it is asked for.
    token: Token,
    second: Option<Token>,
    /// Where the last token ended.
    pub(super) last_end: u32,
    depth: usize,
    /// The height of the tree that was read last.
    pub(super) height: usize,
    /// A fault after which reading went on; the first one counts.
    soft: Option<Fault>,
}

/// How strongly a sign binds: like a multiplication.
const SIGN_PRECEDENCE: u8 = 5;

impl<'a> Parser<'a> {
    pub(super) fn new(input: &'a str) -> Parser<'a> {
        let mut lexer = Lexer::new(input);
        let token = lexer.next_token();
        Parser {
            input,
            lexer,
            token,
            second: None,
            last_end: 0,
            depth: 0,
            height: 0,
            soft: None,
        }
    }

    pub(super) fn parse_query(&mut self) -> Result<Expr, Fault> {
        if self.at(TokenKind::End) {
            return Err(Fault::new(Span::default(), "no expression found in input"));
        }
        let parsed = self.parse_expr(0).and_then(|expr| self.finish(expr));
        self.first_fault(parsed)
    }

    pub(super) fn parse_selector_only(&mut self) -> Result<Expr, Fault> {
        let parsed = self
            .parse_selector()
            .and_then(|selector| self.finish(selector));
        self.first_fault(parsed)
    }

    fn finish(&mut self, expr: Expr) -> Result<Expr, Fault> {
        if self.at(TokenKind::End) {
            Ok(expr)
        } else {
            Err(self.unexpected("", ""))
        }
    }

    fn first_fault(&mut self, parsed: Result<Expr, Fault>) -> Result<Expr, Fault> {
        match self.soft.take() {
            Some(fault) => Err(fault),
            None => parsed,
        }
    }

    /// Notes a fault and goes on, so that the first fault is the one that is told.
    pub(super) fn note(&mut self, span: Span, message: impl Into<String>) {
        self.soft.get_or_insert_with(|| Fault::new(span, message));
    }

    pub(super) fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    pub(super) fn text(&self) -> &'a str {
        self.text_of(self.token.span)
    }

    pub(super) fn text_of(&self, span: Span) -> &'a str {
        &self.input[span.start as usize..span.end as usize]
    }

    pub(super) fn span(&self) -> Span {
        self.token.span
    }

    pub(super) fn span_from(&self, start: u32) -> Span {
        Span {
            start,
            end: self.last_end,
        }
    }

    pub(super) fn bump(&mut self) -> Token {
        let next = match self.second.take() {
            Some(second) => second,
            None => self.lexer.next_token(),
        };
        let token = std::mem::replace(&mut self.token, next);
        self.last_end = token.span.end;
        token
    }

    pub(super) fn second_is(&mut self, kind: TokenKind) -> bool {
        let lexer = &mut self.lexer;
        self.second.get_or_insert_with(|| lexer.next_token()).kind == kind
    }

    pub(super) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.at(TokenKind::Identifier) && self.text().eq_ignore_ascii_case(word)
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn at_operator(&self, symbol: &str) -> bool {
        self.at(TokenKind::Operator) && self.text() == symbol
    }

    pub(super) fn expect(&mut self, kind: TokenKind, context: &str) -> Result<Token, Fault> {
        if self.at(kind) {
            return Ok(self.bump());
        }
        let expected = match kind {
            TokenKind::LeftParen => "\"(\"",
            TokenKind::RightParen => "\")\"",
            TokenKind::RightBracket => "\"]\"",
            _ => "",
        };
        Err(self.unexpected(context, expected))
    }

    /// Returns the fault that the next token is not what should stand here.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> Fault {
        if self.at(TokenKind::Error) {
            return Fault::new(self.token.span, self.lexer.error.clone());
        }
        let mut message = format!("unexpected {}", describe(self.token.kind, self.text()));
        if !context.is_empty() {
            message += " in ";
            message += context;
        }
        if !expected.is_empty() {
            message += ", expected ";
            message += expected;
        }
        Fault::new(self.token.span, message)
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= DEPTH_MAX {
            let message = format!("expression is nested deeper than {DEPTH_MAX} levels");
            return Err(Fault::new(self.token.span, message));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Notes that the tree that was read last, and one of this height, became one that is higher.
    pub(super) fn grow(&mut self, other: usize, span: Span) -> Result<(), Fault> {
        self.height = self.height.max(other) + 1;
        if self.height <= HEIGHT_MAX {
            return Ok(());
        }
        let message = format!("expression has more than {HEIGHT_MAX} operations in a row");
        Err(Fault::new(span, message))
    }

    /// Parses operands and operators that bind at least as strongly as `precedence`.
    pub(super) fn parse_expr(&mut self, precedence: u8) -> Result<Expr, Fault> {
        self.nested(|parser| parser.parse_operators(precedence))
    }

    fn parse_operators(&mut self, precedence: u8) -> Result<Expr, Fault> {
        let mut left = self.parse_signed()?;
        while let Some(op) = self
            .peek_binary_op()
            .filter(|op| op.precedence() >= precedence)
        {
            self.bump();
            let left_height = self.height;
            let modifiers = self.parse_binary_modifiers(op)?;
            let right_precedence = match op {
                BinaryOp::Pow => op.precedence(),
                _ => op.precedence() + 1,
            };
            let right = self.parse_expr(right_precedence)?;
            self.grow(left_height, right.span)?;
            let span = Span {
                start: left.span.start,
                end: right.span.end,
            };
            let kind = ExprKind::Binary(Box::new(Binary {
                op,
                left,
                right,
                returns_bool: modifiers.returns_bool,
                matching: modifiers.matching,
            }));
            left = Expr { span, kind };
        }
        Ok(left)
    }

    fn peek_binary_op(&self) -> Option<BinaryOp> {
        let text = self.text();
        let found = match self.token.kind {
            TokenKind::Operator => match text {
                "+" => BinaryOp::Add,
                "-" => BinaryOp::Sub,
                "*" => BinaryOp::Mul,
                "/" => BinaryOp::Div,
                "%" => BinaryOp::Mod,
                "^" => BinaryOp::Pow,
                "==" => BinaryOp::Equal,
                "!=" => BinaryOp::NotEqual,
                "<" => BinaryOp::Less,
                "<=" => BinaryOp::LessOrEqual,
                ">" => BinaryOp::Greater,
                ">=" => BinaryOp::GreaterOrEqual,
                "</" => BinaryOp::TrimUpper,
                ">/" => BinaryOp::TrimLower,
                _ => return None,
            },
            TokenKind::Identifier => match text.to_ascii_lowercase().as_str() {
                "and" => BinaryOp::And,
                "or" => BinaryOp::Or,
                "unless" => BinaryOp::Unless,
                "atan2" => BinaryOp::Atan2,
                _ => return None,
            },
            _ => return None,
        };
        Some(found)
    }

    fn parse_signed(&mut self) -> Result<Expr, Fault> {
        let op = match self.text() {
            "+" if self.at(TokenKind::Operator) => UnaryOp::Plus,
            "-" if self.at(TokenKind::Operator) => UnaryOp::Minus,
            _ => return self.parse_with_modifiers(),
        };
        let start = self.bump().span.start;
        let mut inner = self.parse_expr(SIGN_PRECEDENCE + 1)?;
        if let ExprKind::Number(number) = &mut inner.kind {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            inner.span.start = start;
            return Ok(inner);
        }
        let span = Span {
            start,
            end: inner.span.end,
        };
        self.grow(0, span)?;
        let expr = Box::new(inner);
        let kind = ExprKind::Unary(Unary { op, expr });
        Ok(Expr { span, kind })
    }

    pub(super) fn parse_primary(&mut self) -> Result<Expr, Fault> {
        self.height = 1;
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => self.parse_number_literal(),
            TokenKind::String => self.parse_text_literal(),
            TokenKind::LeftParen => self.parse_paren(),
            TokenKind::LeftBrace | TokenKind::MetricIdentifier => self.parse_selector(),
            TokenKind::Identifier => self.parse_word(),
            _ => Err(self.unexpected("", "")),
        }
    }

    fn parse_word(&mut self) -> Result<Expr, Fault> {
        let word = self.text();
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            return self.parse_number_literal();
        }
        if is_reserved(word) {
            return Err(self.unexpected("", ""));
        }
        if let Some(op) = aggregate_op(word) {
            return self.parse_aggregate_or_selector(op);
        }
        if self.second_is(TokenKind::LeftParen) {
            return self.parse_call();
        }
        self.parse_selector()
    }

    fn parse_number_literal(&mut self) -> Result<Expr, Fault> {
        let token = self.bump();
        let text = self.text_of(token.span);
        let is_duration = token.kind == TokenKind::Duration;
        let value = if is_duration {
            self.duration_literal(&token)?
        } else {
            let fault = || {
                let why = if text.ends_with(|char: char| char.is_ascii_digit()) {
                    "value out of range"
                } else {
                    "invalid syntax"
                };
                let text = quote(text);
                let message =
                    format!("error parsing number: strconv.ParseFloat: parsing {text}: {why}");
                Fault::new(token.span, message)
            };
            number::parse_number(text).ok_or_else(fault)?
        };
        let kind = ExprKind::Number(Number { value, is_duration });
        Ok(Expr {
            span: token.span,
            kind,
        })
    }

    fn parse_text_literal(&mut self) -> Result<Expr, Fault> {
        let token = self.bump();
        let text = unquote(self.text_of(token.span));
        let text = text.map_err(|message| Fault::new(token.span, message))?;
        Ok(Expr {
            span: token.span,
            kind: ExprKind::Text(text),
        })
    }

    fn parse_paren(&mut self) -> Result<Expr, Fault> {
        let start = self.bump().span.start;
        let inner = self.parse_expr(0)?;
        self.expect_close()?;
        let span = self.span_from(start);
        self.grow(0, span)?;
        let kind = ExprKind::Paren(Box::new(inner));
        Ok(Expr { span, kind })
    }

    fn expect_close(&mut self) -> Result<(), Fault> {
        if self.eat(TokenKind::RightParen) {
            Ok(())
        } else {
            Err(self.unexpected("", ""))
        }
    }

    fn parse_call(&mut self) -> Result<Expr, Fault> {
        let name = self.bump();
        let text = self.text_of(name.span);
        let args = self.parse_args()?;
        let Some(function) = function(text) else {
            let message = format!("unknown function with name {}", quote(text));
            return Err(Fault::new(name.span, message));
        };
        let span = self.span_from(name.span.start);
        let kind = ExprKind::Call(Call { function, args });
        Ok(Expr { span, kind })
    }

    fn parse_args(&mut self) -> Result<Vec<Expr>, Fault> {
        self.bump();
        let mut args = Vec::new();
        let mut height = 0;
        if self.eat(TokenKind::RightParen) {
            self.height = 1;
            return Ok(args);
        }
        loop {
            args.push(self.parse_expr(0)?);
            height = height.max(self.height);
            let comma = self.span();
            if !self.eat(TokenKind::Comma) {
                self.expect_close()?;
                self.grow(height, comma)?;
                return Ok(args);
            }
            if self.at(TokenKind::RightParen) {
                let message = "trailing commas not allowed in function call args";
                return Err(Fault::new(comma, message));
            }
        }
    }

    fn parse_aggregate_or_selector(&mut self, op: AggregateOp) -> Result<Expr, Fault> {
        let is_selector = self.second_is(TokenKind::LeftBrace)
            || !self.second_is(TokenKind::LeftParen) && !self.second_is(TokenKind::Identifier);
        if is_selector {
            return self.parse_selector();
        }
        let start = self.bump().span.start;
        let mut grouping = self.parse_grouping()?;
        if !self.at(TokenKind::LeftParen) {
            return Err(self.unexpected("aggregation", ""));
        }
        let mut args = self.parse_args()?;
        if grouping.is_none() {
            grouping = self.parse_grouping()?;
        }
        let span = self.span_from(start);
        let wanted = 1 + usize::from(op.has_param());
        if args.is_empty() {
            let message = "no arguments for aggregate expression provided";
            return Err(Fault::new(span, message));
        }
        if args.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, \
                 expected {wanted}, got {}",
                args.len()
            );
            return Err(Fault::new(span, message));
        }
        let (without, grouping) = grouping.unwrap_or_default();
        let expr = args.pop().expect("at least one argument was counted");
        let kind = ExprKind::Aggregate(Box::new(Aggregate {
            op,
            expr,
            param: args.pop(),
            without,
            grouping,
        }));
        Ok(Expr { span, kind })
    }

    /// Parses `by (...)` or `without (...)`, telling whether it was `without`.
    fn parse_grouping(&mut self) -> Result<Option<(bool, Vec<String>)>, Fault> {
        let without = self.at_word("without");
        if !without && !self.at_word("by") {
            return Ok(None);
        }
        self.bump();
        Ok(Some((without, self.parse_labels()?)))
    }
}
