//! Durations as Prometheus's configuration writes them: `1h30m`, `250ms`, `0`.

use std::time::Duration;

const UNITS_MS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest duration: what a signed number of nanoseconds can tell, as in Prometheus.
const MILLIS_MAX: u64 = i64::MAX as u64 / 1_000_000;

/// Reads a duration: numbers with units, the larger unit first, none twice.
///
/// Fails with Prometheus's words for what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match text {
        "" => return Err("empty duration string".to_owned()),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {text:?}");
    let mut rest = text;
    let mut total = 0u64;
    let mut larger = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        let digits = digits.filter(|at| *at > 0).ok_or_else(invalid)?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| c.is_ascii_digit());
        let (unit, next) = behind.split_at(letters.unwrap_or(behind.len()));
        let known = UNITS_MS.iter().position(|(name, _)| *name == unit);
        let Some(at) = known else {
            return Err(format!("unknown unit {unit:?} in duration {text:?}"));
        };
        if at < larger {
            return Err(invalid());
        }
        larger = at + 1;
        let sum = number.parse::<u64>().ok();
        let sum = sum.and_then(|number| number.checked_mul(UNITS_MS[at].1));
        let sum = sum.and_then(|millis| total.checked_add(millis));
        total = sum
            .filter(|millis| *millis <= MILLIS_MAX)
            .ok_or_else(|| "duration out of range".to_owned())?;
        rest = next;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration as Prometheus does: years, weeks and days only where nothing is left over.
pub fn format_duration(value: Duration) -> String {
    let mut rest = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (at, (unit, millis)) in UNITS_MS.into_iter().enumerate() {
        let only_whole = at < 3;
        if rest >= millis && (!only_whole || rest.is_multiple_of(millis)) {
            text += &format!("{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, seconds) in [
            ("5m", 300),
            ("1h30m", 5400),
            ("1d", 86_400),
            ("25h", 90_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(format_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(
            parse_duration("1y2w3d4h5m6s7ms").unwrap().subsec_millis(),
            7
        );
    }

    #[test]
    fn what_is_no_duration_is_told_in_prometheus_words() {
        for (text, fault) in [
            ("", "empty duration string"),
            ("-5m", "not a valid duration string: \"-5m\""),
            ("1x", "unknown unit \"x\" in duration \"1x\""),
            ("5m1h", "not a valid duration string: \"5m1h\""),
            ("1m1m", "not a valid duration string: \"1m1m\""),
            ("300y", "duration out of range"),
            ("99999999999999999999s", "duration out of range"),
        ] {
            assert_eq!(parse_duration(text), Err(fault.to_owned()), "{text}");
        }
    }
}
