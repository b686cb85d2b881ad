//! The words of a template: text, and within `{{…}}` names, literals and signs.
//!
//! In: a template. Out: items with their lines; white space between words is an item of its own,
//! because `$x.y` and `$x .y` differ.

use super::TemplateError;

/// A word of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// What stands outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    Space,
    /// A name such as `if`, `humanize`.
    Word(String),
    /// `.name`
    Field(String),
    /// `.` alone
    Dot,
    /// `$` or `$name`
    Variable(String),
    Number(String),
    /// A quoted text, without its quotes.
    Quoted(String),
    /// A character in single quotes.
    Char(char),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    Comma,
    LeftParen,
    RightParen,
    End,
}

/// A word and its line.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) token: Token,
    pub(super) line: usize,
}

/// Returns the words of a template; the last one is [`Token::End`].
pub(super) fn items(source: &str) -> Result<Vec<Item>, TemplateError> {
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        items: Vec::new(),
    };
    let mut trims_start = false;
    loop {
        lexer.text(trims_start);
        if lexer.rest().is_empty() {
            lexer.push(Token::End);
            return Ok(lexer.items);
        }
        trims_start = lexer.action()?;
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    items: Vec<Item>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn push(&mut self, token: Token) {
        let line = self.line;
        self.items.push(Item { token, line });
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.rest().as_bytes()[..bytes];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at += bytes;
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError {
            line: self.line,
            message: message.into(),
        })
    }

    /// Takes the text before the next action, and the `{{` behind it.
    fn text(&mut self, trims_start: bool) {
        let rest = self.rest();
        let open = rest.find("{{").unwrap_or(rest.len());
        let mut text = &rest[..open];
        let trims_end = has_trim_marker(&rest[open..]);
        if trims_start {
            text = text.trim_start_matches(is_space);
        }
        if trims_end {
            text = text.trim_end_matches(is_space);
        }
        if !text.is_empty() {
            self.push(Token::Text(text.to_owned()));
        }
        self.advance(open);
    }

    /// Takes an action; tells whether the text behind it is trimmed.
    fn action(&mut self) -> Result<bool, TemplateError> {
        let skipped = if has_trim_marker(self.rest()) { 4 } else { 2 };
        self.advance(skipped);
        if self.rest().starts_with("/*") {
            return self.comment();
        }
        self.push(Token::Open);
        let mut parens = 0usize;
        loop {
            let rest = self.rest();
            let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if parens > 0 {
                    return self.fault("unclosed left paren");
                }
                self.push(Token::Close);
                self.advance(if trims { 4 } else { 2 });
                return Ok(trims);
            }
            match self.word()? {
                Token::LeftParen => parens += 1,
                Token::RightParen if parens == 0 => {
                    return self.fault("unexpected right paren");
                }
                Token::RightParen => parens -= 1,
                _ => {}
            }
        }
    }

    fn comment(&mut self) -> Result<bool, TemplateError> {
        let Some(end) = self.rest().find("*/") else {
            return self.fault("unclosed comment");
        };
        self.advance(end + 2);
        let rest = self.rest();
        if rest.starts_with("}}") {
            self.advance(2);
            return Ok(false);
        }
        if rest.starts_with(is_space) && rest[1..].starts_with("-}}") {
            self.advance(4);
            return Ok(true);
        }
        self.fault("comment ends before closing delimiter")
    }

    fn word(&mut self) -> Result<Token, TemplateError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return self.fault("unclosed action");
        };
        let (token, bytes) = match first {
            _ if is_space(first) => {
                let bytes = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
                // The last space may belong to a trim marker.
                let marked = rest[bytes..].starts_with("-}}") && bytes > 1;
                (Token::Space, if marked { bytes - 1 } else { bytes })
            }
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            ':' => return self.fault("expected :="),
            '=' => (Token::Assign, 1),
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => (Token::LeftParen, 1),
            ')' => (Token::RightParen, 1),
            '"' | '`' | '\'' => self.quoted(first)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '.' => match name_len(&rest[1..]) {
                0 => (Token::Dot, 1),
                len => (Token::Field(rest[1..=len].to_owned()), len + 1),
            },
            '$' => {
                let len = 1 + name_len(&rest[1..]);
                (Token::Variable(rest[..len].to_owned()), len)
            }
            '0'..='9' | '+' | '-' => self.number(),
            _ => match name_len(rest) {
                0 => return self.fault(format!("unexpected {first:?} in action")),
                len => (Token::Word(rest[..len].to_owned()), len),
            },
        };
        self.push(token.clone());
        self.advance(bytes);
        Ok(token)
    }

    fn number(&self) -> (Token, usize) {
        let rest = self.rest();
        let mut previous = ' ';
        let end = rest.char_indices().find_map(|(at, c)| {
            let sign = matches!(c, '+' | '-') && (at == 0 || matches!(previous, 'e' | 'E'));
            let inside = sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
            previous = c;
            (!inside).then_some(at)
        });
        let bytes = end.unwrap_or(rest.len());
        (Token::Number(rest[..bytes].to_owned()), bytes)
    }

    fn quoted(&self, quote: char) -> Result<(Token, usize), TemplateError> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        let end = inner.char_indices().find_map(|(at, c)| {
            let is_end = c == quote && !escaped;
            escaped = c == '\\' && !escaped && quote != '`';
            is_end.then_some(at)
        });
        let end = end.filter(|end| quote == '`' || !inner[..*end].contains('\n'));
        let Some(end) = end else {
            let what = match quote {
                '`' => "unterminated raw quoted string",
                '"' => "unterminated quoted string",
                _ => "unterminated character constant",
            };
            return self.fault(what);
        };
        let written = &inner[..end];
        if quote == '`' {
            return Ok((Token::Quoted(written.to_owned()), end + 2));
        }
        let Some(text) = super::go::unquote(written) else {
            return self.fault("invalid syntax");
        };
        if quote == '"' {
            return Ok((Token::Quoted(text), end + 2));
        }
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Ok((Token::Char(only), end + 2)),
            _ => self.fault(format!("malformed character constant: '{written}'")),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Tells whether an action begins with `{{-` and white space.
fn has_trim_marker(action: &str) -> bool {
    action
        .strip_prefix("{{-")
        .is_some_and(|rest| rest.starts_with(is_space))
}

fn name_len(text: &str) -> usize {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric());
    end.unwrap_or(text.len())
}
