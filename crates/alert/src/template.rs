//! Templates of labels and annotations: Go's text/template with Prometheus's functions.
//!
//! In: text with `{{…}}` actions, and what an alert is about. Out: text. Supported are fields,
//! variables, pipes, `if`, `with`, `range`, `break`, `continue`, `define`, `template` and `block`;
//! methods of times are not, and say so.
//! Bound: [`SOURCE_BYTES_MAX`], nesting of [`DEPTH_MAX`], [`OUTPUT_BYTES_MAX`], [`STEPS_MAX`].

mod compare;
mod execute;
mod function;
mod go;
mod humanize;
mod lex;
mod node;
mod parse;
mod printf;
mod value;

use std::fmt;
use std::sync::Arc;

use weft_model::{Labels, Millis};

use crate::evaluate::{Evaluate, SampleValue};
use node::Parsed;

/// The bytes that a template may have.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// How deep actions and parentheses may be nested.
pub const DEPTH_MAX: usize = 64;

/// The bytes that an expanded template may have.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// How many actions may be executed for one text.
pub const STEPS_MAX: usize = 1_000_000;

/// A template that was parsed; a clone shares it.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    source: String,
    parsed: Parsed,
}

/// What a template is expanded with.
pub struct Context<'a> {
    /// The template's name in messages: `__alert_` and the rule's name.
    pub name: &'a str,
    /// The labels of the query's element.
    pub labels: &'a Labels,
    /// Its value.
    pub value: &'a SampleValue,
    /// The labels that this process adds to all it sends out.
    pub external_labels: &'a Labels,
    /// Where this process is reached, or empty.
    pub external_url: &'a str,
    /// The time of the evaluation.
    pub at: Millis,
    /// Answers `query`.
    pub evaluate: &'a dyn Evaluate,
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Template, TemplateError> {
        let parsed = parse::parse(source)?;
        let source = source.to_owned();
        Ok(Template(Arc::new(Inner { source, parsed })))
    }

    /// Returns the template as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Expands the template.
    pub fn expand(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        execute::expand(&self.0.parsed, context)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.source(), f)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.source() == other.source()
    }
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TemplateError {
    /// The line within the template, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

#[cfg(test)]
mod tests;
