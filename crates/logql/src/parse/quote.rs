//! Quoted strings with the escapes of Go.

/// Returns what the inside of a double-quoted string means, or nothing if an escape is wrong.
pub(crate) fn unquote(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        // After the backslash may come a character of several bytes, which no escape begins with.
        rest = rest.get(at + 2..)?;
        let simple = match escape {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'"' | b'\'' => escape,
            _ => 0,
        };
        if simple != 0 {
            bytes.push(simple);
            continue;
        }
        rest = numeric(escape, rest, &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Reads `\x41`, `\101`, `\u0041` and `\U00000041`.
fn numeric<'a>(escape: u8, rest: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let (digits, radix, rest) = match escape {
        b'x' => (rest.get(..2)?.to_owned(), 16, rest.get(2..)?),
        b'u' => (rest.get(..4)?.to_owned(), 16, rest.get(4..)?),
        b'U' => (rest.get(..8)?.to_owned(), 16, rest.get(8..)?),
        b'0'..=b'7' => {
            let digits = format!("{}{}", char::from(escape), rest.get(..2)?);
            (digits, 8, rest.get(2..)?)
        }
        _ => return None,
    };
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    let number = u32::from_str_radix(&digits, radix)
        .ok()
        .filter(|_| all_digits)?;
    if matches!(escape, b'u' | b'U') {
        let c = char::from_u32(number)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(number).ok()?);
    }
    Some(rest)
}

/// Writes a string so that it reads back: in backquotes where those need no escapes.
pub(crate) fn quote(text: &str) -> String {
    let plain = |c: char| c != '"' && c != '\\' && !c.is_control();
    let is_plain = text.chars().all(plain);
    if !is_plain && !text.contains('`') && !text.chars().any(char::is_control) {
        return format!("`{text}`");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
