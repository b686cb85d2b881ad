//! Selectors: a metric's name, conditions in braces, lists of labels.

use weft_model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{Expr, ExprKind, Selector, SelectorMode, quote};

use super::expr::Parser;
use super::token::{TokenKind, is_reserved};
use super::{Fault, unquote};

impl Parser<'_> {
    pub(super) fn parse_selector(&mut self) -> Result<Expr, Fault> {
        let start = self.span().start;
        let mut name = String::new();
        if self.at(TokenKind::Identifier) || self.at(TokenKind::MetricIdentifier) {
            if is_reserved(self.text()) {
                return Err(self.unexpected("", ""));
            }
            name = self.text().to_owned();
            self.bump();
        }
        let mut matchers = Vec::new();
        if self.at(TokenKind::LeftBrace) {
            matchers = self.parse_matchers()?;
        } else if name.is_empty() {
            return Err(self.unexpected("", ""));
        }
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, name.clone()));
        }
        let kind = ExprKind::Selector(Selector {
            name,
            matchers,
            offset: None,
            at: None,
            mode: SelectorMode::Plain,
        });
        let span = self.span_from(start);
        Ok(Expr { span, kind })
    }

    fn parse_matchers(&mut self) -> Result<Vec<Matcher>, Fault> {
        self.bump();
        let mut matchers = Vec::new();
        while !self.eat(TokenKind::RightBrace) {
            matchers.push(self.parse_matcher()?);
            if !self.eat(TokenKind::Comma) && !self.at(TokenKind::RightBrace) {
                return Err(self.unexpected("label matching", "\",\" or \"}\""));
            }
        }
        Ok(matchers)
    }

    fn parse_matcher(&mut self) -> Result<Matcher, Fault> {
        let start = self.span().start;
        let quoted = self.at(TokenKind::String);
        let name = if quoted {
            self.parse_string()?
        } else if self.at(TokenKind::Identifier) {
            let name = self.text().to_owned();
            self.bump();
            name
        } else {
            return Err(self.unexpected("label matching", "identifier or \"}\""));
        };
        let op = match self.text() {
            "=" if self.at(TokenKind::Assign) => MatchOp::Equal,
            "!=" if self.at(TokenKind::Operator) => MatchOp::NotEqual,
            "=~" if self.at(TokenKind::Operator) => MatchOp::Regex,
            "!~" if self.at(TokenKind::Operator) => MatchOp::NotRegex,
            _ if quoted && (self.at(TokenKind::Comma) || self.at(TokenKind::RightBrace)) => {
                return Ok(Matcher::equal(METRIC_NAME, name));
            }
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.bump();
        if !self.at(TokenKind::String) {
            return Err(self.unexpected("label matching", "string"));
        }
        let value = self.parse_string()?;
        let matcher = Matcher::new(name, op, value);
        if let Err(fault) = weft_matcher::LabelMatcher::compile(&matcher) {
            let message = format!(
                "error parsing regexp: {}: `{}`",
                fault.reason, fault.pattern
            );
            self.note(self.span_from(start), message);
        }
        Ok(matcher)
    }

    fn parse_string(&mut self) -> Result<String, Fault> {
        let token = self.bump();
        let text =
            unquote(self.text_of(token.span)).map_err(|message| Fault::new(token.span, message))?;
        Ok(text.to_str_lossy().into_owned())
    }

    /// Parses a list of labels in parentheses; names may be quoted.
    pub(super) fn parse_labels(&mut self) -> Result<Vec<String>, Fault> {
        if !self.eat(TokenKind::LeftParen) {
            return Err(self.unexpected("grouping opts", "\"(\""));
        }
        let mut labels = Vec::new();
        while !self.eat(TokenKind::RightParen) {
            labels.push(self.parse_label()?);
            if !self.eat(TokenKind::Comma) && !self.at(TokenKind::RightParen) {
                return Err(self.unexpected("grouping opts", "\",\" or \")\""));
            }
        }
        Ok(labels)
    }

    fn parse_label(&mut self) -> Result<String, Fault> {
        if self.at(TokenKind::Identifier) {
            let label = self.text().to_owned();
            self.bump();
            return Ok(label);
        }
        if !self.at(TokenKind::String) {
            return Err(self.unexpected("grouping opts", "label"));
        }
        let span = self.span();
        let label = self.parse_string()?;
        if label.is_empty() {
            let message = format!(
                "unexpected {} in grouping opts, expected label",
                quote(&label)
            );
            return Err(Fault::new(span, message));
        }
        Ok(label)
    }
}
