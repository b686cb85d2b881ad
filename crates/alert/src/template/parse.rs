//! From the words of a template to its tree.
//!
//! What Go's parser refuses is refused here, in its words: an unknown function, a variable that is
//! not set, a block that is not closed.

mod pipe;

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lex::{self, Item, Token};
use super::node::{Branch, Node, Parsed, Pipe};
use super::{DEPTH_MAX, SOURCE_BYTES_MAX, TemplateError};

/// Variables that a rule's templates find set.
const GIVEN: [&str; 5] = ["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// Parses a whole template.
pub(super) fn parse(source: &str) -> Result<Parsed, TemplateError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(TemplateError {
            line: 1,
            message: format!("template is longer than {SOURCE_BYTES_MAX} bytes"),
        });
    }
    let mut parser = Parser {
        items: lex::items(source)?.into_iter().peekable(),
        line: 1,
        variables: GIVEN.map(str::to_owned).to_vec(),
        depth: 0,
        ranges: 0,
        parsed: Parsed::default(),
    };
    let (nodes, end) = parser.block()?;
    match end {
        BlockEnd::Text => {}
        BlockEnd::Else(_) => return parser.fault("unexpected {{else}}"),
        BlockEnd::End => return parser.fault("unexpected {{end}}"),
    }
    parser.parsed.nodes = nodes;
    Ok(parser.parsed)
}

/// What ended a block.
enum BlockEnd {
    Text,
    /// `{{else`; the word behind it, such as the second `if` of a chain.
    Else(Option<String>),
    End,
}

struct Parser {
    items: Peekable<IntoIter<Item>>,
    line: usize,
    /// The variables that are set here; those of a block go with it.
    variables: Vec<String>,
    depth: usize,
    /// In how many ranges this is.
    ranges: usize,
    parsed: Parsed,
}

impl Parser {
    fn fault<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError {
            line: self.line,
            message: message.into(),
        })
    }

    fn next(&mut self) -> Token {
        match self.items.next() {
            Some(item) => {
                self.line = item.line;
                item.token
            }
            None => Token::End,
        }
    }

    fn peek(&mut self) -> &Token {
        self.items.peek().map_or(&Token::End, |item| &item.token)
    }

    fn skip_space(&mut self) {
        if *self.peek() == Token::Space {
            self.next();
        }
    }

    fn enter(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fault(format!("nested deeper than {DEPTH_MAX}"));
        }
        Ok(())
    }

    /// Parses text and actions up to the end of the block.
    fn block(&mut self) -> Result<(Vec<Node>, BlockEnd), TemplateError> {
        self.enter()?;
        let mut nodes = Vec::new();
        let end = loop {
            match self.next() {
                Token::Text(text) => nodes.push(Node::Text(text)),
                Token::Open => {
                    if let Some(end) = self.action(&mut nodes)? {
                        break end;
                    }
                }
                _ => break BlockEnd::Text,
            }
        };
        self.depth -= 1;
        Ok((nodes, end))
    }

    /// Parses an action; returns the end of the block if it is one.
    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<Option<BlockEnd>, TemplateError> {
        self.skip_space();
        let word = match self.peek() {
            Token::Word(word) => word.clone(),
            _ => String::new(),
        };
        let node = match word.as_str() {
            "end" => {
                self.next();
                self.close("end")?;
                return Ok(Some(BlockEnd::End));
            }
            "else" => {
                self.next();
                return self.otherwise().map(Some);
            }
            "if" | "with" | "range" => {
                self.next();
                Some(self.control(&word)?)
            }
            "break" | "continue" => {
                self.next();
                if self.ranges == 0 {
                    return self.fault(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                self.close(&word)?;
                Some(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                })
            }
            "define" => {
                self.next();
                let (name, _) = self.template_name("define", false)?;
                self.define(name)?;
                None
            }
            "template" | "block" => {
                self.next();
                let (name, dot) = self.template_name(&word, true)?;
                let line = self.line;
                if word == "block" {
                    if dot.is_none() {
                        return self.fault("missing value for block clause");
                    }
                    self.define(name.clone())?;
                }
                Some(Node::Template { name, dot, line })
            }
            _ => Some(Node::Action(self.pipe("command", false)?)),
        };
        nodes.extend(node);
        Ok(None)
    }

    fn otherwise(&mut self) -> Result<BlockEnd, TemplateError> {
        self.skip_space();
        if let Token::Word(word) = self.peek().clone()
            && matches!(word.as_str(), "if" | "with")
        {
            self.next();
            return Ok(BlockEnd::Else(Some(word)));
        }
        self.close("else")?;
        Ok(BlockEnd::Else(None))
    }

    fn close(&mut self, what: &str) -> Result<(), TemplateError> {
        self.skip_space();
        match self.next() {
            Token::Close => Ok(()),
            _ => self.fault(format!("unexpected text in {what}")),
        }
    }

    /// Parses what follows `{{if`, `{{with` or `{{range`, up to its end.
    fn control(&mut self, word: &str) -> Result<Node, TemplateError> {
        self.enter()?;
        let outside = self.variables.len();
        let pipe = self.pipe(word, word == "range")?;
        self.ranges += usize::from(word == "range");
        let (then, end) = self.block()?;
        self.ranges -= usize::from(word == "range");
        let otherwise = match end {
            BlockEnd::End => Vec::new(),
            BlockEnd::Else(Some(chained)) if chained == word => vec![self.control(word)?],
            BlockEnd::Else(None) => match self.block()? {
                (otherwise, BlockEnd::End) => otherwise,
                _ => return self.fault("expected end; found {{else}}"),
            },
            BlockEnd::Else(Some(_)) => return self.fault("unexpected word after else"),
            BlockEnd::Text => return self.fault("unexpected EOF"),
        };
        self.variables.truncate(outside);
        self.depth -= 1;
        let branch = Branch {
            pipe,
            then,
            otherwise,
        };
        Ok(match word {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// Parses the name of a template and, if it may have one, its dot.
    fn template_name(
        &mut self,
        clause: &str,
        may_have_dot: bool,
    ) -> Result<(String, Option<Pipe>), TemplateError> {
        self.skip_space();
        let Token::Quoted(name) = self.next() else {
            return self.fault(format!("unexpected name in {clause} clause"));
        };
        self.skip_space();
        if !may_have_dot || *self.peek() == Token::Close {
            self.close(clause)?;
            return Ok((name, None));
        }
        let dot = self.pipe(clause, false)?;
        Ok((name, Some(dot)))
    }

    /// Parses the body of a template that is defined within this one; it sees no variables.
    fn define(&mut self, name: String) -> Result<(), TemplateError> {
        let outside = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, end) = self.block()?;
        if !matches!(end, BlockEnd::End) {
            return self.fault("unexpected end of define");
        }
        self.variables = outside;
        self.ranges = ranges;
        self.parsed.defined.insert(name, nodes);
        Ok(())
    }
}
