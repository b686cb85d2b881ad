//! The tree of a template.

use std::collections::BTreeMap;

use super::function::Function;

/// A whole template: its own nodes, and those it defines by name.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) nodes: Vec<Node>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    /// An action; its value is written unless it only sets a variable.
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    /// Another template, by its name, with its dot.
    Template {
        name: String,
        dot: Option<Pipe>,
        line: usize,
    },
}

/// A condition with what follows from it.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) line: usize,
    /// The variables that are set: none, one, or in a range two.
    pub(super) variables: Vec<String>,
    /// Whether the variables are new ones (`:=`).
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    Value(Operand),
    Call(Function, Vec<Operand>),
}

/// A value within an action.
#[derive(Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A function that is called without arguments.
    Function(Function),
    /// Fields of dot.
    Field(Vec<String>),
    /// Fields of a variable.
    Variable(String, Vec<String>),
    /// Fields of a pipe in parentheses.
    Pipe(Box<Pipe>, Vec<String>),
}
