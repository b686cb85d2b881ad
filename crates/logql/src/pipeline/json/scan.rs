//! Reads JSON from left to right without making a tree.

use std::borrow::Cow;

use super::DEPTH_MAX;

/// The beginning of a value, or all of it when it is a scalar.
pub(super) enum Token<'a> {
    /// `{`
    Object,
    /// `[`
    Array,
    String(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as written.
    Other(&'a str),
}

/// A place in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Whether the object or array that is being read has had a member yet.
    first: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        Scanner {
            text,
            at: 0,
            first: true,
        }
    }

    fn fault(&self, what: &str) -> String {
        format!("{what} at offset {}", self.at)
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the brace of an object.
    pub(super) fn expect_object(&mut self) -> Result<(), String> {
        if !self.eat(b'{') {
            return Err(self.fault("expected an object"));
        }
        self.first = true;
        Ok(())
    }

    /// Fails unless nothing follows.
    pub(super) fn expect_end(&mut self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("unexpected text")),
        }
    }

    /// Returns the next key of the object, or nothing at its end, whose brace is then taken.
    pub(super) fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, String> {
        if self.eat(b'}') {
            self.first = false;
            return Ok(None);
        }
        if !self.first && !self.eat(b',') {
            return Err(self.fault("expected , or }"));
        }
        if !self.eat(b'"') {
            return Err(self.fault("expected a key"));
        }
        let key = self.string()?;
        if !self.eat(b':') {
            return Err(self.fault("expected :"));
        }
        self.first = false;
        Ok(Some(key))
    }

    /// Tells whether the array has a next element, whose comma is then taken; at the end the
    /// bracket is.
    fn next_element(&mut self) -> Result<bool, String> {
        if self.eat(b']') {
            self.first = false;
            return Ok(false);
        }
        if !self.first && !self.eat(b',') {
            return Err(self.fault("expected , or ]"));
        }
        self.first = false;
        Ok(true)
    }

    /// Reads a scalar or the beginning of an object or array.
    pub(super) fn value(&mut self) -> Result<Token<'a>, String> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.first = true;
                Ok(Token::Object)
            }
            Some(b'[') => {
                self.at += 1;
                self.first = true;
                Ok(Token::Array)
            }
            Some(b'"') => {
                self.at += 1;
                self.string().map(Token::String)
            }
            Some(_) => self.word().map(Token::Other),
            None => Err(self.fault("expected a value")),
        }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        let rest = &self.text[self.at..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && word.parse::<f64>().is_ok();
        if !is_number && !matches!(word, "true" | "false" | "null") {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(word)
    }

    /// Reads a string whose opening quote was taken.
    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', &bytes[self.at..]) {
                Some(len) if bytes[self.at + len] == b'"' => {
                    self.at += len;
                    break;
                }
                Some(len) if self.at + len + 2 <= bytes.len() => {
                    escaped = true;
                    self.at += len + 2;
                }
                _ => return Err(self.fault("unterminated string")),
            }
        }
        let raw = self.text.get(start..self.at);
        let raw = raw.ok_or_else(|| self.fault("invalid escape"))?;
        self.at += 1;
        if !escaped {
            return Ok(Cow::Borrowed(raw));
        }
        unescape(raw)
            .map(Cow::Owned)
            .ok_or_else(|| self.fault("invalid escape"))
    }

    /// Moves to the value of a key within the object whose brace was taken.
    pub(super) fn seek_key(&mut self, wanted: &str) -> Result<bool, String> {
        while let Some(key) = self.next_key()? {
            if key == wanted {
                return Ok(true);
            }
            self.skip_value(1)?;
        }
        Ok(false)
    }

    /// Moves to an element of the array whose bracket was taken.
    pub(super) fn seek_index(&mut self, wanted: usize) -> Result<bool, String> {
        let mut index = 0;
        while self.next_element()? {
            if index == wanted {
                return Ok(true);
            }
            self.skip_value(1)?;
            index += 1;
        }
        Ok(false)
    }

    /// Skips a value and returns it as written.
    pub(super) fn raw_value(&mut self) -> Result<&'a str, String> {
        self.peek();
        let start = self.at;
        self.skip_value(1)?;
        Ok(&self.text[start..self.at])
    }

    /// Skips a value.
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), String> {
        match self.value()? {
            Token::Object => self.skip_object(depth + 1),
            Token::Array => self.skip_array(depth + 1),
            _ => Ok(()),
        }
    }

    /// Skips the rest of an object whose brace was taken.
    pub(super) fn skip_object(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(self.fault("nested too deep"));
        }
        while self.next_key()?.is_some() {
            self.skip_value(depth)?;
            self.first = false;
        }
        Ok(())
    }

    /// Skips the rest of an array whose bracket was taken.
    pub(super) fn skip_array(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(self.fault("nested too deep"));
        }
        while self.next_element()? {
            self.skip_value(depth)?;
            self.first = false;
        }
        Ok(())
    }
}

/// Resolves the escapes of a JSON string; lone surrogates become U+FFFD.
fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        out.push(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = take_unit(&mut rest)?;
                surrogate(unit, &mut rest)
            }
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(out)
}

fn take_unit(rest: &mut &str) -> Option<u32> {
    let unit = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
    *rest = &rest[4..];
    Some(unit)
}

/// Joins a high surrogate with the low one that follows.
fn surrogate(unit: u32, rest: &mut &str) -> char {
    if (0xd800..0xdc00).contains(&unit)
        && let Some(mut after) = rest.strip_prefix("\\u")
        && let Some(low @ 0xdc00..0xe000) = take_unit(&mut after)
    {
        *rest = after;
        let joined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return char::from_u32(joined).unwrap_or('\u{fffd}');
    }
    char::from_u32(unit).unwrap_or('\u{fffd}')
}
