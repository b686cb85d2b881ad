//! Numbers as PromQL and the HTTP API write them.

use crate::parse::parse_duration_seconds;

/// Returns a number in the shortest form that reads back, without an exponent.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        let text = if value > 0.0 { "+Inf" } else { "-Inf" };
        text.to_owned()
    } else {
        format!("{value}")
    }
}

/// Returns seconds as a duration, or as a plain number when no duration can tell them.
pub fn format_duration(seconds: f64) -> String {
    const UNITS: [(&str, u64, bool); 7] = [
        ("y", 365 * 86_400_000, true),
        ("w", 7 * 86_400_000, true),
        ("d", 86_400_000, true),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    let mut millis = (seconds * 1000.0).round() as u64;
    if millis == 0 && seconds == 0.0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor, only_whole) in UNITS {
        // Years, weeks and days are only used for what they measure without a rest.
        if only_whole && !millis.is_multiple_of(factor) {
            continue;
        }
        if millis >= factor {
            text += &format!("{}{unit}", millis / factor);
            millis %= factor;
        }
    }
    match parse_duration_seconds(&text) {
        Some(read) if read == seconds => text,
        _ => format_float(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_few_units() {
        let check = |seconds: f64, text: &str| assert_eq!(format_duration(seconds), text);
        check(300.0, "5m");
        check(5400.0, "1h30m");
        check(86_400.0, "1d");
        check(90_000.0, "25h");
        check(0.5, "500ms");
        check(0.0, "0s");
        check(0.0001, "0.0001");
    }
}
