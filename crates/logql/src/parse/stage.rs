//! The stages of a pipeline.

use super::lex::Token;
use super::{ParseError, Parser, Position};
use crate::ast::{
    Conversion, Extraction, FormatValue, LabelFormat, LabelPick, LineFilter, LineOp, LinePattern,
    Logfmt, Parser as ParserStage, Stage, Unwrap,
};
use crate::pipeline::{json_path, line_filter, pattern, regexp};
use crate::template::Template;

impl Parser {
    /// Tells whether a stage comes next.
    pub(super) fn is_stage(&self) -> bool {
        matches!(
            self.peek(),
            Token::Symbol("|" | "|=" | "!=" | "|~" | "!~" | "|>" | "!>")
        )
    }

    /// Parses a line filter or what follows a `|`.
    pub(super) fn stage(&mut self) -> Result<Stage, ParseError> {
        self.count()?;
        let op = match self.peek() {
            Token::Symbol("|=") => LineOp::Contains,
            Token::Symbol("!=") => LineOp::NotContains,
            Token::Symbol("|~") => LineOp::Matches,
            Token::Symbol("!~") => LineOp::NotMatches,
            Token::Symbol("|>") => LineOp::Pattern,
            Token::Symbol("!>") => LineOp::NotPattern,
            _ => {
                self.expect("|")?;
                return self.piped();
            }
        };
        self.advance();
        Ok(Stage::LineFilter(self.line_filter(op)?))
    }

    fn line_filter(&mut self, op: LineOp) -> Result<LineFilter, ParseError> {
        let mut patterns = vec![self.line_pattern(op)?];
        while self.eat_word("or") {
            self.count()?;
            patterns.push(self.line_pattern(op)?);
        }
        Ok(LineFilter { op, patterns })
    }

    fn line_pattern(&mut self, op: LineOp) -> Result<LinePattern, ParseError> {
        let at = self.at();
        let pattern = if self.is_word("ip") {
            if !matches!(op, LineOp::Contains | LineOp::NotContains) {
                return Err(self.unexpected(&["STRING"]));
            }
            LinePattern::Ip(self.ip_call()?)
        } else {
            LinePattern::Text(self.string()?)
        };
        line_filter::compile_pattern(op, &pattern).map_err(|e| ParseError::new(at, e))?;
        Ok(pattern)
    }

    /// Parses `ip("…")`.
    pub(super) fn ip_call(&mut self) -> Result<String, ParseError> {
        self.advance();
        self.expect("(")?;
        let pattern = self.string()?;
        self.expect(")")?;
        Ok(pattern)
    }

    fn piped(&mut self) -> Result<Stage, ParseError> {
        let at = self.at();
        let word = match self.peek() {
            Token::Identifier(word) if !self.is_comparison(1) => word.clone(),
            _ => return Ok(Stage::LabelFilter(self.label_filter()?)),
        };
        let known = match word.as_str() {
            "json" | "logfmt" | "regexp" | "pattern" | "unpack" | "line_format"
            | "label_format" | "drop" | "keep" | "decolorize" => true,
            "unwrap" => {
                let message = "unwrap is only allowed in a range aggregation";
                return Err(ParseError::new(at, message));
            }
            "xml" | "distinct" => {
                return Err(ParseError::new(
                    at,
                    format!("stage {word} is not supported"),
                ));
            }
            _ => false,
        };
        if !known {
            return Ok(Stage::LabelFilter(self.label_filter()?));
        }
        self.advance();
        self.named_stage(&word)
    }

    fn named_stage(&mut self, word: &str) -> Result<Stage, ParseError> {
        Ok(match word {
            "json" => Stage::Parser(ParserStage::Json(self.json()?)),
            "logfmt" => Stage::Parser(ParserStage::Logfmt(self.logfmt()?)),
            "regexp" => {
                let pattern = self.checked_string(|text| regexp::compile(text).map(drop))?;
                Stage::Parser(ParserStage::Regexp(pattern))
            }
            "pattern" => {
                let pattern =
                    self.checked_string(|text| pattern::Pattern::parser(text).map(drop))?;
                Stage::Parser(ParserStage::Pattern(pattern))
            }
            "unpack" => Stage::Parser(ParserStage::Unpack),
            "line_format" => {
                let at = self.at();
                let source = self.string()?;
                Stage::LineFormat(template(at, "line", &source)?)
            }
            "label_format" => Stage::LabelFormat(self.list(Parser::label_format)?),
            "drop" => Stage::Drop(self.list(Parser::label_pick)?),
            "keep" => Stage::Keep(self.list(Parser::label_pick)?),
            _ => Stage::Decolorize,
        })
    }

    /// Parses a string that `check` accepts.
    fn checked_string(
        &mut self,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, ParseError> {
        let at = self.at();
        let text = self.string()?;
        check(&text).map_err(|e| ParseError::new(at, e))?;
        Ok(text)
    }

    fn json(&mut self) -> Result<Vec<Extraction>, ParseError> {
        if !self.is_extraction() {
            return Ok(Vec::new());
        }
        self.list(|parser| {
            let at = parser.at();
            let extraction = parser.extraction()?;
            json_path::parse(&extraction.expression).map_err(|e| ParseError::new(at, e))?;
            Ok(extraction)
        })
    }

    fn logfmt(&mut self) -> Result<Logfmt, ParseError> {
        let mut logfmt = Logfmt::default();
        while let Token::Flag(flag) = self.peek() {
            match flag.as_str() {
                "strict" => logfmt.strict = true,
                "keep-empty" => logfmt.keep_empty = true,
                other => {
                    let message = format!("unknown parser flag --{other}");
                    return Err(ParseError::new(self.at(), message));
                }
            }
            self.advance();
        }
        if self.is_extraction() {
            logfmt.expressions = self.list(Parser::extraction)?;
        }
        Ok(logfmt)
    }

    /// Tells whether an extraction comes next rather than the end of the stage.
    fn is_extraction(&self) -> bool {
        matches!(self.peek(), Token::Identifier(name) if name != "offset")
    }

    /// Parses `name="expression"`, or `name` for `name="name"`.
    fn extraction(&mut self) -> Result<Extraction, ParseError> {
        let name = self.identifier()?;
        let expression = if self.eat("=") {
            self.string()?
        } else {
            name.clone()
        };
        Ok(Extraction { name, expression })
    }

    fn label_format(&mut self) -> Result<LabelFormat, ParseError> {
        let at = self.at();
        let name = self.identifier()?;
        if matches!(name.as_str(), "__error__" | "__error_details__") {
            return Err(ParseError::new(at, format!("{name} cannot be formatted")));
        }
        self.expect("=")?;
        let at = self.at();
        let value = match self.advance() {
            Token::Identifier(source) => FormatValue::Rename(source),
            Token::String(source) => FormatValue::Template(template(at, "label", &source)?),
            _ => {
                self.next -= usize::from(at != self.at());
                return Err(self.unexpected(&["IDENTIFIER", "STRING"]));
            }
        };
        Ok(LabelFormat { name, value })
    }

    fn label_pick(&mut self) -> Result<LabelPick, ParseError> {
        if self.is_comparison(1) {
            return Ok(LabelPick::Matcher(self.matcher()?));
        }
        Ok(LabelPick::Name(self.identifier()?))
    }

    /// Parses `| unwrap conversion(label)`.
    pub(super) fn unwrap_stage(&mut self) -> Result<Unwrap, ParseError> {
        self.count()?;
        self.expect("|")?;
        self.advance();
        let at = self.at();
        let name = self.identifier()?;
        let (label, conversion) = if self.eat("(") {
            let conversion = match name.as_str() {
                "duration" => Conversion::Duration,
                "duration_seconds" => Conversion::DurationSeconds,
                "bytes" => Conversion::Bytes,
                _ => {
                    let message = format!("unknown conversion {name} in unwrap");
                    return Err(ParseError::new(at, message));
                }
            };
            let label = self.identifier()?;
            self.expect(")")?;
            (label, conversion)
        } else {
            (name, Conversion::Number)
        };
        Ok(Unwrap {
            label,
            conversion,
            filters: Vec::new(),
        })
    }
}

fn template(at: Position, kind: &str, source: &str) -> Result<Template, ParseError> {
    Template::parse(source)
        .map_err(|e| ParseError::new(at, format!("invalid {kind} template: {e}")))
}
