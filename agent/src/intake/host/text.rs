//! The kernel's tables as bytes: lines, fields, numbers, without allocation.

/// Returns the lines of a text, without their ends; an empty rest after the last is left out.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

/// Returns the runs of a line that are not blank.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// Splits a line at the first `:` and trims both parts.
pub(super) fn key_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
}

/// Reads a decimal number without a sign; what overflows is nothing.
pub(super) fn unsigned(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Reads a hexadecimal number without a prefix.
pub(super) fn hexadecimal(field: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()
}

/// Reads any number, as a float.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    match unsigned(field) {
        Some(value) => Some(value as f64),
        None => std::str::from_utf8(field).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_empty_ones_but_not_the_last() {
        let all: Vec<_> = lines(b"a\n\nb\nc").collect();
        assert_eq!(all, [&b"a"[..], b"", b"b", b"c"]);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\n").count(), 1);
    }

    #[test]
    fn numbers_are_read_or_refused() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(unsigned(b""), None);
        assert_eq!(unsigned(b"1x"), None);
        assert_eq!(number(b"-1"), Some(-1.0));
        assert_eq!(number(b"0.25"), Some(0.25));
        assert_eq!(hexadecimal(b"0000ff10"), Some(0xff10));
        assert_eq!(hexadecimal(b"xyz"), None);
    }

    #[test]
    fn a_key_ends_at_the_first_colon() {
        assert_eq!(
            key_value(b"MemTotal:  7 kB"),
            Some((&b"MemTotal"[..], &b"7 kB"[..]))
        );
        assert_eq!(key_value(b"none"), None);
    }
}
