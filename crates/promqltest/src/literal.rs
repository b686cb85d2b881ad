//! Histograms as scripts write them: `{{schema:1 sum:3 count:4 buckets:[1 2 1]}}`.

use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, Span};
use weft_promql::histogram::{difference, sum};

use crate::script::parse_signed;

/// Parses a literal and returns whether it tells a reset hint, and what follows it.
pub(crate) fn parse_literal(text: &str) -> Result<(FloatHistogram, bool, &str), String> {
    let inner = text.strip_prefix("{{").ok_or("expected {{")?;
    let end = inner.find("}}").ok_or("histogram is not closed")?;
    let (inner, rest) = (&inner[..end], &inner[end + 2..]);
    let mut histogram = FloatHistogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let mut hinted = false;
    for (name, value) in fields(inner)? {
        match name {
            "schema" => histogram.schema = integer(value)? as i8,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "buckets" => histogram.positive = numbers(value)?,
            "n_buckets" => histogram.negative = numbers(value)?,
            "custom_values" => histogram.custom_bounds = numbers(value)?,
            "offset" => offset = integer(value)?,
            "n_offset" => negative_offset = integer(value)?,
            "counter_reset_hint" => {
                hinted = true;
                histogram.reset_hint = hint(value)?;
            }
            other => return Err(format!("unknown part of a histogram: {other}")),
        }
    }
    histogram.positive_spans = span(offset, histogram.positive.len());
    histogram.negative_spans = span(negative_offset, histogram.negative.len());
    Ok((histogram, hinted, rest))
}

/// Splits `name:value` pairs; a value in brackets may hold blanks.
fn fields(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut fields = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, tail) = rest.split_once(':').ok_or("expected name:value")?;
        let tail = tail.trim_start();
        let end = if tail.starts_with('[') {
            tail.find(']').ok_or("list is not closed")? + 1
        } else {
            tail.find(char::is_whitespace).unwrap_or(tail.len())
        };
        fields.push((name.trim(), &tail[..end]));
        rest = tail[end..].trim_start();
    }
    Ok(fields)
}

fn number(text: &str) -> Result<f64, String> {
    parse_signed(text).ok_or_else(|| format!("not a number: {text}"))
}

fn integer(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("not an integer: {text}"))
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    inner.split_whitespace().map(number).collect()
}

fn hint(text: &str) -> Result<ResetHint, String> {
    match text {
        "unknown" => Ok(ResetHint::Unknown),
        "reset" => Ok(ResetHint::Reset),
        "not_reset" => Ok(ResetHint::NotReset),
        "gauge" => Ok(ResetHint::Gauge),
        other => Err(format!("unknown reset hint: {other}")),
    }
}

fn span(offset: i32, len: usize) -> Vec<Span> {
    let len = len as u32;
    if len == 0 {
        Vec::new()
    } else {
        vec![Span { offset, len }]
    }
}

/// Returns `histogram` and `step` added, or `step` taken away.
pub(crate) fn progress(
    histogram: &FloatHistogram,
    step: &FloatHistogram,
    takes_away: bool,
) -> Result<FloatHistogram, String> {
    if step.schema < histogram.schema {
        return Err("the step of histograms has a lower schema".to_owned());
    }
    let result = if takes_away {
        difference(histogram, step)
    } else {
        sum(histogram, step)
    };
    let (next, _) = result.map_err(|_| "the step of histograms has other buckets".to_owned())?;
    Ok(next)
}

/// Writes a histogram as [`parse_literal`] reads it; what is 0 or empty is left out.
pub(crate) fn show_histogram(histogram: &FloatHistogram) -> String {
    let h = histogram;
    let (offset, buckets) = dense(&h.positive_spans, &h.positive);
    let (negative_offset, negative_buckets) = dense(&h.negative_spans, &h.negative);
    let parts = [
        shown("schema", f64::from(h.schema)),
        shown("count", h.count),
        shown("sum", h.sum),
        shown("z_bucket", h.zero_count),
        shown("z_bucket_w", h.zero_threshold),
        shown("offset", f64::from(offset)),
        shown_list("buckets", &buckets),
        shown("n_offset", f64::from(negative_offset)),
        shown_list("n_buckets", &negative_buckets),
        shown_list("custom_values", &h.custom_bounds),
        shown_hint(h.reset_hint),
    ];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    format!("{{{{{}}}}}", told.join(" "))
}

fn shown(name: &str, value: f64) -> Option<String> {
    (value != 0.0).then(|| format!("{name}:{value}"))
}

fn shown_list(name: &str, values: &[f64]) -> Option<String> {
    let texts: Vec<String> = values.iter().map(f64::to_string).collect();
    (!values.is_empty()).then(|| format!("{name}:[{}]", texts.join(" ")))
}

fn shown_hint(hint: ResetHint) -> Option<String> {
    let word = match hint {
        ResetHint::Unknown => return None,
        ResetHint::Reset => "reset",
        ResetHint::NotReset => "not_reset",
        ResetHint::Gauge => "gauge",
    };
    Some(format!("counter_reset_hint:{word}"))
}

/// Returns the first bucket's index and the counts of all buckets from it on.
fn dense(spans: &[Span], counts: &[f64]) -> (i32, Vec<f64>) {
    let mut all = Vec::new();
    let mut counts = counts.iter().copied();
    for (at, span) in spans.iter().enumerate() {
        let gap = if at == 0 { 0 } else { span.offset.max(0) };
        all.extend(std::iter::repeat_n(0.0, gap as usize));
        all.extend(counts.by_ref().take(span.len as usize));
    }
    (spans.first().map_or(0, |span| span.offset), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_tell_every_part() {
        let text = "{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 \
                    buckets:[5.1 10] offset:-3 n_buckets:[4] n_offset:2 \
                    counter_reset_hint:gauge}}x3";
        let (histogram, hinted, rest) = parse_literal(text).unwrap();
        assert!(hinted);
        assert_eq!(rest, "x3");
        assert_eq!(histogram.positive, [5.1, 10.0]);
        assert_eq!(histogram.positive_spans, [Span { offset: -3, len: 2 }]);
        assert_eq!(histogram.reset_hint, ResetHint::Gauge);
        assert_eq!(histogram.sum, -0.3);
    }

    #[test]
    fn histograms_print_as_they_are_written() {
        for text in [
            "{{schema:1 count:3.1 sum:-0.3 z_bucket:7.1 z_bucket_w:0.05 offset:-3 buckets:[5.1 10] \
             n_offset:2 n_buckets:[4] counter_reset_hint:gauge}}",
            "{{schema:-53 count:2 buckets:[1 1] custom_values:[0.5]}}",
            "{{}}",
        ] {
            let (histogram, _, _) = parse_literal(text).unwrap();
            assert_eq!(show_histogram(&histogram), text);
        }
    }

    #[test]
    fn steps_may_have_other_offsets() {
        let (first, _, _) = parse_literal("{{count:1 buckets:[1 2]}}").unwrap();
        let (step, _, _) = parse_literal("{{count:1 offset:1 buckets:[1 1]}}").unwrap();
        let next = progress(&first, &step, false).unwrap();
        assert_eq!(next.positive, [1.0, 3.0, 1.0]);
    }
}
