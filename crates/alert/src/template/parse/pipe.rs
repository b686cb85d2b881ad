//! Pipes: commands with `|` between them, and the variables that they set.

use super::Parser;
use crate::template::TemplateError;
use crate::template::function::Function;
use crate::template::go;
use crate::template::lex::Token;
use crate::template::node::{Command, Operand, Pipe};

impl Parser {
    /// Parses a pipe and the `}}` behind it.
    pub(super) fn pipe(&mut self, context: &str, is_range: bool) -> Result<Pipe, TemplateError> {
        let pipe = self.inner_pipe(context, is_range)?;
        match self.next() {
            Token::Close => Ok(pipe),
            token => self.unexpected(&token, context),
        }
    }

    /// Parses a pipe up to what cannot be part of it.
    fn inner_pipe(&mut self, context: &str, is_range: bool) -> Result<Pipe, TemplateError> {
        self.enter()?;
        self.skip_space();
        let (mut variables, mut declares) = (Vec::new(), false);
        let mut commands = Vec::new();
        if let Token::Variable(name) = self.peek().clone() {
            self.next();
            let spaced = *self.peek() == Token::Space;
            self.skip_space();
            match self.peek() {
                Token::Declare | Token::Assign => {
                    declares = self.next() == Token::Declare;
                    variables.push(name);
                }
                Token::Comma if is_range => {
                    variables = self.two_variables(name)?;
                    declares = self.next() == Token::Declare;
                }
                _ => commands.push(self.command_from_variable(name, spaced)?),
            }
        }
        let line = self.line;
        if commands.is_empty() {
            self.check_assigned(&variables, declares)?;
            commands.push(self.command(context)?);
        }
        while *self.peek() == Token::Pipe {
            self.next();
            match self.command(context)? {
                Command::Value(_) => {
                    return self.fault("non executable command in pipeline stage 2");
                }
                call => commands.push(call),
            }
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipe {
            line,
            variables,
            declares,
            commands,
        })
    }

    /// Parses `, $y` before `:=`.
    fn two_variables(&mut self, first: String) -> Result<Vec<String>, TemplateError> {
        self.next();
        self.skip_space();
        let Token::Variable(second) = self.next() else {
            return self.fault("range can only initialize variables");
        };
        self.skip_space();
        match self.peek() {
            Token::Declare | Token::Assign => Ok(vec![first, second]),
            _ => self.fault("expected := in range"),
        }
    }

    fn check_assigned(
        &mut self,
        variables: &[String],
        declares: bool,
    ) -> Result<(), TemplateError> {
        let unknown = variables.iter().find(|name| !self.variables.contains(name));
        match unknown {
            Some(name) if !declares => self.fault(format!("undefined variable {name:?}")),
            _ => Ok(()),
        }
    }

    fn command_from_variable(
        &mut self,
        name: String,
        spaced: bool,
    ) -> Result<Command, TemplateError> {
        let first = self.variable(name, !spaced)?;
        if spaced && !matches!(self.peek(), Token::Pipe | Token::Close | Token::RightParen) {
            return self.fault("can't give argument to non-function");
        }
        self.skip_space();
        Ok(Command::Value(first))
    }

    fn command(&mut self, context: &str) -> Result<Command, TemplateError> {
        self.skip_space();
        if let Token::Word(word) = self.peek().clone()
            && !matches!(word.as_str(), "true" | "false" | "nil")
        {
            self.next();
            let function = self.function(&word)?;
            let arguments = self.arguments(context)?;
            return Ok(Command::Call(function, arguments));
        }
        let Some(value) = self.operand(context)? else {
            return match self.peek() {
                Token::Close | Token::Pipe | Token::RightParen => {
                    self.fault(format!("missing value for {context}"))
                }
                _ => {
                    let token = self.next();
                    self.unexpected(&token, context)
                }
            };
        };
        let spaced = *self.peek() == Token::Space;
        self.skip_space();
        match self.peek() {
            Token::Pipe | Token::Close | Token::RightParen => Ok(Command::Value(value)),
            _ if spaced => self.fault("can't give argument to non-function"),
            _ => {
                let token = self.next();
                self.unexpected(&token, "operand")
            }
        }
    }

    fn arguments(&mut self, context: &str) -> Result<Vec<Operand>, TemplateError> {
        let mut arguments = Vec::new();
        loop {
            let spaced = *self.peek() == Token::Space;
            self.skip_space();
            match self.peek() {
                Token::Pipe | Token::Close | Token::RightParen => return Ok(arguments),
                _ if !spaced => {
                    let token = self.next();
                    return self.unexpected(&token, "operand");
                }
                _ => {}
            }
            match self.operand(context)? {
                Some(argument) => arguments.push(argument),
                None => {
                    let token = self.next();
                    return self.unexpected(&token, "operand");
                }
            }
        }
    }

    /// Parses a value, if one follows.
    fn operand(&mut self, context: &str) -> Result<Option<Operand>, TemplateError> {
        let operand = match self.peek().clone() {
            Token::Dot => {
                self.next();
                Operand::Dot
            }
            Token::Field(_) => Operand::Field(self.fields()),
            Token::Variable(name) => {
                self.next();
                self.variable(name, true)?
            }
            Token::Number(written) => {
                self.next();
                match go::number(&written) {
                    Some(go::Number::Int(number)) => Operand::Int(number),
                    Some(go::Number::Float(number)) => Operand::Float(number),
                    None => return self.fault(format!("bad number syntax: {written:?}")),
                }
            }
            Token::Char(c) => {
                self.next();
                Operand::Int(i64::from(u32::from(c)))
            }
            Token::Quoted(text) => {
                self.next();
                Operand::Text(text)
            }
            Token::Word(word) => {
                self.next();
                match word.as_str() {
                    "nil" => Operand::Nil,
                    "true" | "false" => Operand::Bool(word == "true"),
                    _ => Operand::Function(self.function(&word)?),
                }
            }
            Token::LeftParen => {
                self.next();
                let pipe = self.inner_pipe(context, false)?;
                if self.next() != Token::RightParen {
                    return self.fault("unclosed left paren");
                }
                Operand::Pipe(Box::new(pipe), self.fields())
            }
            _ => return Ok(None),
        };
        Ok(Some(operand))
    }

    fn variable(&mut self, name: String, with_fields: bool) -> Result<Operand, TemplateError> {
        if !self.variables.contains(&name) {
            return self.fault(format!("undefined variable {name:?}"));
        }
        let fields = if with_fields {
            self.fields()
        } else {
            Vec::new()
        };
        Ok(Operand::Variable(name, fields))
    }

    fn fields(&mut self) -> Vec<String> {
        let mut fields = Vec::new();
        while let Token::Field(name) = self.peek().clone() {
            self.next();
            fields.push(name);
        }
        fields
    }

    fn function(&mut self, word: &str) -> Result<Function, TemplateError> {
        match Function::from_name(word) {
            Some(function) => Ok(function),
            None => self.fault(format!("function {word:?} not defined")),
        }
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T, TemplateError> {
        match token {
            Token::End => self.fault("unclosed action"),
            token => self.fault(format!("unexpected {} in {context}", word_of(token))),
        }
    }
}

fn word_of(token: &Token) -> String {
    match token {
        Token::Word(word) | Token::Variable(word) | Token::Number(word) => format!("<{word}>"),
        Token::Field(name) => format!("<.{name}>"),
        Token::Quoted(text) => go::quote(text),
        Token::Char(c) => format!("'{c}'"),
        Token::Declare => "\":=\"".to_owned(),
        Token::Assign => "\"=\"".to_owned(),
        Token::Pipe => "\"|\"".to_owned(),
        Token::Comma => "\",\"".to_owned(),
        Token::LeftParen => "\"(\"".to_owned(),
        Token::RightParen => "\")\"".to_owned(),
        Token::Close => "\"}}\"".to_owned(),
        Token::Dot => "<.>".to_owned(),
        Token::Text(_) | Token::Open | Token::Space | Token::End => "end".to_owned(),
    }
}
