//! Times and durations as the dialects write them in parameters.
//!
//! Prometheus: RFC 3339 or seconds with a fraction. Loki: the same, but a whole number of more
//! than ten digits is nanoseconds. Durations: `1h30m` or seconds with a fraction.

use weft_model::time::parse_rfc3339;
use weft_model::{Millis, Nanos};
use weft_stdx::text::parse_duration;

/// Digits up to which a whole number is seconds for Loki.
const SECONDS_DIGITS_MAX: usize = 10;

/// The first time of all as Prometheus's own client writes it, which no calendar here knows.
const FIRST: &str = "-292273086-05-16T16:47:06Z";

/// The last time of all.
const LAST: &str = "292277025-08-18T07:12:54.999999999Z";

/// The same as numbers.
const FIRST_MILLIS: i64 = -9_223_309_901_257_974_000;
const LAST_MILLIS: i64 = 9_223_309_901_257_974_999;

/// Reads a time of Prometheus's API.
pub(crate) fn millis(text: &str) -> Option<Millis> {
    match text {
        FIRST => return Some(Millis(FIRST_MILLIS)),
        LAST => return Some(Millis(LAST_MILLIS)),
        _ => {}
    }
    if let Some(seconds) = seconds(text) {
        let millis = (seconds * 1000.0).round();
        let in_range = millis.abs() < i64::MAX as f64;
        return in_range.then_some(Millis(millis as i64));
    }
    parse_rfc3339(text.as_bytes()).map(Nanos::to_millis)
}

/// Reads a time of Loki's API.
pub(crate) fn nanos(text: &str) -> Option<Nanos> {
    if let Ok(whole) = text.parse::<i64>() {
        let digits = text.trim_start_matches(['-', '+']).len();
        let factor = if digits <= SECONDS_DIGITS_MAX {
            1_000_000_000
        } else {
            1
        };
        return whole.checked_mul(factor).map(Nanos);
    }
    if let Some(seconds) = seconds(text) {
        return nanos_of_seconds(seconds);
    }
    parse_rfc3339(text.as_bytes())
}

/// Reads a duration in milliseconds, which may be below zero when it is a number.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    if let Some(seconds) = seconds(text) {
        let millis = (seconds * 1000.0).round();
        return (millis.abs() < i64::MAX as f64).then_some(millis as i64);
    }
    i64::try_from(parse_duration(text)?.as_millis()).ok()
}

/// Tells whether text is a number of seconds, if one that is too large.
pub(crate) fn is_number(text: &str) -> bool {
    seconds(text).is_some()
}

/// Reads a duration in nanoseconds, which may be below zero when it is a number.
pub(crate) fn duration_nanos(text: &str) -> Option<i64> {
    if let Some(seconds) = seconds(text) {
        return nanos_of_seconds(seconds).map(|nanos| nanos.0);
    }
    match parse_duration(text) {
        Some(duration) => i64::try_from(duration.as_nanos()).ok(),
        None => fractional_ms(text),
    }
}

/// Grafana asks for steps such as `0.5ms`.
fn fractional_ms(text: &str) -> Option<i64> {
    let millis: f64 = text.strip_suffix("ms")?.parse().ok()?;
    nanos_of_seconds(millis / 1000.0).map(|nanos| nanos.0)
}

fn nanos_of_seconds(seconds: f64) -> Option<Nanos> {
    let nanos = (seconds * 1e9).round();
    (nanos.abs() < i64::MAX as f64).then_some(Nanos(nanos as i64))
}

/// Reads a finite number; words that Rust takes for numbers are none here.
fn seconds(text: &str) -> Option<f64> {
    let starts_like_a_number =
        text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let number: f64 = text.parse().ok().filter(|_| starts_like_a_number)?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_times_are_seconds_or_rfc_3339() {
        for (text, expected) in [
            ("4", Some(4000)),
            ("1435781430.781", Some(1_435_781_430_781)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("-1.5", Some(-1500)),
            ("1e300", None),
            ("nan", None),
            ("now", None),
            (FIRST, Some(FIRST_MILLIS)),
            (LAST, Some(LAST_MILLIS)),
            ("", None),
        ] {
            assert_eq!(millis(text).map(|time| time.0), expected, "{text}");
        }
    }

    #[test]
    fn loki_times_are_also_nanoseconds() {
        for (text, expected) in [
            ("4000000000", Some(4_000_000_000_000_000_000)),
            ("1700000000000000000", Some(1_700_000_000_000_000_000)),
            ("1700000000.5", Some(1_700_000_000_500_000_000)),
            ("2024-02-29T23:59:59.5Z", Some(1_709_251_199_500_000_000)),
            ("yesterday", None),
        ] {
            assert_eq!(nanos(text).map(|time| time.0), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_written_both_ways() {
        assert_eq!(duration_ms("15"), Some(15_000));
        assert_eq!(duration_ms("0.5"), Some(500));
        assert_eq!(duration_ms("1h30m"), Some(5_400_000));
        assert_eq!(duration_ms("-1"), Some(-1000));
        assert_eq!(duration_ms("x"), None);
        assert_eq!(duration_nanos("100ms"), Some(100_000_000));
        assert_eq!(duration_nanos("0.5ms"), Some(500_000));
        assert_eq!(duration_nanos("2"), Some(2_000_000_000));
    }
}
