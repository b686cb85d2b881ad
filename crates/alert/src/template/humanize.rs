//! Numbers for people: `humanize`, `humanize1024`, `humanizeDuration`, `humanizePercentage`.

use super::go;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Writes a number with an SI prefix.
pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four(value);
    }
    if value.abs() >= 1.0 {
        return grown(value, 1000.0, LARGE);
    }
    let (value, prefix) = shrunk(value);
    four(value) + prefix
}

/// Writes a number with a binary prefix.
pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four(value);
    }
    grown(value, 1024.0, BINARY)
}

/// Writes seconds as days, hours, minutes and seconds.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    if value == 0.0 {
        return four(value) + "s";
    }
    if value.abs() < 1.0 {
        let (value, prefix) = shrunk(value);
        return format!("{}{prefix}s", four(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as u64;
    let (days, hours) = (whole / 86_400, whole / 3600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four(value.abs())),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// Writes a share of one as a percentage.
pub(super) fn percentage(value: f64) -> String {
    four(value * 100.0) + "%"
}

/// Writes a number with four significant digits.
pub(super) fn four(value: f64) -> String {
    go::general(value, Some(4), 0)
}

fn grown(mut value: f64, base: f64, prefixes: [&str; 8]) -> String {
    let mut prefix = "";
    for larger in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = larger;
        value /= base;
    }
    four(value) + prefix
}

fn shrunk(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for smaller in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        value *= 1000.0;
    }
    (value, prefix)
}
