//! Templates of `line_format` and `label_format`: a part of Go's text/template.
//!
//! In: text with `{{…}}` actions. Out: text made of a line's labels. Supported are fields, strings,
//! numbers, pipes, parentheses, `if`/`else`, and the functions in [`functions`]; anything else is
//! refused when the query is parsed, with the place within the template.
//! Bound: nesting of [`DEPTH_MAX`]; a result of [`OUTPUT_BYTES_MAX`].

mod functions;
mod parse;
mod render;

use std::fmt;

pub use render::Scope;

/// How deep actions and parentheses may be nested.
pub const DEPTH_MAX: usize = 32;

/// The most bytes that a template renders for one line.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// A template that was parsed.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    nodes: Vec<Node>,
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Template, TemplateError> {
        Ok(Template {
            source: source.to_owned(),
            nodes: parse::nodes(source)?,
        })
    }

    /// Returns the template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders the template; fails on what only the values tell, such as a malformed date.
    pub fn render(&self, scope: &dyn Scope, out: &mut String) -> Result<(), String> {
        render::nodes(&self.nodes, scope, out)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.source == other.source
    }
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Where within the template, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template col {}: {}", self.column, self.message)
    }
}

impl std::error::Error for TemplateError {}

/// A part of a template.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Output(Pipe),
    If {
        condition: Pipe,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Clone, Debug)]
struct Pipe(Vec<Command>);

#[derive(Clone, Debug)]
enum Command {
    Value(Operand),
    Call(functions::Function, Vec<Operand>),
}

#[derive(Clone, Debug)]
enum Operand {
    Field(String),
    Constant(functions::Value),
    Pipe(Pipe),
    /// The whole line.
    Line,
    /// The line's time.
    Timestamp,
}

#[cfg(test)]
mod tests;
