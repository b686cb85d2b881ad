//! Texts, numbers and times as Go reads and writes them.

use weft_model::Millis;
use weft_model::time::civil_from_days;

/// Reads the inside of a quoted text with Go's escapes; nothing when one is malformed.
pub(super) fn unquote(inner: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next()?;
        let behind = &rest[at + 1 + escape.len_utf8()..];
        let simple = match escape {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(11),
            '\\' | '\'' | '"' => Some(escape as u8),
            _ => None,
        };
        if let Some(byte) = simple {
            bytes.push(byte);
            rest = behind;
            continue;
        }
        let (digits, radix, all) = match escape {
            'x' => (2, 16, behind),
            'u' => (4, 16, behind),
            'U' => (8, 16, behind),
            '0'..='7' => (3, 8, &rest[at + 1..]),
            _ => return None,
        };
        let written = all.get(..digits)?;
        let code = u32::from_str_radix(written, radix).ok()?;
        match escape {
            'u' | 'U' => {
                let c = char::from_u32(code)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => bytes.push(u8::try_from(code).ok()?),
        }
        rest = &all[digits..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Writes a text as Go quotes it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            '\u{7}' => quoted += "\\a",
            '\u{8}' => quoted += "\\b",
            '\u{b}' => quoted += "\\v",
            '\u{c}' => quoted += "\\f",
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                quoted += &format!("\\x{:02x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A number of a template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

/// Reads a number as Go's source has it: what has a point or an exponent is a float.
pub(super) fn number(written: &str) -> Option<Number> {
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => (-1i32, digits),
        None => (1, written.strip_prefix('+').unwrap_or(written)),
    };
    let plain = digits.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    let whole = match lower.get(..2) {
        Some("0x") => i64::from_str_radix(&lower[2..], 16).ok(),
        Some("0o") => i64::from_str_radix(&lower[2..], 8).ok(),
        Some("0b") => i64::from_str_radix(&lower[2..], 2).ok(),
        _ if lower.len() > 1 && lower.starts_with('0') => i64::from_str_radix(&lower, 8).ok(),
        _ => lower.parse().ok(),
    };
    if let Some(whole) = whole {
        return Some(Number::Int(i64::from(sign) * whole));
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let float: f64 = lower.parse().ok()?;
    Some(Number::Float(f64::from(sign) * float))
}

/// Writes a number as `%v` does: the shortest form, with an exponent below 1e-4 and from 1e6 or its number of digits.
pub(super) fn float(value: f64) -> String {
    general(value, None, 6)
}

/// Writes a number as `%g` does, with so many significant digits or the fewest that read back.
pub(super) fn general(value: f64, precision: Option<usize>, shortest_max: i32) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let digits_max = precision.map(|digits| digits.max(1));
    let scientific = match digits_max {
        Some(digits) => format!("{value:.*e}", digits - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = split(&scientific);
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let limit = digits_max.map_or(shortest_max, |digits| {
        i32::try_from(digits).unwrap_or(i32::MAX)
    });
    if exponent < -4 || exponent >= limit {
        return format!("{mantissa}e{}", signed(exponent));
    }
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let decimals = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// Writes a number as `%e` does.
pub(super) fn exponential(value: f64, precision: usize) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    let scientific = format!("{value:.precision$e}");
    let (mantissa, exponent) = split(&scientific);
    format!("{mantissa}e{}", signed(exponent))
}

/// Writes what is not finite.
pub(super) fn special(value: f64) -> Option<String> {
    let text = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => return None,
    };
    Some(text.to_owned())
}

fn split(scientific: &str) -> (&str, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

fn signed(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:02}", exponent.abs())
}

/// Writes a time as Go prints one in UTC.
pub(super) fn time(at: Millis) -> String {
    let seconds = at.0.div_euclid(1000);
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    let millis = at.0.rem_euclid(1000);
    if millis > 0 {
        text += format!(".{millis:03}").trim_end_matches('0');
    }
    text + " +0000 UTC"
}

/// Writes a duration as Go prints one.
pub(super) fn duration(seconds: f64) -> String {
    let nanos = (seconds * 1e9).round();
    if nanos == 0.0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0.0 { "-" } else { "" };
    let nanos = nanos.abs();
    let small = [(1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")];
    for (below, unit, name) in small {
        if nanos < below {
            return format!("{sign}{}{name}", nanos / unit);
        }
    }
    let whole = (nanos / 1e9).floor() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    let rest = (nanos - (whole - whole % 60) as f64 * 1e9) / 1e9;
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (123_456_789.0, "1.23456789e+08"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(float(value), text);
        }
        for (value, text) in [
            (1234.5678, "1235"),
            (12.345_67, "12.35"),
            (99_999.0, "1e+05"),
            (0.000_012_345, "1.234e-05"),
            (1.0, "1"),
        ] {
            assert_eq!(general(value, Some(4), 0), text);
        }
        assert_eq!(exponential(12345.678, 2), "1.23e+04");
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(unquote(r#"a\n\"\\\x41\101\u00e9"#).unwrap(), "a\n\"\\AAé");
        for wrong in [r"\q", r"\x4", r"\u12", "\\", r"\400", r"\ud800"] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
        assert_eq!(quote("a\"\n\u{1}é"), "\"a\\\"\\n\\x01é\"");
    }

    #[test]
    fn times_and_durations_are_written_as_go_does() {
        assert_eq!(
            time(Millis(1_435_065_584_128)),
            "2015-06-23 13:19:44.128 +0000 UTC"
        );
        assert_eq!(time(Millis(0)), "1970-01-01 00:00:00 +0000 UTC");
        for (seconds, text) in [
            (0.0, "0s"),
            (0.0015, "1.5ms"),
            (90.5, "1m30.5s"),
            (-3600.0, "-1h0m0s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
