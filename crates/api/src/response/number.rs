//! Numbers and times as the dialects write them.

use std::io::Write as _;

use weft_model::{Millis, Nanos};

/// Writes a value as Prometheus's API does: the shortest text that reads back, without an
/// exponent between 1e-6 and 1e21.
pub(crate) fn value(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) && size.is_finite() {
        return exponential(out, value);
    }
    plain(out, value);
}

/// Writes a value without an exponent, as Loki's API does.
pub(crate) fn plain(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.fract() == 0.0 && value.abs() < WHOLE_MAX && !is_minus_zero(value) {
        if value < 0.0 {
            out.push(b'-');
        }
        digits(out, value.abs() as u64);
    } else {
        print(out, format_args!("{value}"));
    }
}

/// Below this every whole number is exact.
const WHOLE_MAX: f64 = 9e15;

fn is_minus_zero(value: f64) -> bool {
    value == 0.0 && value.is_sign_negative()
}

/// Writes a whole number; most of an answer are such, and formatting is slower.
pub(crate) fn digits(out: &mut Vec<u8>, mut number: u64) {
    let mut buffer = [0; 20];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

/// Writes a value with an exponent, as the values of alerts are written.
pub(crate) fn scientific(out: &mut Vec<u8>, value: f64) {
    match value.is_finite() {
        true => exponential(out, value),
        false => plain(out, value),
    }
}

/// Writes an exponent with its sign and at least two digits, as Go does.
fn exponential(out: &mut Vec<u8>, value: f64) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    print(out, format_args!("{digits}e{sign}{exponent:0>2}"));
}

/// Writes a time as seconds, with three digits of fraction or none.
pub(crate) fn seconds(out: &mut Vec<u8>, time: Millis) {
    if time.0 < 0 {
        out.push(b'-');
    }
    let millis = time.0.unsigned_abs();
    digits(out, millis / 1000);
    let rest = millis % 1000;
    if rest > 0 {
        let digit = |number: u64| b'0' + (number % 10) as u8;
        out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
    }
}

/// Writes a time as seconds, cut to milliseconds.
pub(crate) fn seconds_of_nanos(out: &mut Vec<u8>, time: Nanos) {
    seconds(out, time.to_millis());
}

/// Appends formatted text.
pub(crate) fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: f64, expected: &str) {
        let mut out = Vec::new();
        value(&mut out, number);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn values_are_written_as_prometheus_does() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-120.0, "-120");
        check(8_999_999_999_999_999.0, "8999999999999999");
        check(0.1, "0.1");
        check(-2.5e-6, "-0.0000025");
        check(9.9e-7, "9.9e-07");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.5e-300, "-1.5e-300");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(1.7976931348623157e308, "1.7976931348623157e+308");
    }

    #[test]
    fn times_are_seconds_with_milliseconds() {
        for (millis, expected) in [
            (0, "0"),
            (4000, "4"),
            (1_435_781_430_781, "1435781430.781"),
            (1050, "1.050"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            let mut out = Vec::new();
            seconds(&mut out, Millis(millis));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
