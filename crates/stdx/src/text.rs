//! Durations and sizes as people write them: `1h30m`, `250ms`, `32MiB`.

use std::time::Duration;

const UNITS_MS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// Reads a duration such as `1h30m` or `250ms`; every number needs a unit, but for a plain `0`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (_, unit) = UNITS_MS
            .iter()
            .find(|(name, _)| *name == &rest[..letters])?;
        total = total.checked_add(number.checked_mul(*unit)?)?;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Writes a duration in the largest units that fit without a fraction of a millisecond.
pub fn duration(value: Duration) -> String {
    let mut rest = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS_MS
        .iter()
        .rev()
        .filter(|(name, _)| !matches!(*name, "w" | "y"))
    {
        if rest >= *unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

const SIZES: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Reads a size such as `32MiB`, `10GB` or `4096`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// Writes a size with three significant digits, in binary units.
pub fn bytes(value: u64) -> String {
    let (unit, factor) = match value {
        0..1024 => return format!("{value} B"),
        1024..0x10_0000 => ("KiB", 1u64 << 10),
        0x10_0000..0x4000_0000 => ("MiB", 1 << 20),
        0x4000_0000..0x100_0000_0000 => ("GiB", 1 << 30),
        _ => ("TiB", 1 << 40),
    };
    let scaled = value as f64 / factor as f64;
    let digits = if scaled >= 100.0 {
        0
    } else {
        usize::from(scaled < 10.0) + 1
    };
    format!("{scaled:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, ms) in [
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1d", 86_400_000),
            ("15s", 15_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(ms)),
                "{text}"
            );
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
        for text in [
            "",
            "5",
            "5x",
            "h",
            "1h5",
            "-1s",
            "99999999999999999999s",
            "1.5h",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_read_and_print() {
        assert_eq!(parse_bytes("32MiB"), Some(32 << 20));
        assert_eq!(parse_bytes("10 GB"), Some(10_000_000_000));
        assert_eq!(parse_bytes("4096"), Some(4096));
        assert_eq!(parse_bytes("99999999999TiB"), None);
        assert_eq!(parse_bytes("MiB"), None);
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(200 << 20), "200 MiB");
    }
}
