//! Selectors, stages and ranges as text.

use std::fmt;

use weft_model::Matcher;

use super::{fits, indent, joined};
use crate::ast::{
    Comparison, Conversion, Extraction, FormatValue, LabelFilter, LabelFormat, LabelPick,
    LineFilter, LinePattern, LogExpr, LogRange, Parser, Stage, Unwrap,
};
use crate::parse::quote::quote;
use crate::unit::format_duration;

/// Lays out lines: the selector, then a stage per line where they are many.
pub(super) fn pretty(log: &LogExpr, depth: usize) -> String {
    let one_line = log.to_string();
    if fits(&one_line, depth) {
        return indent(depth) + &one_line;
    }
    let mut text = indent(depth) + &selector(&log.matchers);
    for stage in &log.stages {
        text += &format!("\n{}{stage}", indent(depth + 1));
    }
    text
}

/// Lays out lines over a range.
pub(super) fn pretty_range(range: &LogRange, depth: usize) -> String {
    let one_line = range.to_string();
    if fits(&one_line, depth) {
        return indent(depth) + &one_line;
    }
    let mut text = pretty(&range.log, depth);
    if let Some(unwrap) = &range.unwrap {
        text += &format!("\n{}{unwrap}", indent(depth + 1));
    }
    text += &format!("\n{}{}", indent(depth + 1), window(range));
    text
}

fn window(range: &LogRange) -> String {
    let mut text = format!("[{}]", format_duration(range.interval));
    if range.offset != 0 {
        text += &format!(" offset {}", format_duration(range.offset));
    }
    text
}

fn selector(matchers: &[Matcher]) -> String {
    format!("{{{}}}", joined(matchers.iter().map(matcher)))
}

fn matcher(matcher: &Matcher) -> String {
    let value = quote(&matcher.value);
    format!("{}{}{value}", matcher.name, matcher.op.symbol())
}

impl fmt::Display for LogExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&selector(&self.matchers))?;
        self.stages
            .iter()
            .try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl fmt::Display for LogRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.log)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap} ")?;
        } else if !self.log.stages.is_empty() {
            f.write_str(" ")?;
        }
        f.write_str(&window(self))
    }
}

impl fmt::Display for Unwrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = &self.label;
        match self.conversion {
            Conversion::Number => write!(f, "| unwrap {label}")?,
            Conversion::Duration => write!(f, "| unwrap duration({label})")?,
            Conversion::DurationSeconds => write!(f, "| unwrap duration_seconds({label})")?,
            Conversion::Bytes => write!(f, "| unwrap bytes({label})")?,
        }
        self.filters
            .iter()
            .try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::LineFilter(filter) => write!(f, "{filter}"),
            Stage::Parser(parser) => write!(f, "| {parser}"),
            Stage::LabelFilter(filter) => write!(f, "| {filter}"),
            Stage::LineFormat(template) => write!(f, "| line_format {}", quote(template.source())),
            Stage::LabelFormat(formats) => write!(f, "| label_format {}", joined(formats)),
            Stage::Drop(picks) => write!(f, "| drop {}", joined(picks)),
            Stage::Keep(picks) => write!(f, "| keep {}", joined(picks)),
            Stage::Decolorize => f.write_str("| decolorize"),
        }
    }
}

impl fmt::Display for LineFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pattern) in self.patterns.iter().enumerate() {
            let before = if i == 0 { self.op.symbol() } else { " or" };
            match pattern {
                LinePattern::Text(text) => write!(f, "{before} {}", quote(text))?,
                LinePattern::Ip(set) => write!(f, "{before} ip({})", quote(set))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parser::Json(expressions) => write_parser(f, "json", expressions),
            Parser::Logfmt(logfmt) => {
                let strict = if logfmt.strict { " --strict" } else { "" };
                let keep = if logfmt.keep_empty {
                    " --keep-empty"
                } else {
                    ""
                };
                write_parser(f, &format!("logfmt{strict}{keep}"), &logfmt.expressions)
            }
            Parser::Regexp(pattern) => write!(f, "regexp {}", quote(pattern)),
            Parser::Pattern(pattern) => write!(f, "pattern {}", quote(pattern)),
            Parser::Unpack => f.write_str("unpack"),
        }
    }
}

fn write_parser(f: &mut fmt::Formatter<'_>, name: &str, expressions: &[Extraction]) -> fmt::Result {
    f.write_str(name)?;
    if !expressions.is_empty() {
        write!(f, " {}", joined(expressions))?;
    }
    Ok(())
}

impl fmt::Display for Extraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, quote(&self.expression))
    }
}

impl fmt::Display for LabelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            FormatValue::Rename(source) => write!(f, "{}={source}", self.name),
            FormatValue::Template(template) => {
                write!(f, "{}={}", self.name, quote(template.source()))
            }
        }
    }
}

impl fmt::Display for LabelPick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelPick::Name(name) => f.write_str(name),
            LabelPick::Matcher(picked) => f.write_str(&matcher(picked)),
        }
    }
}

impl fmt::Display for LabelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelFilter::And(left, right) => {
                write!(f, "{} and {}", Grouped(left), Tight(right))
            }
            LabelFilter::Or(left, right) => write!(f, "{left} or {}", Grouped(right)),
            LabelFilter::Text(text) => f.write_str(&matcher(text)),
            LabelFilter::Number(number) => write_compared(f, number, &number.value.to_string()),
            LabelFilter::Duration(duration) => {
                write_compared(f, duration, &format_duration(duration.value))
            }
            LabelFilter::Bytes(bytes) => write_compared(f, bytes, &format!("{}B", bytes.value)),
            LabelFilter::Ip {
                name,
                negated,
                pattern,
            } => {
                let op = if *negated { "!=" } else { "=" };
                write!(f, "{name}{op}ip({})", quote(pattern))
            }
        }
    }
}

fn write_compared<T>(
    f: &mut fmt::Formatter<'_>,
    comparison: &Comparison<T>,
    value: &str,
) -> fmt::Result {
    write!(f, "{}{}{value}", comparison.name, comparison.op.symbol())
}

/// A condition in parentheses if it is an `or`.
struct Grouped<'a>(&'a LabelFilter);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Grouped(filter) = self;
        match filter {
            LabelFilter::Or(..) => write!(f, "({filter})"),
            _ => write!(f, "{filter}"),
        }
    }
}

/// A condition in parentheses unless it is a single one.
struct Tight<'a>(&'a LabelFilter);

impl fmt::Display for Tight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LabelFilter::Or(..) | LabelFilter::And(..) => write!(f, "({})", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}
