//! From nodes and a line's labels to text.

use weft_model::Nanos;

use super::functions::Value;
use super::{Command, Node, OUTPUT_BYTES_MAX, Operand, Pipe};

/// What a template may ask about a line.
pub trait Scope {
    /// Returns a label's value, empty if there is none.
    fn label(&self, name: &str) -> &str;

    /// Returns the line.
    fn line(&self) -> &str;

    /// Returns the line's time.
    fn time(&self) -> Nanos;
}

/// Renders nodes one after the other.
pub(super) fn nodes(nodes: &[Node], scope: &dyn Scope, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Output(pipe) => output(pipe, scope, out)?,
            Node::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if pipe_value(condition, scope)?.is_true() {
                    then
                } else {
                    otherwise
                };
                self::nodes(branch, scope, out)?;
            }
        }
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(format!(
                "template output longer than {OUTPUT_BYTES_MAX} bytes"
            ));
        }
    }
    Ok(())
}

/// Renders a pipe; a plain label is not copied twice.
fn output(pipe: &Pipe, scope: &dyn Scope, out: &mut String) -> Result<(), String> {
    if let [Command::Value(Operand::Field(name))] = pipe.0.as_slice() {
        out.push_str(scope.label(name));
        return Ok(());
    }
    out.push_str(&pipe_value(pipe, scope)?.into_text());
    Ok(())
}

fn pipe_value(pipe: &Pipe, scope: &dyn Scope) -> Result<Value, String> {
    let mut passed: Option<Value> = None;
    for command in &pipe.0 {
        passed = Some(match command {
            Command::Value(operand) => operand_value(operand, scope)?,
            Command::Call(function, operands) => {
                let mut arguments = Vec::with_capacity(operands.len() + 1);
                for operand in operands {
                    arguments.push(operand_value(operand, scope)?);
                }
                arguments.extend(passed.take());
                function
                    .apply(&arguments)
                    .map_err(|e| format!("{}: {e}", function.name()))?
            }
        });
    }
    Ok(passed.unwrap_or(Value::Text(String::new())))
}

fn operand_value(operand: &Operand, scope: &dyn Scope) -> Result<Value, String> {
    Ok(match operand {
        Operand::Field(name) => Value::Text(scope.label(name).to_owned()),
        Operand::Constant(value) => value.clone(),
        Operand::Pipe(pipe) => pipe_value(pipe, scope)?,
        Operand::Line => Value::Text(scope.line().to_owned()),
        Operand::Timestamp => Value::Time(scope.time()),
    })
}
