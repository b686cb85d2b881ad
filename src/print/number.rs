//! Numbers for people: four digits that matter, and a prefix for the rest.

const PREFIXES: [(&str, f64); 9] = [
    ("T", 1e12),
    ("G", 1e9),
    ("M", 1e6),
    ("k", 1e3),
    ("", 1.0),
    ("m", 1e-3),
    ("µ", 1e-6),
    ("n", 1e-9),
    ("p", 1e-12),
];

/// Writes a number with four significant digits: `1.234M`, `0`, `12.5`.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return special(value);
    }
    let (prefix, scale) = scale_of(value.abs());
    let scaled = value / scale;
    let whole = scaled.abs().log10().floor().max(0.0) as usize;
    let text = format!("{scaled:.*}", 3usize.saturating_sub(whole));
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{prefix}")
}

/// Returns the prefix for a size, and what it stands for. Between 0.01 and 10000 there is none.
pub(super) fn scale_of(size: f64) -> (&'static str, f64) {
    if (0.01..10_000.0).contains(&size) {
        return ("", 1.0);
    }
    let fitting = PREFIXES.into_iter().find(|(_, scale)| size >= *scale);
    fitting.unwrap_or(("p", 1e-12))
}

fn special(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_enough() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (12.5, "12.5"),
            (1234.567, "1235"),
            (123_456.0, "123.5k"),
            (1_234_567.0, "1.235M"),
            (-0.5, "-0.5"),
            (0.012_345, "0.012"),
            (0.001_234_5, "1.234m"),
            (3e-15, "0.003p"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
