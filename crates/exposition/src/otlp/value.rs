//! Values of attributes as text, as OpenTelemetry's collector writes them into labels.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::message::Value;

/// Returns a value as text: lists and maps as JSON, bytes in base 64.
pub(super) fn to_text<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Empty => Cow::Borrowed(""),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(base64(bytes)),
        other => {
            let mut text = String::new();
            write(&mut text, other);
            Cow::Owned(text)
        }
    }
}

fn write(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => quote(out, text),
        Value::Bytes(bytes) => quote(out, &base64(bytes)),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => print(out, format_args!("{value}")),
        Value::Double(value) => out.push_str(&float(*value)),
        Value::List(values) => {
            let mut before = '[';
            for value in values {
                out.push(before);
                write(out, value);
                before = ',';
            }
            out.push_str(if values.is_empty() { "[]" } else { "]" });
        }
        Value::Map(pairs) => {
            let mut before = '{';
            for (name, value) in pairs {
                out.push(before);
                quote(out, name);
                out.push(':');
                write(out, value);
                before = ',';
            }
            out.push_str(if pairs.is_empty() { "{}" } else { "}" });
        }
    }
}

/// Writes text between quotes, with the escapes of JSON.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..'\x20' => print(out, format_args!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Writes a number as JSON has it: with an exponent only if it is very small or very large.
fn float(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return bound(value);
    }
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.contains("e-") {
        true => text,
        false => text.replace('e', "e+"),
    }
}

/// Writes the bound of a bucket or a quantile, as the values of `le` and `quantile` are written.
pub(super) fn bound(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{value}")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = word >> (18 - 6 * digit) & 63;
            let is_there = digit <= three.len();
            text.push(if is_there {
                char::from(DIGITS[index as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// Writes bytes as two digits each.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        print(&mut text, format_args!("{byte:02x}"));
    }
    text
}

fn print(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text() {
        let check = |value: Value<'_>, expected: &str| assert_eq!(to_text(&value), expected);
        check(Value::Empty, "");
        check(Value::Text("a\"b".into()), "a\"b");
        check(Value::Bool(true), "true");
        check(Value::Int(-3), "-3");
        check(Value::Double(0.1), "0.1");
        check(Value::Double(1e21), "1e+21");
        check(Value::Double(1e-7), "1e-7");
        check(Value::Bytes(b"abcd"[..].into()), "YWJjZA==");
        check(Value::Bytes(b"abc"[..].into()), "YWJj");
        let list = vec![Value::Int(1), Value::Text("a\"\n".into()), Value::Empty];
        check(Value::List(list.clone()), r#"[1,"a\"\n",null]"#);
        let map = vec![
            ("k".into(), Value::List(list)),
            ("e".into(), Value::Map(Vec::new())),
        ];
        check(Value::Map(map), r#"{"k":[1,"a\"\n",null],"e":{}}"#);
        check(Value::List(Vec::new()), "[]");
    }
}
