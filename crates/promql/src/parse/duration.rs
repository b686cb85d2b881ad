//! Durations in brackets and after `offset`.

use crate::ast::{DurationExpr, DurationKind, DurationOp, Span, quote};

use super::expr::Parser;
use super::token::{Token, TokenKind};
use super::{Fault, number};

impl Parser<'_> {
    /// Returns the seconds of a duration token.
    pub(super) fn duration_literal(&self, token: &Token) -> Result<f64, Fault> {
        let text = self.text_of(token.span);
        number::parse_duration_seconds(text).ok_or_else(|| {
            let mut units = text.split(|char: char| char.is_ascii_digit());
            let known = ["", "ms", "s", "m", "h", "d", "w", "y"];
            let unknown = units.find(|unit| !known.contains(unit));
            let text = quote(text);
            let message = match unknown {
                Some(unit) => format!("unknown unit {} in duration {text}", quote(unit)),
                None => format!("not a valid duration string: {text}"),
            };
            Fault::new(token.span, message)
        })
    }

    /// Parses a duration in brackets, which must be more than 0.
    pub(super) fn parse_positive_duration(&mut self) -> Result<DurationExpr, Fault> {
        let duration = self.nested(|parser| parser.parse_duration_expr(0))?;
        if duration.literal().is_some_and(|seconds| seconds <= 0.0) {
            self.note(duration.span, "duration must be greater than 0");
        }
        Ok(duration)
    }

    /// Parses what may follow `offset`: operators need parentheses there.
    pub(super) fn parse_offset_duration(&mut self) -> Result<DurationExpr, Fault> {
        let starts = self.at(TokenKind::Number)
            || self.at(TokenKind::Duration)
            || self.at(TokenKind::LeftParen)
            || self.at_operator("+")
            || self.at_operator("-")
            || self.at(TokenKind::Identifier);
        if !starts {
            return Err(self.unexpected("offset", "number, duration, step(), or range()"));
        }
        let negative = self.at_operator("-");
        if !negative && !self.at_operator("+") {
            return self.parse_duration_primary();
        }
        let start = self.bump().span.start;
        let inner = self.parse_duration_primary()?;
        Ok(self.signed(start, negative, inner))
    }

    fn signed(&self, start: u32, negative: bool, inner: DurationExpr) -> DurationExpr {
        let inner = Box::new(inner);
        let kind = if negative {
            DurationKind::Negative(inner)
        } else {
            DurationKind::Positive(inner)
        };
        let span = self.span_from(start);
        DurationExpr { span, kind }
    }

    fn parse_duration_expr(&mut self, precedence: u8) -> Result<DurationExpr, Fault> {
        let mut left = self.nested(Parser::parse_duration_signed)?;
        while let Some((op, binding)) = self.peek_duration_op(precedence) {
            let operator = self.bump();
            let right_precedence = if op == DurationOp::Pow {
                binding
            } else {
                binding + 1
            };
            let right = self.nested(|parser| parser.parse_duration_expr(right_precedence))?;
            let by_zero = match op {
                DurationOp::Div => Some("division by zero"),
                DurationOp::Mod => Some("modulo by zero"),
                _ => None,
            };
            if let Some(message) = by_zero.filter(|_| right.literal() == Some(0.0)) {
                self.note(operator.span, message);
            }
            left = binary(op, left, right);
        }
        Ok(left)
    }

    fn peek_duration_op(&self, precedence: u8) -> Option<(DurationOp, u8)> {
        let found = match self.text() {
            "+" => (DurationOp::Add, 1),
            "-" => (DurationOp::Sub, 1),
            "*" => (DurationOp::Mul, 2),
            "/" => (DurationOp::Div, 2),
            "%" => (DurationOp::Mod, 2),
            "^" => (DurationOp::Pow, 3),
            _ => return None,
        };
        (self.at(TokenKind::Operator) && found.1 >= precedence).then_some(found)
    }

    fn parse_duration_signed(&mut self) -> Result<DurationExpr, Fault> {
        let negative = self.at_operator("-");
        if !negative && !self.at_operator("+") {
            return self.parse_duration_primary();
        }
        let start = self.bump().span.start;
        // A sign binds like a multiplication.
        let inner = self.nested(|parser| parser.parse_duration_expr(3))?;
        Ok(self.signed(start, negative, inner))
    }

    fn parse_duration_primary(&mut self) -> Result<DurationExpr, Fault> {
        match self.text() {
            "(" if self.at(TokenKind::LeftParen) => self.parse_duration_paren(),
            _ if self.at(TokenKind::Number) || self.at(TokenKind::Duration) => {
                self.parse_duration_literal()
            }
            word if self.at(TokenKind::Identifier) => {
                let word = word.to_ascii_lowercase();
                self.parse_duration_function(&word)
            }
            _ => Err(self.unexpected("subquery or range", "duration")),
        }
    }

    fn parse_duration_literal(&mut self) -> Result<DurationExpr, Fault> {
        let token = self.bump();
        let is_duration = token.kind == TokenKind::Duration;
        let seconds = if is_duration {
            self.duration_literal(&token)?
        } else {
            number::parse_number(self.text_of(token.span))
                .ok_or_else(|| Fault::new(token.span, "error parsing number"))?
        };
        let kind = DurationKind::Literal {
            seconds,
            is_duration,
        };
        let span = token.span;
        Ok(DurationExpr { span, kind })
    }

    fn parse_duration_paren(&mut self) -> Result<DurationExpr, Fault> {
        let start = self.bump().span.start;
        let inner = self.nested(|parser| parser.parse_duration_expr(0))?;
        self.expect(TokenKind::RightParen, "duration expression")?;
        let kind = DurationKind::Paren(Box::new(inner));
        let span = self.span_from(start);
        Ok(DurationExpr { span, kind })
    }

    fn parse_duration_function(&mut self, name: &str) -> Result<DurationExpr, Fault> {
        if !matches!(name, "step" | "range" | "min" | "max") {
            return Err(self.unexpected("subquery or range", "duration"));
        }
        let start = self.bump().span.start;
        self.expect(TokenKind::LeftParen, "duration expression")?;
        let kind = match name {
            "step" => DurationKind::Step,
            "range" => DurationKind::Range,
            _ => {
                let op = if name == "min" {
                    DurationOp::Min
                } else {
                    DurationOp::Max
                };
                let left = self.nested(|parser| parser.parse_duration_expr(0))?;
                if !self.eat(TokenKind::Comma) {
                    return Err(self.unexpected("duration expression", "\",\""));
                }
                let right = self.nested(|parser| parser.parse_duration_expr(0))?;
                DurationKind::Binary(op, Box::new(left), Box::new(right))
            }
        };
        self.expect(TokenKind::RightParen, "duration expression")?;
        let span = self.span_from(start);
        Ok(DurationExpr { span, kind })
    }
}

fn binary(op: DurationOp, left: DurationExpr, right: DurationExpr) -> DurationExpr {
    let span = Span {
        start: left.span.start,
        end: right.span.end,
    };
    let kind = DurationKind::Binary(op, Box::new(left), Box::new(right));
    DurationExpr { span, kind }
}
