//! The stages of a query, compiled, and the line that runs through them.
//!
//! In: a [`LogExpr`]'s stages and stored lines. Out: whether a line stays, and what became of its
//! text and labels. Bound: [`row::FIELDS_MAX`] labels per line.

pub(crate) mod address;
mod decolorize;
mod json;
pub(crate) mod json_path;
mod label_filter;
pub(crate) mod line_filter;
mod logfmt;
pub(crate) mod needle;
pub(crate) mod pattern;
mod pick;
pub(crate) mod regexp;
pub(crate) mod row;
pub(crate) mod unwrap;

use std::borrow::Cow;

use regex::Regex;
use weft_model::{Labels, Matcher};

use crate::ast::{Extraction, FormatValue, LabelFilter, LabelFormat, LogExpr, Parser, Stage};
use crate::source::{Entry, Needle};
use crate::value::StreamEntry;
use json_path::Step;
pub(crate) use label_filter::Condition;
use line_filter::LineTest;
use pattern::Pattern;
use pick::Picks;
use row::{ErrorKind, Row, Scratch};

/// A compiled pipeline. It keeps no state between lines.
#[derive(Clone, Debug)]
pub struct Pipeline {
    matchers: Vec<Matcher>,
    needles: Vec<Needle>,
    stages: Vec<Compiled>,
}

#[derive(Clone, Debug)]
enum Compiled {
    Line(LineTest),
    Json,
    JsonPaths(Vec<(String, Vec<Step>)>),
    Logfmt(logfmt::Options),
    Regexp(Regex),
    Pattern(Pattern),
    Unpack,
    Condition(Condition),
    LineFormat(crate::template::Template),
    LabelFormat(Vec<LabelFormat>),
    Drop(Picks),
    Keep(Picks),
    Decolorize,
}

impl Pipeline {
    /// Compiles the stages of an expression; fails on what parsing would have refused.
    pub fn compile(log: &LogExpr) -> Result<Pipeline, String> {
        let stages = log.stages.iter().map(compile_stage);
        Ok(Pipeline {
            matchers: log.matchers.clone(),
            needles: needle::of_stages(&log.stages),
            stages: stages.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the conditions on a stream.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Returns what every line that passes contains.
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// Runs one line through the stages; returns nothing when it is filtered out.
    ///
    /// For a live tail and for looking at single lines; the engine shares buffers between lines.
    pub fn process(&self, stream: &Labels, entry: Entry<'_>) -> Option<(Labels, StreamEntry)> {
        let mut scratch = Scratch::default();
        let mut row = Row::new(stream, entry, &mut scratch);
        self.run(&mut row).then(|| row.into_entry())
    }

    /// Runs a row through the stages; tells whether it stays.
    pub(crate) fn run(&self, row: &mut Row<'_>) -> bool {
        self.stages.iter().all(|stage| stage.apply(row))
    }
}

fn compile_stage(stage: &Stage) -> Result<Compiled, String> {
    Ok(match stage {
        Stage::LineFilter(filter) => Compiled::Line(LineTest::compile(filter)?),
        Stage::Parser(parser) => compile_parser(parser)?,
        Stage::LabelFilter(filter) => Compiled::Condition(compile_condition(filter)?),
        Stage::LineFormat(template) => Compiled::LineFormat(template.clone()),
        Stage::LabelFormat(formats) => Compiled::LabelFormat(formats.clone()),
        Stage::Drop(picks) => Compiled::Drop(Picks::compile(picks)?),
        Stage::Keep(picks) => Compiled::Keep(Picks::compile(picks)?),
        Stage::Decolorize => Compiled::Decolorize,
    })
}

/// Compiles a condition on labels.
pub(crate) fn compile_condition(filter: &LabelFilter) -> Result<Condition, String> {
    Condition::compile(filter)
}

fn compile_parser(parser: &Parser) -> Result<Compiled, String> {
    Ok(match parser {
        Parser::Json(expressions) if expressions.is_empty() => Compiled::Json,
        Parser::Json(expressions) => {
            let compile = |extraction: &Extraction| {
                json_path::parse(&extraction.expression).map(|path| (extraction.name.clone(), path))
            };
            Compiled::JsonPaths(expressions.iter().map(compile).collect::<Result<_, _>>()?)
        }
        Parser::Logfmt(options) => Compiled::Logfmt(logfmt::Options::of(options)),
        Parser::Regexp(pattern) => Compiled::Regexp(regexp::compile(pattern)?),
        Parser::Pattern(text) => Compiled::Pattern(Pattern::parser(text)?),
        Parser::Unpack => Compiled::Unpack,
    })
}

impl Compiled {
    /// Applies the stage; tells whether the row stays.
    fn apply(&self, row: &mut Row<'_>) -> bool {
        match self {
            Compiled::Line(test) => return test.passes(&row.line),
            Compiled::Condition(condition) => return condition.holds(row),
            Compiled::Json => parse_line(row, ErrorKind::Json, json::extract_all),
            Compiled::JsonPaths(paths) => parse_line(row, ErrorKind::Json, |line, row| {
                json::extract_paths(line, paths, row)
            }),
            Compiled::Logfmt(options) => parse_line(row, ErrorKind::Logfmt, |line, row| {
                logfmt::extract(line, options, row)
            }),
            Compiled::Regexp(regex) => parse_line(row, ErrorKind::Regexp, |line, row| {
                extract_groups(regex, line, row);
                Ok(())
            }),
            Compiled::Pattern(pattern) => parse_line(row, ErrorKind::Pattern, |line, row| {
                pattern.captures(line, |name, held| row.extract(name, held));
                Ok(())
            }),
            Compiled::Unpack => unpack(row),
            Compiled::LineFormat(template) => format_line(template, row),
            Compiled::LabelFormat(formats) => format_labels(formats, row),
            Compiled::Drop(picks) => picks.drop_from(row),
            Compiled::Keep(picks) => picks.keep_in(row),
            Compiled::Decolorize => {
                if let Some(plain) = decolorize::decolorized(&row.line) {
                    row.line = Cow::Owned(plain);
                }
            }
        }
        true
    }
}

/// Lets a parser read the line; a fault marks the row.
fn parse_line(
    row: &mut Row<'_>,
    kind: ErrorKind,
    parse: impl FnOnce(&str, &mut Row<'_>) -> Result<(), String>,
) {
    let line = std::mem::take(&mut row.line);
    if let Err(details) = parse(&line, row) {
        row.fail(kind, &details);
    }
    row.line = line;
}

fn extract_groups(regex: &Regex, line: &str, row: &mut Row<'_>) {
    let Some(captures) = regex.captures(line) else {
        return;
    };
    for name in regex.capture_names().flatten() {
        if let Some(group) = captures.name(name) {
            row.extract(name, group.as_str());
        }
    }
}

fn unpack(row: &mut Row<'_>) {
    let line = std::mem::take(&mut row.line);
    match json::unpack(&line, row) {
        Ok(Some(packed)) => row.line = Cow::Owned(packed),
        Ok(None) => row.line = line,
        Err(details) => {
            row.line = line;
            row.fail(ErrorKind::Json, &details);
        }
    }
}

fn format_line(template: &crate::template::Template, row: &mut Row<'_>) {
    let mut line = String::new();
    match template.render(row, &mut line) {
        Ok(()) => row.line = Cow::Owned(line),
        Err(details) => row.fail(ErrorKind::Template, &details),
    }
}

fn format_labels(formats: &[LabelFormat], row: &mut Row<'_>) {
    for format in formats {
        match &format.value {
            FormatValue::Rename(source) => {
                let value = row.get(source).to_owned();
                row.write(&format.name, &value);
                if source != &format.name {
                    row.hide(source);
                }
            }
            FormatValue::Template(template) => {
                let mut value = String::new();
                match template.render(row, &mut value) {
                    Ok(()) => row.write(&format.name, &value),
                    Err(details) => row.fail(ErrorKind::Template, &details),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
