//! A quoted text: bytes that need not be UTF-8, since escapes can write any byte.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// The bytes of a quoted text, unescaped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// Returns the text if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns the text with whatever is not UTF-8 replaced.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Returns the text in double quotes, escaped so that it reads back.
    pub fn quoted(&self) -> String {
        let mut out = String::with_capacity(self.0.len() + 2);
        out.push('"');
        for chunk in self.0.utf8_chunks() {
            chunk
                .valid()
                .chars()
                .for_each(|char| escape(char, &mut out));
            for byte in chunk.invalid() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        out.push('"');
        out
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.quoted())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

/// Returns a text in double quotes, escaped so that PromQL reads it back.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|char| escape(char, &mut out));
    out.push('"');
    out
}

fn escape(char: char, out: &mut String) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        char if (char as u32) < 0x20 || char == '\u{7f}' => {
            let _ = write!(out, "\\x{:02x}", char as u32);
        }
        char if char.is_control() => {
            let _ = write!(out, "\\u{:04x}", char as u32);
        }
        char => out.push(char),
    }
}
