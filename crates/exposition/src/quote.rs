//! Quoted text with the escapes of Go: `"a\n\u00e9"`, or raw between backticks.

use std::borrow::Cow;

/// Reads a quoted text; returns it and what follows its closing quote.
pub(crate) fn read(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let end = raw.find('`')?;
        return Some((Cow::Borrowed(&raw[..end]), &raw[end + 1..]));
    }
    let inner = text.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', inner.as_bytes())?;
    if inner.as_bytes()[end] == b'"' {
        return Some((Cow::Borrowed(&inner[..end]), &inner[end + 1..]));
    }
    read_escaped(inner, end)
}

/// Reads on from the first backslash, at `start`.
fn read_escaped(inner: &str, start: usize) -> Option<(Cow<'_, str>, &str)> {
    let mut bytes = inner.as_bytes()[..start].to_vec();
    let mut rest = &inner[start..];
    loop {
        let stop = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        bytes.extend_from_slice(&rest.as_bytes()[..stop]);
        if rest.as_bytes()[stop] == b'"' {
            let text = String::from_utf8(bytes).ok()?;
            return Some((Cow::Owned(text), &rest[stop + 1..]));
        }
        rest = unescape(&rest[stop + 1..], &mut bytes)?;
    }
}

/// Appends what the escape means that begins after a backslash; returns what follows it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = *text.as_bytes().first()?;
    let (digits, radix) = match kind {
        b'x' => (2, 16),
        b'u' => (4, 16),
        b'U' => (8, 16),
        b'0'..=b'7' => (3, 8),
        _ => {
            bytes.push(simple_escape(kind)?);
            return text.get(1..);
        }
    };
    let skip = usize::from(radix == 16);
    let number = u32::from_str_radix(text.get(skip..skip + digits)?, radix).ok()?;
    match kind {
        b'u' | b'U' => {
            let c = char::from_u32(number)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => bytes.push(u8::try_from(number).ok()?),
    }
    text.get(skip + digits..)
}

fn simple_escape(kind: u8) -> Option<u8> {
    Some(match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'\\' => b'\\',
        b'"' => b'"',
        b'\'' => b'\'',
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'v' => 0x0b,
        _ => return None,
    })
}
