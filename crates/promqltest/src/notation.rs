//! Series, samples and histograms as scripts write them, for tests that stand in other formats.
//!
//! In: texts of people. Out: labels, columns of samples, and what is wrong with a text.

use weft_model::{FloatHistogram, Labels};
use weft_promql::Column;

use crate::compare;
use crate::literal::{parse_literal, show_histogram};
use crate::sequence;

/// Reads a series with its samples, such as `up{job="a"} 1 0x3 stale`; the first sample is at
/// `first_ms`, and one follows at each step.
pub fn series(text: &str, first_ms: i64, step_ms: i64) -> Result<(Labels, Column), String> {
    let (labels, items) = sequence::parse_series(text)?;
    Ok((labels, sequence::column(&items, &[], (first_ms, step_ms))))
}

/// Reads the labels of a series, such as `up{job="a"}`.
pub fn labels(text: &str) -> Result<Labels, String> {
    match sequence::parse_series(text)? {
        (labels, items) if items.is_empty() => Ok(labels),
        _ => Err(format!("{text:?} is more than labels")),
    }
}

/// A histogram that is expected.
#[derive(Clone, Debug)]
pub struct Histogram {
    histogram: FloatHistogram,
    is_hinted: bool,
}

impl Histogram {
    /// Reads a histogram such as `{{schema:1 count:3 buckets:[1 2]}}`.
    pub fn parse(text: &str) -> Result<Histogram, String> {
        let (histogram, is_hinted, rest) = parse_literal(text.trim())?;
        if !rest.is_empty() {
            return Err(format!("{rest:?} follows the histogram"));
        }
        Ok(Histogram {
            histogram,
            is_hinted,
        })
    }

    /// Tells whether a histogram is the expected one; a reset hint counts only where one is named.
    pub fn is(&self, found: &FloatHistogram) -> bool {
        compare::same_histogram(found, &self.histogram, self.is_hinted)
    }
}

impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&show_histogram(&self.histogram))
    }
}

/// Writes a histogram as scripts write it.
pub fn show(histogram: &FloatHistogram) -> String {
    show_histogram(histogram)
}
