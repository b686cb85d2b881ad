//! Text to tokens.
//!
//! In: a query. Out: its tokens one by one, ending with one `End`, or with one `Error` whose
//! message is kept in the lexer. Bound: a token takes as long as it is.

use crate::ast::{Span, quote};

use super::token::{Token, TokenKind};

pub(super) struct Lexer<'a> {
    input: &'a str,
    at: usize,
    parens: usize,
    in_braces: bool,
    in_brackets: bool,
    /// Whether a duration or an expression of durations has to go on.
    duration_expected: bool,
    pub(super) error: String,
    /// Where the error is, when it is not where its token begins.
    error_at: Option<usize>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a str) -> Lexer<'a> {
        Lexer {
            input,
            at: 0,
            parens: 0,
            in_braces: false,
            in_brackets: false,
            duration_expected: false,
            error: String::new(),
            error_at: None,
        }
    }

    pub(super) fn next_token(&mut self) -> Token {
        self.skip_blanks();
        let start = self.at;
        let kind = match self.peek() {
            None => self.lex_end(),
            Some(char) => self.lex_from(char),
        };
        self.duration_expected = match kind {
            TokenKind::LeftBracket => true,
            TokenKind::Operator => self.in_brackets,
            _ => false,
        };
        let span = Span {
            start: self.error_at.unwrap_or(start) as u32,
            end: self.at as u32,
        };
        Token { span, kind }
    }

    fn peek(&self) -> Option<char> {
        self.input[self.at..].chars().next()
    }

    fn peek_second(&self) -> Option<u8> {
        self.input.as_bytes().get(self.at + 1).copied()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => self.at += 1,
                Some('#') => {
                    let rest = &self.input[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn fail(&mut self, message: impl Into<String>) -> TokenKind {
        self.error = message.into();
        TokenKind::Error
    }

    fn lex_end(&mut self) -> TokenKind {
        if self.in_braces {
            self.fail("unexpected end of input inside braces")
        } else if self.duration_expected {
            self.fail("unexpected end of input in duration expression")
        } else if self.parens > 0 {
            self.fail("unclosed left parenthesis")
        } else if self.in_brackets {
            self.fail("unclosed left bracket")
        } else {
            TokenKind::End
        }
    }

    fn lex_from(&mut self, char: char) -> TokenKind {
        match char {
            '"' | '\'' => self.lex_quoted(char),
            '`' => self.lex_raw(),
            '0'..='9' if !self.in_braces => self.lex_number(),
            '.' if !self.in_braces
                && self.peek_second().is_some_and(|byte| byte.is_ascii_digit()) =>
            {
                self.lex_number()
            }
            'a'..='z' | 'A'..='Z' | '_' => self.lex_word(),
            ':' if !self.in_braces && !self.in_brackets => self.lex_word(),
            _ => self.lex_symbol(char),
        }
    }

    fn lex_word(&mut self) -> TokenKind {
        let colons = !self.in_braces && !self.in_brackets;
        let rest = &self.input.as_bytes()[self.at..];
        let in_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || colons && *byte == b':';
        let len = rest.iter().take_while(|byte| in_word(byte)).count();
        let word = &rest[..len];
        self.at += len;
        if word.contains(&b':') {
            TokenKind::MetricIdentifier
        } else {
            TokenKind::Identifier
        }
    }

    fn lex_symbol(&mut self, char: char) -> TokenKind {
        let second = self.peek_second();
        let (kind, len) = match (char, second) {
            ('!', Some(b'=')) => (TokenKind::Operator, 2),
            ('=' | '!', Some(b'~')) if self.in_braces => (TokenKind::Operator, 2),
            ('=', Some(b'~')) => return self.fail("unexpected character after '=': '~'"),
            ('=', Some(b'=')) if !self.in_braces => (TokenKind::Operator, 2),
            ('<' | '>', Some(b'=' | b'/')) if !self.in_braces => (TokenKind::Operator, 2),
            ('=', _) => (TokenKind::Assign, 1),
            ('+' | '-' | '*' | '/' | '%' | '^' | '<' | '>', _) if !self.in_braces => {
                (TokenKind::Operator, 1)
            }
            (',', _) => (TokenKind::Comma, 1),
            (':', _) if self.in_brackets => (TokenKind::Colon, 1),
            ('@', _) if !self.in_braces => (TokenKind::At, 1),
            _ => return self.lex_enclosing(char),
        };
        self.at += len;
        kind
    }

    fn lex_enclosing(&mut self, char: char) -> TokenKind {
        let kind = match char {
            '{' if self.in_braces => return self.fail("unexpected left brace '{'"),
            '{' => TokenKind::LeftBrace,
            '}' if self.in_braces => TokenKind::RightBrace,
            '!' if self.in_braces => return self.fail(self.after_exclamation(" inside braces")),
            _ if self.in_braces => {
                return self.fail(format!("unexpected character inside braces: '{char}'"));
            }
            '(' => TokenKind::LeftParen,
            ')' if self.parens > 0 => TokenKind::RightParen,
            ')' => {
                self.at += 1;
                self.error_at = Some(self.at);
                return self.fail("unexpected right parenthesis ')'");
            }
            '[' if self.in_brackets => return self.fail("unexpected left bracket '['"),
            '[' => TokenKind::LeftBracket,
            ']' if self.in_brackets => TokenKind::RightBracket,
            ']' => return self.fail("unexpected right bracket ']'"),
            '!' => return self.fail(self.after_exclamation("")),
            _ if self.in_brackets => {
                let shown = char.escape_debug();
                return self.fail(format!(
                    "unexpected character in duration expression: '{shown}'"
                ));
            }
            _ => return self.fail(format!("unexpected character: '{}'", char.escape_debug())),
        };
        match kind {
            TokenKind::LeftBrace => self.in_braces = true,
            TokenKind::RightBrace => self.in_braces = false,
            TokenKind::LeftParen => self.parens += 1,
            TokenKind::RightParen => self.parens -= 1,
            TokenKind::LeftBracket => self.in_brackets = true,
            _ => self.in_brackets = false,
        }
        self.at += 1;
        kind
    }

    fn after_exclamation(&self, place: &str) -> String {
        let after = self.input[self.at + 1..].chars().next();
        let shown = after.map_or_else(|| "end of input".to_owned(), |char| format!("'{char}'"));
        format!("unexpected character after '!'{place}: {shown}")
    }

    fn lex_quoted(&mut self, quotation: char) -> TokenKind {
        self.at += 1;
        loop {
            match self.peek() {
                Some('\\') => {
                    self.at += 1;
                    self.bump();
                }
                Some('\n') | None => return self.fail("unterminated quoted string"),
                Some(char) if char == quotation => {
                    self.at += 1;
                    return TokenKind::String;
                }
                Some(_) => self.bump(),
            }
        }
    }

    fn lex_raw(&mut self) -> TokenKind {
        match self.input[self.at + 1..].find('`') {
            Some(len) => {
                self.at += len + 2;
                TokenKind::String
            }
            None => {
                self.at = self.input.len();
                self.fail("unterminated raw string")
            }
        }
    }

    /// A number or a duration; what follows must not belong to a word.
    fn lex_number(&mut self) -> TokenKind {
        let start = self.at;
        let hexadecimal = self.accept(b"0") && self.accept(b"xX");
        if hexadecimal {
            while self.accept(b"_0123456789abcdefABCDEF") {}
        } else {
            self.accept_decimal();
        }
        let read = &self.input[start..self.at];
        let unfinished = read.ends_with(['e', 'E', '+', '-']);
        let second_point = read.contains('.') && self.peek() == Some('.');
        if !hexadecimal && (unfinished || second_point) {
            self.at += usize::from(second_point);
            return self.bad_number(start);
        }
        if !self.next_belongs_to_word() {
            return TokenKind::Number;
        }
        if hexadecimal || !self.accept_units() {
            return self.bad_number(start);
        }
        if self.next_belongs_to_word() {
            self.bump();
            return self.bad_number(start);
        }
        TokenKind::Duration
    }

    fn bad_number(&mut self, start: usize) -> TokenKind {
        let read = quote(&self.input[start..self.at]);
        self.fail(format!("bad number or duration syntax: {read}"))
    }

    fn next_belongs_to_word(&self) -> bool {
        self.peek()
            .is_some_and(|char| char.is_ascii_alphanumeric() || char == '_')
    }

    fn accept(&mut self, bytes: &[u8]) -> bool {
        let accepted = self
            .input
            .as_bytes()
            .get(self.at)
            .is_some_and(|byte| bytes.contains(byte));
        self.at += usize::from(accepted);
        accepted
    }

    fn accept_decimal(&mut self) {
        const DIGITS: &[u8] = b"_0123456789";
        while self.accept(DIGITS) {}
        if self.accept(b".") {
            while self.accept(DIGITS) {}
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            while self.accept(DIGITS) {}
        }
    }

    fn accept_units(&mut self) -> bool {
        if !self.accept(b"smhdwy") {
            return false;
        }
        self.accept(b"s");
        while self.accept(b"0123456789") {
            while self.accept(b"0123456789") {}
            if !self.accept(b"smhdw") {
                return false;
            }
            self.accept(b"s");
        }
        true
    }
}
