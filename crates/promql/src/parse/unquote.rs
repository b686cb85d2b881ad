//! Quoted text to bytes, with Go's escapes.

use crate::ast::Text;

/// Returns what a quoted text means: in backquotes as it stands, else with escapes resolved.
///
/// Fails with a message on an escape that does not exist.
pub fn unquote(quoted: &str) -> Result<Text, String> {
    let invalid = || "invalid syntax".to_owned();
    let quotation = quoted.chars().next().ok_or_else(invalid)?;
    let inner = quoted
        .strip_prefix(quotation)
        .and_then(|rest| rest.strip_suffix(quotation))
        .ok_or_else(invalid)?;
    if quotation == '`' {
        return Ok(Text(inner.as_bytes().to_vec()));
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(Text(out))
}

/// Resolves one escape and returns what follows it.
fn escape<'a>(rest: &'a str, out: &mut Vec<u8>) -> Result<&'a str, String> {
    let char = rest
        .chars()
        .next()
        .ok_or("escape sequence not terminated")?;
    let simple = match char {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' | '\'' => char as u8,
        '0'..='7' => return digits(rest, 3, 8, out),
        'x' => return digits(&rest[1..], 2, 16, out),
        'u' => return code_point(&rest[1..], 4, out),
        'U' => return code_point(&rest[1..], 8, out),
        _ => return Err(format!("unknown escape sequence {}", code(char))),
    };
    out.push(simple);
    Ok(&rest[1..])
}

fn digits<'a>(rest: &'a str, n: usize, radix: u32, out: &mut Vec<u8>) -> Result<&'a str, String> {
    let value = number(rest, n, radix)?;
    let byte = u8::try_from(value).map_err(|_| "escape sequence is no byte")?;
    out.push(byte);
    Ok(&rest[n..])
}

fn code_point<'a>(rest: &'a str, n: usize, out: &mut Vec<u8>) -> Result<&'a str, String> {
    let char = char::from_u32(number(rest, n, 16)?)
        .ok_or("escape sequence is an invalid Unicode code point")?;
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(&rest[n..])
}

fn number(rest: &str, n: usize, radix: u32) -> Result<u32, String> {
    if let Some(wrong) = rest.chars().take(n).find(|char| !char.is_digit(radix)) {
        return Err(format!(
            "illegal character {} in escape sequence",
            code(wrong)
        ));
    }
    let digits = rest.get(..n).ok_or("escape sequence not terminated")?;
    u32::from_str_radix(digits, radix).map_err(|_| "escape sequence is too large".to_owned())
}

/// Returns a character as its number and itself, as Go shows it.
fn code(char: char) -> String {
    format!("U+{:04X} '{char}'", u32::from(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        let check = |quoted: &str, bytes: &[u8]| {
            assert_eq!(unquote(quoted).unwrap().0, bytes, "{quoted}");
        };
        check(r#""a\tb""#, b"a\tb");
        check(r"'a\'b'", b"a'b");
        check(r"`a\tb`", br"a\tb");
        check(r#""\xc5\101\u00e9""#, &[0xc5, b'A', 0xc3, 0xa9]);
    }

    #[test]
    fn bad_escapes_are_refused() {
        for quoted in [r#""\q""#, r#""\x4""#, r#""\ud800""#, r#""\"#, "\"", ""] {
            assert!(unquote(quoted).is_err(), "{quoted}");
        }
    }
}
