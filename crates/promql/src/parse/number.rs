//! Numbers and durations as PromQL writes them.

/// Parses a number: decimal, hexadecimal (`0x1f`), octal (`017`), `Inf` or `NaN`, without a sign.
pub fn parse_number(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    match lower.as_str() {
        "inf" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().map(|n| n as f64);
    }
    let octal = lower.len() > 1 && lower.starts_with('0');
    if octal && lower.bytes().all(|byte| (b'0'..b'8').contains(&byte)) {
        return i64::from_str_radix(&lower, 8).ok().map(|n| n as f64);
    }
    let starts_well = lower.starts_with(|char: char| char.is_ascii_digit() || char == '.');
    if !starts_well || lower == "." {
        return None;
    }
    lower.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Parses a duration such as `1h30m` to seconds; units descend and occur once.
pub fn parse_duration_seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text;
    let mut millis = 0u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        millis = millis.checked_add(part)?;
        rest = tail;
    }
    let fits = !text.is_empty() && millis <= (i64::MAX / 1_000_000) as u64;
    fits.then_some(millis as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_in_every_base() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(parse_number(text), expected, "{text}");
        };
        check("12.5e3", Some(12_500.0));
        check("0x1F", Some(31.0));
        check("017", Some(15.0));
        check("08", Some(8.0));
        check("1_000", Some(1000.0));
        check("5.", Some(5.0));
        check(".5", Some(0.5));
        check("inF", Some(f64::INFINITY));
        check("infinity", None);
        check("", None);
    }

    #[test]
    fn durations_have_descending_units() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(parse_duration_seconds(text), expected, "{text}");
        };
        check("5m", Some(300.0));
        check("1h30m", Some(5400.0));
        check("1y2w3d4h5m6s7ms", Some(33_019_506.007));
        check("5m1h", None);
        check("5m5m", None);
        check("5hs", None);
        check("", None);
        check("9999999999y", None);
    }
}
