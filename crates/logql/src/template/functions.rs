//! The functions of templates, by the names that Loki's users know.
//!
//! The last argument is the one that a pipe passes on. Text that is not a number counts as 0.

mod date;
mod number;
mod text;

use std::ops::RangeInclusive;

use weft_model::Nanos;

/// A value within a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Nanos),
}

impl Value {
    /// Returns the value as it is printed.
    pub(super) fn into_text(self) -> String {
        match self {
            Value::Text(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Time(time) => time.to_string(),
        }
    }

    /// Tells whether the value counts as true: not empty and not zero.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Bool(truth) => *truth,
            Value::Time(_) => true,
        }
    }

    fn as_float(&self) -> f64 {
        match self {
            Value::Text(text) => text.trim().parse().unwrap_or(0.0),
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            Value::Time(time) => time.0 as f64,
        }
    }

    fn as_int(&self) -> i64 {
        match self {
            Value::Text(text) => match text.trim().parse::<i64>() {
                Ok(number) => number,
                Err(_) => self.as_float() as i64,
            },
            Value::Int(number) => *number,
            Value::Time(time) => time.0,
            other => other.as_float() as i64,
        }
    }
}

/// What a function does with its arguments; it never gets a number of them it does not allow.
type Apply = fn(&[Value]) -> Result<Value, String>;

/// A function of templates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    name: &'static str,
    least: usize,
    most: usize,
    apply: Apply,
}

impl Function {
    /// Returns the function of this name.
    pub(super) fn from_name(name: &str) -> Option<Function> {
        let tables = [text::FUNCTIONS, number::FUNCTIONS, date::FUNCTIONS];
        let mut all = tables.into_iter().flatten();
        all.find(|function| function.name == name).copied()
    }

    /// Returns the name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns how many arguments there may be.
    pub(super) fn arguments(&self) -> RangeInclusive<usize> {
        self.least..=self.most
    }

    /// Computes the result.
    pub(super) fn apply(&self, arguments: &[Value]) -> Result<Value, String> {
        (self.apply)(arguments)
    }
}

/// Describes a function in a table.
const fn function(name: &'static str, least: usize, most: usize, apply: Apply) -> Function {
    Function {
        name,
        least,
        most,
        apply,
    }
}

/// Returns an argument as text.
fn text_at(arguments: &[Value], index: usize) -> String {
    arguments
        .get(index)
        .map_or_else(String::new, |value| value.clone().into_text())
}
