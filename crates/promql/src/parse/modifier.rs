//! What stands after an expression (`[5m]`, `offset`, `@`) or after an operator (`on`, `bool`).

use crate::ast::{
    At, BinaryOp, Cardinality, DurationExpr, Expr, ExprKind, Matrix, SelectorMode, Subquery,
    VectorMatching,
};
use crate::print::format_float;

use super::expr::Parser;
use super::token::{TokenKind, describe};
use super::{Fault, number};

/// What stands between an operator and its right-hand side.
pub(super) struct BinaryModifiers {
    pub(super) returns_bool: bool,
    pub(super) matching: VectorMatching,
}

impl Parser<'_> {
    pub(super) fn parse_with_modifiers(&mut self) -> Result<Expr, Fault> {
        let mut expr = self.parse_primary()?;
        loop {
            if self.at(TokenKind::LeftBracket) {
                expr = self.parse_brackets(expr)?;
            } else if self.at(TokenKind::At) {
                self.parse_at(&mut expr)?;
            } else if self.at_word("offset") {
                self.parse_offset(&mut expr)?;
            } else if self.at_word("anchored") {
                self.parse_mode(&mut expr, SelectorMode::Anchored);
            } else if self.at_word("smoothed") {
                self.parse_mode(&mut expr, SelectorMode::Smoothed);
            } else {
                return Ok(expr);
            }
        }
    }

    fn parse_brackets(&mut self, expr: Expr) -> Result<Expr, Fault> {
        let bracket = self.bump().span;
        if self.at(TokenKind::RightBracket) || self.at(TokenKind::Colon) {
            return Err(self.unexpected("subquery or range selector", "number or duration"));
        }
        let range = self.parse_positive_duration()?;
        if self.eat(TokenKind::Colon) {
            return self.parse_subquery(expr, range);
        }
        if !self.at(TokenKind::RightBracket) {
            return Err(self.unexpected("subquery or range", "\":\" or \"]\""));
        }
        self.bump();
        let brackets = self.span_from(bracket.start);
        let span = self.span_from(expr.span.start);
        let ExprKind::Selector(selector) = expr.kind else {
            let message = "ranges only allowed for vector selectors";
            return Err(Fault::new(brackets, message));
        };
        if selector.offset.is_some() {
            self.note(brackets, "no offset modifiers allowed before range");
        } else if selector.at.is_some() {
            self.note(brackets, "no @ modifiers allowed before range");
        }
        let kind = ExprKind::Matrix(Matrix {
            selector,
            selector_span: expr.span,
            range,
        });
        Ok(Expr { span, kind })
    }

    fn parse_subquery(&mut self, expr: Expr, range: DurationExpr) -> Result<Expr, Fault> {
        let step = if self.at(TokenKind::RightBracket) {
            None
        } else if self.at(TokenKind::End) || self.at(TokenKind::Error) {
            return Err(self.unexpected("subquery selector", "duration or \"]\""));
        } else {
            Some(self.parse_positive_duration()?)
        };
        self.expect(TokenKind::RightBracket, "subquery selector")?;
        let span = self.span_from(expr.span.start);
        self.grow(0, span)?;
        let kind = ExprKind::Subquery(Box::new(Subquery {
            expr,
            range,
            step,
            offset: None,
            at: None,
        }));
        Ok(Expr { span, kind })
    }

    fn parse_offset(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        self.bump();
        let duration = self.parse_offset_duration()?;
        let slot = match &mut expr.kind {
            ExprKind::Selector(selector) => &mut selector.offset,
            ExprKind::Matrix(matrix) => &mut matrix.selector.offset,
            ExprKind::Subquery(subquery) => &mut subquery.offset,
            _ => {
                let message = "offset modifier must be preceded by an instant vector selector or \
                               range vector selector or a subquery";
                return Err(Fault::new(expr.span, message));
            }
        };
        if slot.is_some() {
            return Err(Fault::new(
                expr.span,
                "offset may not be set multiple times",
            ));
        }
        *slot = Some(duration);
        expr.span.end = self.last_end;
        Ok(())
    }

    fn parse_at(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        self.bump();
        let at = self.parse_at_time(expr)?;
        let slot = match &mut expr.kind {
            ExprKind::Selector(selector) => &mut selector.at,
            ExprKind::Matrix(matrix) => &mut matrix.selector.at,
            ExprKind::Subquery(subquery) => &mut subquery.at,
            _ => {
                let message = "@ modifier must be preceded by an instant vector selector or range \
                               vector selector or a subquery";
                return Err(Fault::new(expr.span, message));
            }
        };
        if slot.is_some() {
            let message = "@ <timestamp> may not be set multiple times";
            return Err(Fault::new(expr.span, message));
        }
        *slot = Some(at);
        expr.span.end = self.last_end;
        Ok(())
    }

    fn parse_at_time(&mut self, expr: &Expr) -> Result<At, Fault> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.eat_word(word) {
                for parenthesis in [TokenKind::LeftParen, TokenKind::RightParen] {
                    if !self.eat(parenthesis) {
                        return Err(self.unexpected("@", "timestamp"));
                    }
                }
                return Ok(at);
            }
        }
        let seconds = self.parse_signed_number("@", "timestamp")?;
        let millis = seconds * 1000.0;
        if !millis.is_finite() || millis.abs() >= i64::MAX as f64 {
            let message = format!(
                "timestamp out of bounds for @ modifier: {}",
                format_float(seconds)
            );
            return Err(Fault::new(expr.span, message));
        }
        Ok(At::Time(millis.round() as i64))
    }

    fn parse_signed_number(&mut self, context: &str, expected: &str) -> Result<f64, Fault> {
        let negative = self.at_operator("-");
        if negative || self.at_operator("+") {
            self.bump();
        }
        let word = self.at_word("inf") || self.at_word("nan");
        let value = if self.at(TokenKind::Duration) {
            let token = self.bump();
            self.duration_literal(&token)?
        } else if self.at(TokenKind::Number) || word {
            let token = self.bump();
            let text = self.text_of(token.span);
            let fault = || {
                let described = describe(token.kind, text);
                Fault::new(token.span, format!("error parsing {described}"))
            };
            number::parse_number(text).ok_or_else(fault)?
        } else {
            return Err(self.unexpected(context, expected));
        };
        Ok(if negative { -value } else { value })
    }

    fn parse_mode(&mut self, expr: &mut Expr, mode: SelectorMode) {
        let word = if mode == SelectorMode::Anchored {
            "anchored"
        } else {
            "smoothed"
        };
        self.bump();
        let slot = match &mut expr.kind {
            ExprKind::Selector(selector) => &mut selector.mode,
            ExprKind::Matrix(matrix) => &mut matrix.selector.mode,
            ExprKind::Subquery(_) => {
                let message = format!("{word} modifier is not supported for subqueries");
                return self.note(expr.span, message);
            }
            _ => {
                let message =
                    format!("{word} modifier must be preceded by an instant or range selector");
                return self.note(expr.span, message);
            }
        };
        if *slot != SelectorMode::Plain {
            let message = "anchored and smoothed modifiers cannot be combined or repeated";
            return self.note(expr.span, message);
        }
        *slot = mode;
        expr.span.end = self.last_end;
    }

    pub(super) fn parse_binary_modifiers(
        &mut self,
        op: BinaryOp,
    ) -> Result<BinaryModifiers, Fault> {
        let returns_bool = self.eat_word("bool");
        let mut matching = VectorMatching::default();
        if self.at_word("on") || self.at_word("ignoring") {
            matching.on = self.at_word("on");
            self.bump();
            matching.labels = self.parse_labels()?;
            self.parse_group(&mut matching)?;
        }
        self.parse_fills(&mut matching)?;
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        Ok(BinaryModifiers {
            returns_bool,
            matching,
        })
    }

    fn parse_group(&mut self, matching: &mut VectorMatching) -> Result<(), Fault> {
        matching.cardinality = if self.eat_word("group_left") {
            Cardinality::ManyToOne
        } else if self.eat_word("group_right") {
            Cardinality::OneToMany
        } else {
            return Ok(());
        };
        if self.at(TokenKind::LeftParen) {
            matching.include = self.parse_labels()?;
        } else if self.at(TokenKind::End) {
            return Err(self.unexpected("grouping opts", "\"(\""));
        }
        Ok(())
    }

    /// `fill` and its kin are names unless a parenthesis follows.
    fn parse_fills(&mut self, matching: &mut VectorMatching) -> Result<(), Fault> {
        loop {
            let (left, right) = if self.at_word("fill") {
                (true, true)
            } else if self.at_word("fill_left") {
                (true, false)
            } else if self.at_word("fill_right") {
                (false, true)
            } else {
                return Ok(());
            };
            let taken =
                left && matching.fill_left.is_some() || right && matching.fill_right.is_some();
            if taken || !self.second_is(TokenKind::LeftParen) {
                return Ok(());
            }
            self.bump();
            self.bump();
            let value = self.parse_signed_number("fill modifier", "number")?;
            self.expect(TokenKind::RightParen, "fill modifier")?;
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
    }
}
