//! Expressions that yield numbers.

use super::lex::Token;
use super::{ParseError, Parser, Position};
use crate::ast::{
    Binary, BinaryOp, CompareOp, Grouping, GroupingKind, LabelReplace, MatchGroup, MatchLabels,
    Matching, MetricExpr, RangeAggregation, RangeOp, VectorAggregation, VectorOp,
};

/// How strongly `^` binds; it is the only operator that groups to the right.
const POWER: u8 = 6;

impl Parser {
    /// Parses an expression with its binary operators.
    pub(super) fn metric_expr(&mut self) -> Result<MetricExpr, ParseError> {
        self.nested(|parser| parser.binary(0))
    }

    /// Parses operators that bind at least as strongly as `weakest`.
    fn binary(&mut self, weakest: u8) -> Result<MetricExpr, ParseError> {
        let mut left = self.operand()?;
        while let Some((op, strength)) = binary_op(self.peek()) {
            if strength < weakest {
                break;
            }
            self.count()?;
            self.advance();
            let (returns_bool, matching) = self.modifiers(op)?;
            let right = if strength == POWER {
                self.nested(|parser| parser.binary(POWER))?
            } else {
                self.binary(strength + 1)?
            };
            left = MetricExpr::Binary(Box::new(Binary {
                op,
                returns_bool,
                matching,
                left,
                right,
            }));
        }
        Ok(left)
    }

    /// Parses `bool on (…) group_left (…)`.
    fn modifiers(&mut self, op: BinaryOp) -> Result<(bool, Matching), ParseError> {
        let at = self.at();
        let returns_bool = self.eat_word("bool");
        if returns_bool && !matches!(op, BinaryOp::Compare(_)) {
            let message = "bool modifier can only be used on comparison operators";
            return Err(ParseError::new(at, message));
        }
        let labels = if self.eat_word("on") {
            MatchLabels::On(self.label_names()?)
        } else if self.eat_word("ignoring") {
            MatchLabels::Ignoring(self.label_names()?)
        } else {
            return Ok((returns_bool, Matching::default()));
        };
        let at = self.at();
        let group = if self.eat_word("group_left") {
            MatchGroup::Left(self.optional_names()?)
        } else if self.eat_word("group_right") {
            MatchGroup::Right(self.optional_names()?)
        } else {
            MatchGroup::OneToOne
        };
        let is_set = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
        if is_set && group != MatchGroup::OneToOne {
            let message = "no grouping allowed for set operations";
            return Err(ParseError::new(at, message));
        }
        Ok((returns_bool, Matching { labels, group }))
    }

    fn optional_names(&mut self) -> Result<Vec<String>, ParseError> {
        if self.is_symbol("(") {
            return self.label_names();
        }
        Ok(Vec::new())
    }

    /// Parses `(a, b)`, which may be empty.
    fn label_names(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect("(")?;
        if self.eat(")") {
            return Ok(Vec::new());
        }
        let names = self.list(Parser::identifier)?;
        self.expect(")")?;
        Ok(names)
    }

    fn operand(&mut self) -> Result<MetricExpr, ParseError> {
        let at = self.at();
        match self.peek().clone() {
            Token::Symbol("(") => {
                self.advance();
                let inner = self.metric_expr()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("+" | "-") | Token::Number(_) => self.number().map(MetricExpr::Literal),
            Token::Identifier(word) => {
                self.advance();
                self.call(at, &word)
            }
            _ => Err(self.unexpected(&[])),
        }
    }

    fn number(&mut self) -> Result<f64, ParseError> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let Token::Number(value) = *self.peek() else {
            return Err(self.unexpected(&["NUMBER"]));
        };
        self.advance();
        Ok(if negative { -value } else { value })
    }

    fn call(&mut self, at: Position, word: &str) -> Result<MetricExpr, ParseError> {
        if let Some(op) = RangeOp::from_name(word) {
            return self.nested(|parser| parser.range_aggregation(op));
        }
        if let Some(op) = VectorOp::from_name(word) {
            return self.nested(|parser| parser.vector_aggregation(op));
        }
        match word {
            "vector" => {
                self.expect("(")?;
                let value = self.number()?;
                self.expect(")")?;
                Ok(MetricExpr::ConstantVector(value))
            }
            "label_replace" => self.nested(Parser::label_replace),
            "variants" | "count_values" => {
                Err(ParseError::new(at, format!("{word} is not supported")))
            }
            _ => {
                self.next -= 1;
                Err(self.unexpected(&[]))
            }
        }
    }

    fn range_aggregation(&mut self, op: RangeOp) -> Result<MetricExpr, ParseError> {
        self.expect("(")?;
        let parameter = match self.peek() {
            Token::Number(_) | Token::Symbol("+" | "-") => {
                let value = self.number()?;
                self.expect(",")?;
                Some(value)
            }
            _ => None,
        };
        let range = self.log_range()?;
        self.expect(")")?;
        let grouping = self.grouping()?;
        Ok(MetricExpr::Range(Box::new(RangeAggregation {
            op,
            parameter,
            range,
            grouping,
        })))
    }

    /// Parses `by (…)` or `without (…)` if it is next.
    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let kind = if self.eat_word("by") {
            GroupingKind::By
        } else if self.eat_word("without") {
            GroupingKind::Without
        } else {
            return Ok(None);
        };
        let labels = self.label_names()?;
        Ok(Some(Grouping { kind, labels }))
    }

    fn vector_aggregation(&mut self, op: VectorOp) -> Result<MetricExpr, ParseError> {
        let before = self.grouping()?;
        self.expect("(")?;
        let has_parameter =
            matches!(self.peek(), Token::Number(_)) && self.ahead(1) == &Token::Symbol(",");
        let at = self.at();
        let parameter = if has_parameter {
            let value = self.number()?;
            self.advance();
            Some(value)
        } else {
            None
        };
        let expr = self.metric_expr()?;
        self.expect(")")?;
        let grouping = match before {
            Some(grouping) => Some(grouping),
            None => self.grouping()?,
        };
        let parameter = vector_parameter(op, parameter, at)?;
        Ok(MetricExpr::Vector(Box::new(VectorAggregation {
            op,
            parameter,
            expr,
            grouping,
        })))
    }

    fn label_replace(&mut self) -> Result<MetricExpr, ParseError> {
        self.expect("(")?;
        let expr = self.metric_expr()?;
        let mut texts: [String; 4] = Default::default();
        let mut at = self.at();
        for text in &mut texts {
            self.expect(",")?;
            at = self.at();
            *text = self.string()?;
        }
        self.expect(")")?;
        let [target, replacement, source, regex] = texts;
        if let Err(e) = weft_matcher::anchored(&regex) {
            return Err(ParseError::new(at, e.to_string()));
        }
        Ok(MetricExpr::LabelReplace(Box::new(LabelReplace {
            expr,
            target,
            replacement,
            source,
            regex,
        })))
    }
}

/// Checks how many series `topk` and its kin are to keep.
fn vector_parameter(
    op: VectorOp,
    parameter: Option<f64>,
    at: Position,
) -> Result<Option<usize>, ParseError> {
    let name = op.name();
    match (op.takes_parameter(), parameter) {
        (false, None) => Ok(None),
        (true, None) => Err(ParseError::whole(format!(
            "parameter required for operation {name}"
        ))),
        (false, Some(_)) => Err(ParseError::whole(format!(
            "unsupported parameter for operation {name}"
        ))),
        (true, Some(value)) if value < 1.0 || value.fract() != 0.0 || value > 1e9 => {
            let message = format!("invalid parameter (must be greater than 0) {name}({value}");
            Err(ParseError::new(at, message))
        }
        (true, Some(value)) => Ok(Some(value as usize)),
    }
}

/// Returns the operator that a token is, and how strongly it binds.
fn binary_op(token: &Token) -> Option<(BinaryOp, u8)> {
    Some(match token {
        Token::Identifier(word) => match word.as_str() {
            "or" => (BinaryOp::Or, 1),
            "and" => (BinaryOp::And, 2),
            "unless" => (BinaryOp::Unless, 2),
            _ => return None,
        },
        Token::Symbol(symbol) => match *symbol {
            "==" => (BinaryOp::Compare(CompareOp::Equal), 3),
            "!=" => (BinaryOp::Compare(CompareOp::NotEqual), 3),
            ">" => (BinaryOp::Compare(CompareOp::Greater), 3),
            ">=" => (BinaryOp::Compare(CompareOp::GreaterOrEqual), 3),
            "<" => (BinaryOp::Compare(CompareOp::Less), 3),
            "<=" => (BinaryOp::Compare(CompareOp::LessOrEqual), 3),
            "+" => (BinaryOp::Add, 4),
            "-" => (BinaryOp::Subtract, 4),
            "*" => (BinaryOp::Multiply, 5),
            "/" => (BinaryOp::Divide, 5),
            "%" => (BinaryOp::Modulo, 5),
            "^" => (BinaryOp::Power, POWER),
            _ => return None,
        },
        _ => return None,
    })
}
