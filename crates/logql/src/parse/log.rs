//! Selectors, pipelines and ranges of lines.

use weft_model::{MatchOp, Matcher};

use super::lex::Token;
use super::{ParseError, Parser};
use crate::ast::{LogExpr, LogRange, Stage, Unwrap};

/// The parts of a range, which may come in several orders.
#[derive(Default)]
struct RangeParts {
    unwrap: Option<Unwrap>,
    interval: Option<i64>,
    offset: Option<i64>,
}

impl Parser {
    /// Parses `{…} | …`, in parentheses or not.
    pub(super) fn log_expr(&mut self) -> Result<LogExpr, ParseError> {
        let mut log = self.log_head()?;
        while self.is_stage() {
            log.stages.push(self.stage()?);
        }
        Ok(log)
    }

    fn log_head(&mut self) -> Result<LogExpr, ParseError> {
        if self.eat("(") {
            let log = self.nested(Parser::log_expr)?;
            self.expect(")")?;
            return Ok(log);
        }
        Ok(LogExpr {
            matchers: self.selector()?,
            stages: Vec::new(),
        })
    }

    /// Parses `{name="value", …}`.
    pub(super) fn selector(&mut self) -> Result<Vec<Matcher>, ParseError> {
        self.expect("{")?;
        if self.eat("}") {
            return Ok(Vec::new());
        }
        if !matches!(self.peek(), Token::Identifier(_)) {
            return Err(self.unexpected(&["IDENTIFIER", "}"]));
        }
        let mut matchers = vec![self.matcher()?];
        while self.eat(",") {
            if self.is_symbol("}") {
                break;
            }
            self.count()?;
            matchers.push(self.matcher()?);
        }
        if !self.eat("}") {
            return Err(self.unexpected(&["}", ","]));
        }
        Ok(matchers)
    }

    /// Parses `name="value"`.
    pub(super) fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let name = self.identifier()?;
        let op = match self.peek() {
            Token::Symbol("=") => MatchOp::Equal,
            Token::Symbol("!=") => MatchOp::NotEqual,
            Token::Symbol("=~") => MatchOp::Regex,
            Token::Symbol("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected(&["=", "=~", "!~", "!="])),
        };
        self.advance();
        let at = self.at();
        let matcher = Matcher::new(name, op, self.string()?);
        weft_matcher::LabelMatcher::compile(&matcher)
            .map_err(|e| ParseError::new(at, e.to_string()))?;
        Ok(matcher)
    }

    /// Parses lines with `[5m]` behind them, behind the selector, or around in parentheses.
    pub(super) fn log_range(&mut self) -> Result<LogRange, ParseError> {
        let mut parts = RangeParts::default();
        let log = self.range_body(&mut parts)?;
        let Some(interval) = parts.interval else {
            return Err(self.unexpected(&["RANGE"]));
        };
        Ok(LogRange {
            log,
            unwrap: parts.unwrap,
            interval,
            offset: parts.offset.unwrap_or(0),
        })
    }

    fn range_body(&mut self, parts: &mut RangeParts) -> Result<LogExpr, ParseError> {
        let mut log = if self.eat("(") {
            let inner = self.nested(|parser| parser.range_body(parts))?;
            self.expect(")")?;
            inner
        } else {
            LogExpr {
                matchers: self.selector()?,
                stages: Vec::new(),
            }
        };
        loop {
            match self.peek().clone() {
                Token::Range(interval) if parts.interval.is_none() => {
                    parts.interval = Some(interval);
                    self.advance();
                }
                Token::Identifier(word) if word == "offset" && parts.offset.is_none() => {
                    self.advance();
                    parts.offset = Some(self.duration()?);
                }
                Token::Symbol("|") if self.ahead(1) == &Token::Identifier("unwrap".to_owned()) => {
                    if parts.unwrap.is_some() {
                        return Err(self.unexpected(&[]));
                    }
                    parts.unwrap = Some(self.unwrap_stage()?);
                }
                _ if self.is_stage() => match (self.stage()?, &mut parts.unwrap) {
                    (Stage::LabelFilter(filter), Some(unwrap)) => unwrap.filters.push(filter),
                    (_, Some(_)) => {
                        let message = "only label filters may follow unwrap";
                        return Err(ParseError::new(self.at(), message));
                    }
                    (stage, None) => log.stages.push(stage),
                },
                _ => return Ok(log),
            }
        }
    }

    fn duration(&mut self) -> Result<i64, ParseError> {
        let negative = self.eat("-");
        let Token::Duration(nanos) = *self.peek() else {
            return Err(self.unexpected(&["DURATION"]));
        };
        self.advance();
        Ok(if negative { -nanos } else { nanos })
    }
}
