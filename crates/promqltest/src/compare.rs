//! Whether an answer is the expected one.

use std::collections::BTreeMap;

use weft_model::{FloatHistogram, Labels, Span, is_stale};
use weft_promql::{SampleValue, Series, VectorSample};

use crate::literal::show_histogram;
use crate::sequence::Item;

/// How far numbers may lie apart, relative to their size.
const TOLERANCE: f64 = 1e-6;

/// Tells whether two numbers are as good as equal; NaN equals NaN.
pub(crate) fn nearly_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let difference = (a - b).abs();
    let magnitude = a.abs() + b.abs();
    if a == 0.0 || b == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < TOLERANCE
}

/// Compares a vector with the expected series, which have one sample each.
pub(crate) fn compare_vector(
    found: &[VectorSample],
    expected: &[(Labels, Vec<Item>)],
    ordered: bool,
) -> Result<(), String> {
    if ordered {
        let order: Vec<&Labels> = found.iter().map(|sample| &sample.labels).collect();
        let wanted: Vec<&Labels> = expected.iter().map(|(labels, _)| labels).collect();
        if order != wanted {
            return Err(format!("expected the order {wanted:?}, got {order:?}"));
        }
    }
    let mut found: BTreeMap<&Labels, &SampleValue> = found
        .iter()
        .map(|sample| (&sample.labels, &sample.value))
        .collect();
    for (labels, items) in expected {
        let [item] = items.as_slice() else {
            return Err(format!("expected one sample of {labels}"));
        };
        let value = found.remove(labels);
        compare_sample(value, item).map_err(|reason| format!("{labels}: {reason}"))?;
    }
    match found.into_iter().next() {
        Some((labels, value)) => Err(format!("unexpected {labels}: {}", show(value))),
        None => Ok(()),
    }
}

/// Compares series with the expected ones, whose samples stand at `start`, `start + step` and on.
pub(crate) fn compare_matrix(
    found: &[Series],
    expected: &[(Labels, Vec<Item>)],
    start: i64,
    step: i64,
) -> Result<(), String> {
    let mut found: BTreeMap<&Labels, &Series> = found
        .iter()
        .map(|series| (&series.labels, series))
        .collect();
    for (labels, items) in expected {
        let series = found.remove(labels);
        let mut samples = series.map(by_time).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let time = start + step * at as i64;
            let value = samples.remove(&time);
            compare_sample(value.as_ref(), item)
                .map_err(|reason| format!("{labels} at {time}: {reason}"))?;
        }
        if let Some((time, value)) = samples.into_iter().next() {
            return Err(format!(
                "unexpected sample of {labels} at {time}: {}",
                show(&value)
            ));
        }
    }
    match found.into_iter().next() {
        Some((labels, series)) => {
            let samples = by_time(series);
            let shown: Vec<String> = samples.values().map(show).collect();
            Err(format!("unexpected series {labels}: {shown:?}"))
        }
        None => Ok(()),
    }
}

/// Returns the samples of a series by their time.
pub(crate) fn by_time(series: &Series) -> BTreeMap<i64, SampleValue> {
    let floats = series.floats.iter();
    let floats = floats.map(|(time, value)| (*time, SampleValue::Float(*value)));
    let histograms = series.histograms.iter();
    let histograms = histograms.map(|(time, value)| (*time, SampleValue::Histogram(value.clone())));
    floats.chain(histograms).collect()
}

fn compare_sample(found: Option<&SampleValue>, expected: &Item) -> Result<(), String> {
    match (found, expected) {
        (None, Item::Omitted) => Ok(()),
        (Some(SampleValue::Float(found)), Item::Float(expected))
            if nearly_equal(*found, *expected) =>
        {
            Ok(())
        }
        (Some(SampleValue::Histogram(found)), Item::Histogram { histogram, hinted })
            if same_histogram(found, histogram, *hinted) =>
        {
            Ok(())
        }
        (found, expected) => {
            let found = found.map_or_else(|| "nothing".to_owned(), show);
            Err(format!("expected {}, got {found}", show_item(expected)))
        }
    }
}

pub(crate) fn same_histogram(
    found: &FloatHistogram,
    expected: &FloatHistogram,
    hinted: bool,
) -> bool {
    let buckets = |spans: &[Span], counts: &[f64]| -> Vec<(i32, f64)> {
        let mut all = Vec::new();
        let mut next = 0;
        let mut counts = counts.iter();
        for span in spans {
            next += span.offset;
            for index in next..next + span.len as i32 {
                let count = counts.next().copied().unwrap_or(0.0);
                if count != 0.0 {
                    all.push((index, count));
                }
            }
            next += span.len as i32;
        }
        all
    };
    let same_buckets = |a: Vec<(i32, f64)>, b: Vec<(i32, f64)>| {
        a.len() == b.len()
            && a.iter()
                .zip(&b)
                .all(|(a, b)| a.0 == b.0 && nearly_equal(a.1, b.1))
    };
    found.schema == expected.schema
        && (!hinted || found.reset_hint == expected.reset_hint)
        && nearly_equal(found.count, expected.count)
        && nearly_equal(found.sum, expected.sum)
        && nearly_equal(found.zero_count, expected.zero_count)
        && found.zero_threshold == expected.zero_threshold
        && found.custom_bounds == expected.custom_bounds
        && same_buckets(
            buckets(&found.positive_spans, &found.positive),
            buckets(&expected.positive_spans, &expected.positive),
        )
        && same_buckets(
            buckets(&found.negative_spans, &found.negative),
            buckets(&expected.negative_spans, &expected.negative),
        )
}

fn show(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => show_histogram(histogram),
    }
}

fn show_item(item: &Item) -> String {
    match item {
        Item::Omitted => "nothing".to_owned(),
        Item::Float(value) => value.to_string(),
        Item::Histogram { histogram, .. } => show_histogram(histogram),
    }
}
