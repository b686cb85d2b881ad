//! From the text of a template to its nodes.

use super::functions::{Function, Value};
use super::{Command, DEPTH_MAX, Node, Operand, Pipe, TemplateError};

/// Parses a whole template.
pub(super) fn nodes(source: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser {
        source,
        at: 0,
        depth: 0,
    };
    let (nodes, end) = parser.block()?;
    match end {
        BlockEnd::Text => Ok(nodes),
        BlockEnd::Else | BlockEnd::ElseIf => Err(parser.fault("unexpected {{else}}")),
        BlockEnd::End => Err(parser.fault("unexpected {{end}}")),
    }
}

/// What ended a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockEnd {
    Text,
    Else,
    /// `{{else if`, with the condition still to be read.
    ElseIf,
    End,
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn fault(&self, message: impl Into<String>) -> TemplateError {
        TemplateError {
            column: self.source[..self.at].chars().count() + 1,
            message: message.into(),
        }
    }

    fn enter(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fault(format!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(())
    }

    /// Parses text and actions up to the end of the block.
    fn block(&mut self) -> Result<(Vec<Node>, BlockEnd), TemplateError> {
        self.enter()?;
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let open = rest.find("{{").unwrap_or(rest.len());
            let mut text = &rest[..open];
            if self.after_trim_marker() {
                text = text.trim_start();
            }
            let is_trimming = rest[open..].starts_with("{{- ");
            if is_trimming {
                text = text.trim_end();
            }
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_owned()));
            }
            self.at += open;
            if self.rest().is_empty() {
                self.depth -= 1;
                return Ok((nodes, BlockEnd::Text));
            }
            self.at += if is_trimming { 3 } else { 2 };
            if let Some(end) = self.action(&mut nodes)? {
                self.depth -= 1;
                return Ok((nodes, end));
            }
        }
    }

    /// Tells whether the action that was just closed trims what follows.
    fn after_trim_marker(&self) -> bool {
        self.source[..self.at].ends_with(" -}}")
    }

    /// Parses an action up to its `}}`; returns the end of the block if it is one.
    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<Option<BlockEnd>, TemplateError> {
        self.skip_spaces();
        if self.rest().starts_with("/*") {
            let Some(len) = self.rest().find("*/") else {
                return Err(self.fault("unclosed comment"));
            };
            self.at += len + 2;
            self.close()?;
            return Ok(None);
        }
        match self.peek_word() {
            "if" => {
                self.at += 2;
                nodes.push(self.conditional()?);
                Ok(None)
            }
            "else" => {
                self.at += 4;
                self.skip_spaces();
                if self.peek_word() == "if" {
                    self.at += 2;
                    return Ok(Some(BlockEnd::ElseIf));
                }
                self.close()?;
                Ok(Some(BlockEnd::Else))
            }
            "end" => {
                self.at += 3;
                self.close()?;
                Ok(Some(BlockEnd::End))
            }
            word @ ("range" | "with" | "define" | "template" | "block" | "break" | "continue") => {
                Err(self.fault(format!("{word} is not supported")))
            }
            _ => {
                let pipe = self.pipe()?;
                self.close()?;
                nodes.push(Node::Output(pipe));
                Ok(None)
            }
        }
    }

    /// Parses what follows `{{if`.
    fn conditional(&mut self) -> Result<Node, TemplateError> {
        let condition = self.pipe()?;
        self.close()?;
        let (then, end) = self.block()?;
        let otherwise = match end {
            BlockEnd::End => Vec::new(),
            BlockEnd::ElseIf => {
                self.enter()?;
                let nested = self.conditional()?;
                self.depth -= 1;
                vec![nested]
            }
            BlockEnd::Else => match self.block()? {
                (otherwise, BlockEnd::End) => otherwise,
                _ => return Err(self.fault("expected {{end}}")),
            },
            BlockEnd::Text => return Err(self.fault("expected {{end}}")),
        };
        Ok(Node::If {
            condition,
            then,
            otherwise,
        })
    }

    fn close(&mut self) -> Result<(), TemplateError> {
        self.skip_spaces();
        let spaced = self.source[..self.at].ends_with(char::is_whitespace);
        let len = match self.rest() {
            rest if rest.starts_with("}}") => 2,
            rest if rest.starts_with("-}}") && spaced => 3,
            "" => return Err(self.fault("unclosed action")),
            _ => return Err(self.fault("unexpected text in action")),
        };
        self.at += len;
        Ok(())
    }

    fn pipe(&mut self) -> Result<Pipe, TemplateError> {
        self.enter()?;
        let mut commands = vec![self.command()?];
        loop {
            self.skip_spaces();
            if !self.rest().starts_with('|') {
                break;
            }
            self.at += 1;
            let command = self.command()?;
            if matches!(command, Command::Value(_)) {
                return Err(self.fault("only a function may follow a pipe"));
            }
            commands.push(command);
        }
        for (i, command) in commands.iter().enumerate() {
            self.check_arguments(command, usize::from(i > 0))?;
        }
        self.depth -= 1;
        Ok(Pipe(commands))
    }

    fn check_arguments(&self, command: &Command, piped: usize) -> Result<(), TemplateError> {
        let Command::Call(function, arguments) = command else {
            return Ok(());
        };
        let given = arguments.len() + piped;
        if function.arguments().contains(&given) {
            return Ok(());
        }
        let message = format!("wrong number of arguments for {}: {given}", function.name());
        Err(self.fault(message))
    }

    fn command(&mut self) -> Result<Command, TemplateError> {
        self.skip_spaces();
        let word = self.peek_word();
        if word.is_empty() || matches!(word, "true" | "false" | "nil") {
            return match self.operand()? {
                Some(operand) => Ok(Command::Value(operand)),
                None => Err(self.fault("missing value in action")),
            };
        }
        if let Some(operand) = special(word) {
            self.at += word.len();
            return Ok(Command::Value(operand));
        }
        let Some(function) = Function::from_name(word) else {
            return Err(self.fault(format!("function {word:?} not defined")));
        };
        self.at += word.len();
        let mut arguments = Vec::new();
        while let Some(operand) = self.operand()? {
            arguments.push(operand);
        }
        Ok(Command::Call(function, arguments))
    }

    /// Parses an operand, if there is one before the end of the command.
    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        self.skip_spaces();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Err(self.fault("unclosed action"));
        };
        Ok(Some(match first {
            '.' => {
                self.at += 1;
                let name = self.peek_word();
                self.at += name.len();
                if name.is_empty() {
                    return Err(self.fault("expected a label after the point"));
                }
                Operand::Field(name.to_owned())
            }
            '"' | '`' => Operand::Constant(Value::Text(self.quoted(first)?)),
            '(' => {
                self.at += 1;
                let pipe = self.pipe()?;
                self.skip_spaces();
                if !self.rest().starts_with(')') {
                    return Err(self.fault("expected )"));
                }
                self.at += 1;
                Operand::Pipe(pipe)
            }
            '0'..='9' | '-' | '+' if !rest.starts_with("-}}") => self.number()?,
            _ => {
                let word = self.peek_word();
                let operand = match word {
                    "true" => Operand::Constant(Value::Bool(true)),
                    "false" => Operand::Constant(Value::Bool(false)),
                    "nil" => Operand::Constant(Value::Text(String::new())),
                    word => match (special(word), Function::from_name(word)) {
                        (Some(operand), _) => operand,
                        (None, Some(function)) if function.arguments().contains(&0) => {
                            Operand::Pipe(Pipe(vec![Command::Call(function, Vec::new())]))
                        }
                        (None, None) if !word.is_empty() => {
                            return Err(self.fault(format!("function {word:?} not defined")));
                        }
                        _ => return Ok(None),
                    },
                };
                self.at += word.len();
                operand
            }
        }))
    }

    fn quoted(&mut self, quote: char) -> Result<String, TemplateError> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        let end = inner.char_indices().find_map(|(at, c)| {
            let is_end = c == quote && !escaped;
            escaped = c == '\\' && !escaped && quote == '"';
            is_end.then_some(at)
        });
        let Some(end) = end else {
            return Err(self.fault("unterminated quoted string"));
        };
        let text = if quote == '`' {
            Some(inner[..end].to_owned())
        } else {
            crate::parse::quote::unquote(&inner[..end])
        };
        let Some(text) = text else {
            return Err(self.fault("invalid escape in string"));
        };
        self.at += end + 2;
        Ok(text)
    }

    fn number(&mut self) -> Result<Operand, TemplateError> {
        let rest = self.rest();
        let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.');
        let text = &rest[..end.map_or(rest.len(), |end| end + 1)];
        let value = match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Value::Int(number),
            (_, Ok(number)) => Value::Float(number),
            _ => return Err(self.fault(format!("bad number {text:?}"))),
        };
        self.at += text.len();
        Ok(Operand::Constant(value))
    }

    fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }
}

/// Returns the functions without arguments that tell about the line.
fn special(word: &str) -> Option<Operand> {
    match word {
        "__line__" => Some(Operand::Line),
        "__timestamp__" => Some(Operand::Timestamp),
        _ => None,
    }
}
