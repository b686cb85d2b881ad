//! Conditions on labels: `status >= 500 and (method = "GET" or duration > 1s)`.

use weft_model::{MatchOp, Matcher};

use super::lex::Token;
use super::{ParseError, Parser};
use crate::ast::{CompareOp, Comparison, LabelFilter};
use crate::pipeline::address::AddressSet;

impl Parser {
    /// Parses a condition: `or` binds weakest; `and`, a comma and mere juxtaposition are the same.
    pub(super) fn label_filter(&mut self) -> Result<LabelFilter, ParseError> {
        let mut left = self.label_filter_and()?;
        while self.eat_word("or") {
            self.count()?;
            let right = self.label_filter_and()?;
            left = LabelFilter::Or(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn label_filter_and(&mut self) -> Result<LabelFilter, ParseError> {
        let mut left = self.label_condition()?;
        while self.eat_word("and") || self.eat(",") || self.is_juxtaposed() {
            self.count()?;
            let right = self.label_condition()?;
            left = LabelFilter::And(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// Tells whether another condition follows without a word between.
    fn is_juxtaposed(&self) -> bool {
        let is_name = matches!(self.peek(), Token::Identifier(name) if name != "or");
        is_name && self.is_comparison(1)
    }

    /// Tells whether the token after `count` others compares.
    pub(super) fn is_comparison(&self, count: usize) -> bool {
        matches!(
            self.ahead(count),
            Token::Symbol("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<=")
        )
    }

    fn label_condition(&mut self) -> Result<LabelFilter, ParseError> {
        if self.eat("(") {
            let inner = self.nested(Parser::label_filter)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if !matches!(self.peek(), Token::Identifier(_)) {
            return Err(self.unexpected(&[]));
        }
        if !self.is_comparison(1) {
            self.advance();
            return Err(self.unexpected(&[]));
        }
        match (self.ahead(1), self.ahead(2)) {
            (_, Token::String(_)) | (Token::Symbol("=~" | "!~"), _) => {
                Ok(LabelFilter::Text(self.text_matcher()?))
            }
            (Token::Symbol("=" | "!="), Token::Identifier(word)) if word == "ip" => {
                self.ip_condition()
            }
            _ => self.compared(),
        }
    }

    fn text_matcher(&mut self) -> Result<Matcher, ParseError> {
        let is_double_equal = self.ahead(1) == &Token::Symbol("==");
        if !is_double_equal {
            return self.matcher();
        }
        let name = self.identifier()?;
        self.advance();
        Ok(Matcher::new(name, MatchOp::Equal, self.string()?))
    }

    fn ip_condition(&mut self) -> Result<LabelFilter, ParseError> {
        let name = self.identifier()?;
        let negated = self.advance() == Token::Symbol("!=");
        let at = self.at();
        let pattern = self.ip_call()?;
        AddressSet::parse(&pattern).map_err(|e| ParseError::new(at, e))?;
        Ok(LabelFilter::Ip {
            name,
            negated,
            pattern,
        })
    }

    fn compared(&mut self) -> Result<LabelFilter, ParseError> {
        let name = self.identifier()?;
        let op = match self.advance() {
            Token::Symbol("=" | "==") => CompareOp::Equal,
            Token::Symbol("!=") => CompareOp::NotEqual,
            Token::Symbol(">") => CompareOp::Greater,
            Token::Symbol(">=") => CompareOp::GreaterOrEqual,
            Token::Symbol("<") => CompareOp::Less,
            _ => CompareOp::LessOrEqual,
        };
        let negative = self.eat("-");
        let sign = if negative { -1 } else { 1 };
        let filter = match *self.peek() {
            Token::Number(value) => LabelFilter::Number(Comparison {
                name,
                op,
                value: value * f64::from(sign),
            }),
            Token::Duration(nanos) => LabelFilter::Duration(Comparison {
                name,
                op,
                value: nanos * i64::from(sign),
            }),
            Token::Bytes(value) if !negative => LabelFilter::Bytes(Comparison { name, op, value }),
            _ => return Err(self.unexpected(&["BYTES", "STRING", "NUMBER", "DURATION"])),
        };
        self.advance();
        Ok(filter)
    }
}
