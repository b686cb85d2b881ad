//! The values that templates compute with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weft_model::{Labels, Millis};

use super::go;

/// A value; a clone of a long one shares nothing, they are small.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Labels(Labels),
    /// What `query` finds.
    Sample(Labels, Box<Value>),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Time(Millis),
    /// A length of time, in seconds.
    Duration(f64),
    /// The dot that a rule's templates begin with.
    Root(Box<Root>),
}

/// What a rule's templates are about.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) labels: Labels,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) value: Value,
}

impl Value {
    /// Tells whether a condition holds.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) | Value::Duration(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Sample(..) | Value::Time(_) | Value::Root(_) => true,
        }
    }

    /// Returns the name of the value's type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::Labels(_) => "map[string]string",
            Value::Sample(..) => "template.sample",
            Value::List(_) => "template.queryResult",
            Value::Map(_) => "map[string]interface {}",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::Root(_) => "template data",
        }
    }

    /// Returns a field, or an entry of a mapping; of what is missing from a mapping, its zero.
    pub(super) fn field(&self, name: &str) -> Result<Value, String> {
        let missing = || format!("can't evaluate field {name} in type {}", self.kind());
        match self {
            Value::Labels(labels) => Ok(Value::Text(labels.get(name).to_owned())),
            Value::Map(entries) => Ok(entries.get(name).cloned().unwrap_or(Value::Nil)),
            Value::Sample(labels, value) => match name {
                "Labels" => Ok(Value::Labels(labels.clone())),
                "Value" => Ok((**value).clone()),
                _ => Err(missing()),
            },
            Value::Root(root) => match name {
                "Labels" => Ok(Value::Labels(root.labels.clone())),
                "ExternalLabels" => Ok(Value::Labels(root.external_labels.clone())),
                "ExternalURL" => Ok(Value::Text(root.external_url.clone())),
                "Value" => Ok(root.value.clone()),
                _ => Err(missing()),
            },
            Value::Nil => Err(format!("nil data; no entry for key {name:?}")),
            _ => Err(missing()),
        }
    }

    /// Writes the value as Go's `print` does.
    pub(super) fn print(&self, out: &mut String) {
        match self {
            Value::Nil => out.push_str("<no value>"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => write_int(out, *value),
            Value::Float(value) => out.push_str(&go::float(*value)),
            Value::Text(text) => out.push_str(text),
            Value::Labels(labels) => {
                let pairs = labels.iter().map(|(name, value)| format!("{name}:{value}"));
                print_map(out, pairs);
            }
            Value::Sample(labels, value) => {
                out.push('{');
                Value::Labels(labels.clone()).print(out);
                out.push(' ');
                value.print(out);
                out.push('}');
            }
            Value::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { " " } else { "" });
                    item.print(out);
                }
                out.push(']');
            }
            Value::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|(name, value)| format!("{name}:{}", value.text()));
                print_map(out, pairs);
            }
            Value::Time(at) => out.push_str(&go::time(*at)),
            Value::Duration(seconds) => out.push_str(&go::duration(*seconds)),
            Value::Root(root) => {
                out.push('{');
                Value::Labels(root.labels.clone()).print(out);
                out.push(' ');
                Value::Labels(root.external_labels.clone()).print(out);
                out.push(' ');
                out.push_str(&root.external_url);
                out.push(' ');
                root.value.print(out);
                out.push('}');
            }
        }
    }

    /// Returns the value as `print` writes it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.print(&mut text);
        text
    }

    /// Returns the value as a number, as `humanize` and its like read it.
    pub(super) fn number(&self) -> Result<f64, String> {
        match self {
            Value::Float(value) | Value::Duration(value) => Ok(*value),
            Value::Int(value) => Ok(*value as f64),
            Value::Text(text) => parse_number(text).ok_or_else(|| {
                format!(
                    "strconv.ParseFloat: parsing {}: invalid syntax",
                    go::quote(text)
                )
            }),
            _ => Err(format!("can't convert {} to float", self.kind())),
        }
    }
}

fn parse_number(text: &str) -> Option<f64> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) => match go::number(text)? {
            go::Number::Int(value) => Some(value as f64),
            go::Number::Float(value) => Some(value),
        },
    }
}

fn write_int(out: &mut String, value: i64) {
    write!(out, "{value}").expect("a string takes every text");
}

fn print_map(out: &mut String, pairs: impl Iterator<Item = String>) {
    out.push_str("map[");
    out.push_str(&pairs.collect::<Vec<_>>().join(" "));
    out.push(']');
}
