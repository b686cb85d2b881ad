//! Histograms and numbers as text.

use std::fmt::Write;

use weft_model::FloatHistogram;

use super::bucket::{negative_buckets, positive_buckets, zero_bucket};

/// Returns a histogram as text, such as `{count:3, sum:4, (0.5,1]:1, (1,2]:2}`.
pub(crate) fn to_text(histogram: &FloatHistogram) -> String {
    let (count, sum) = (histogram.count, histogram.sum);
    let mut text = format!(
        "{{count:{}, sum:{}",
        format_general(count),
        format_general(sum)
    );
    let mut all = negative_buckets(histogram);
    all.push(zero_bucket(histogram));
    all.extend(positive_buckets(histogram));
    for bucket in all.iter().filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        let (lower, upper) = (format_general(bucket.lower), format_general(bucket.upper));
        let count = format_general(bucket.count);
        let _ = write!(text, ", {open}{lower},{upper}{close}:{count}");
    }
    text.push('}');
    text
}

/// Returns a number in the shortest form that reads back, with an exponent where it is large or
/// small, as Go's `%g` writes it.
pub(crate) fn format_general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let check = |value: f64, text: &str| assert_eq!(format_general(value), text);
        check(0.0, "0");
        check(1.01, "1.01");
        check(100_000.0, "100000");
        check(1e6, "1e+06");
        check(1_234_567.0, "1.234567e+06");
        check(1e21, "1e+21");
        check(1.5e-7, "1.5e-07");
        check(0.0001, "0.0001");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
