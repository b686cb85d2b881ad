//! From the tree of a template to text.
//!
//! Bound: [`OUTPUT_BYTES_MAX`] of text, [`STEPS_MAX`] nodes, [`DEPTH_MAX`] templates within each
//! other.

use super::function::{self, Function};
use super::node::{Branch, Command, Node, Operand, Parsed, Pipe};
use super::value::{Root, Value};
use super::{Context, DEPTH_MAX, OUTPUT_BYTES_MAX, STEPS_MAX, TemplateError};
use crate::evaluate::SampleValue;

/// Expands a template.
pub(super) fn expand(parsed: &Parsed, context: &Context<'_>) -> Result<String, TemplateError> {
    let root = Value::Root(Box::new(Root {
        labels: context.labels.clone(),
        external_labels: context.external_labels.clone(),
        external_url: context.external_url.to_owned(),
        value: sample_value(context.value),
    }));
    let mut run = Run {
        parsed,
        context,
        out: String::new(),
        variables: vec![("$".to_owned(), root.clone())],
        line: 1,
        steps: 0,
        depth: 0,
    };
    for name in ["labels", "externalLabels", "externalURL", "value"] {
        let field = match name {
            "labels" => "Labels",
            "externalLabels" => "ExternalLabels",
            "externalURL" => "ExternalURL",
            _ => "Value",
        };
        let value = root.field(field).expect("the root has these fields");
        run.variables.push((format!("${name}"), value));
    }
    match run.nodes(&parsed.nodes, &root) {
        Ok(_) => Ok(run.out),
        Err(why) => {
            let (name, line) = (context.name, run.line);
            Err(TemplateError {
                line,
                message: format!(
                    "error executing template {name}: template: {name}:{line}: executing {name:?}: {why}"
                ),
            })
        }
    }
}

/// Returns a sample's value as templates see it: a histogram as its text.
pub(super) fn sample_value(value: &SampleValue) -> Value {
    match value {
        SampleValue::Float(value) => Value::Float(*value),
        SampleValue::Histogram(histogram) => {
            let (count, sum) = (histogram.count, histogram.sum);
            Value::Text(format!("{{count:{count}, sum:{sum}}}"))
        }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'a> {
    parsed: &'a Parsed,
    context: &'a Context<'a>,
    out: String,
    variables: Vec<(String, Value)>,
    line: usize,
    steps: usize,
    depth: usize,
}

impl<'a> Run<'a> {
    fn nodes(&mut self, nodes: &'a [Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(format!("more than {STEPS_MAX} actions"));
            }
            if self.out.len() > OUTPUT_BYTES_MAX {
                return Err(format!("text is longer than {OUTPUT_BYTES_MAX} bytes"));
            }
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    value.print(&mut self.out);
                }
            }
            Node::If(branch) => {
                return self.scoped(|run| {
                    let holds = run.pipe(&branch.pipe, dot)?.is_true();
                    run.nodes(
                        if holds {
                            &branch.then
                        } else {
                            &branch.otherwise
                        },
                        dot,
                    )
                });
            }
            Node::With(branch) => {
                return self.scoped(|run| {
                    let value = run.pipe(&branch.pipe, dot)?;
                    match value.is_true() {
                        true => run.nodes(&branch.then, &value),
                        false => run.nodes(&branch.otherwise, dot),
                    }
                });
            }
            Node::Range(branch) => return self.scoped(|run| run.range(branch, dot)),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Template {
                name,
                dot: pipe,
                line,
            } => {
                let inner = match pipe {
                    Some(pipe) => self.pipe(pipe, dot)?,
                    None => Value::Nil,
                };
                self.line = *line;
                self.template(name, &inner)?;
            }
        }
        Ok(Flow::On)
    }

    fn template(&mut self, name: &str, dot: &Value) -> Result<(), String> {
        let Some(nodes) = self.parsed.defined.get(name) else {
            return Err(format!("template {name:?} not defined"));
        };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("exceeded maximum template depth".to_owned());
        }
        let inside = vec![("$".to_owned(), dot.clone())];
        let outside = std::mem::replace(&mut self.variables, inside);
        self.nodes(nodes, dot)?;
        self.variables = outside;
        self.depth -= 1;
        Ok(())
    }

    /// Runs something, and forgets the variables that it has declared.
    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        let outside = self.variables.len();
        let done = run(self);
        self.variables.truncate(outside);
        done
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Result<Flow, String> {
        self.line = branch.pipe.line;
        let items = items_of(self.commands(&branch.pipe, dot)?)?;
        if items.is_empty() {
            return self.nodes(&branch.otherwise, dot);
        }
        for (key, item) in items {
            let flow = self.scoped(|run| {
                match branch.pipe.variables.as_slice() {
                    [only] => run.set(only, item.clone(), branch.pipe.declares),
                    [first, second] => {
                        run.set(first, key, branch.pipe.declares);
                        run.set(second, item.clone(), branch.pipe.declares);
                    }
                    _ => {}
                }
                run.nodes(&branch.then, &item)
            })?;
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, name: &str, value: Value, declares: bool) {
        let known = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name);
        match known {
            Some((_, kept)) if !declares => *kept = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipe(&mut self, pipe: &'a Pipe, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.declares);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'a Pipe, dot: &Value) -> Result<Value, String> {
        self.line = pipe.line;
        let mut last = None;
        for command in &pipe.commands {
            let value = match command {
                Command::Value(Operand::Nil) => return Err("nil is not a command".to_owned()),
                Command::Value(operand) => self.operand(operand, dot)?,
                Command::Call(function, arguments) => {
                    self.call(*function, arguments, last.take(), dot)?
                }
            };
            last = Some(value);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn call(
        &mut self,
        function: Function,
        operands: &'a [Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, String> {
        // These two look at no more arguments than they need.
        if let Some(stops_at) = function.short_circuit() {
            let mut value = Value::Nil;
            for operand in operands {
                value = self.operand(operand, dot)?;
                if value.is_true() == stops_at {
                    return Ok(value);
                }
            }
            return Ok(piped.unwrap_or(value));
        }
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        if function.is_template() {
            return self.expand_template(arguments);
        }
        function::call(function, arguments, self.context)
    }

    /// Expands a defined template into a value.
    fn expand_template(&mut self, arguments: Vec<Value>) -> Result<Value, String> {
        let mut arguments = arguments.into_iter();
        let (Some(Value::Text(name)), dot) = (arguments.next(), arguments.next()) else {
            return Err("tmpl wants the name of a template".to_owned());
        };
        let outside = std::mem::take(&mut self.out);
        self.template(&name, &dot.unwrap_or(Value::Nil))?;
        Ok(Value::Text(std::mem::replace(&mut self.out, outside)))
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value) -> Result<Value, String> {
        Ok(match operand {
            Operand::Dot => dot.clone(),
            Operand::Nil => Value::Nil,
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(value) => Value::Int(*value),
            Operand::Float(value) => Value::Float(*value),
            Operand::Text(text) => Value::Text(text.clone()),
            Operand::Function(function) => self.call(*function, &[], None, dot)?,
            Operand::Field(fields) => follow(dot.clone(), fields)?,
            Operand::Variable(name, fields) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.map_or(Value::Nil, |(_, value)| value.clone());
                follow(value, fields)?
            }
            Operand::Pipe(pipe, fields) => {
                let value = self.pipe(pipe, dot)?;
                follow(value, fields)?
            }
        })
    }
}

fn follow(value: Value, fields: &[String]) -> Result<Value, String> {
    fields
        .iter()
        .try_fold(value, |value, name| value.field(name))
}

/// Returns what a range goes over, each with its key.
fn items_of(value: Value) -> Result<Vec<(Value, Value)>, String> {
    let text = |text: &str| Value::Text(text.to_owned());
    Ok(match value {
        Value::List(items) => {
            let numbered = items.into_iter().enumerate();
            numbered
                .map(|(at, item)| (Value::Int(at as i64), item))
                .collect()
        }
        Value::Labels(labels) => labels.iter().map(|(k, v)| (text(k), text(v))).collect(),
        Value::Map(entries) => entries
            .into_iter()
            .map(|(k, v)| (Value::Text(k), v))
            .collect(),
        Value::Int(count) if count <= STEPS_MAX as i64 => (0..count.max(0))
            .map(|at| (Value::Int(at), Value::Int(at)))
            .collect(),
        Value::Nil => Vec::new(),
        other => return Err(format!("range can't iterate over {}", other.text())),
    })
}
