//! From a label's text to the number that is aggregated.

use super::row::{ErrorKind, Row};
use super::{Condition, compile_condition};
use crate::ast::{Conversion, Unwrap};
use crate::unit;

/// A compiled `unwrap` with its conditions.
#[derive(Clone, Debug)]
pub(crate) struct Unwrapper {
    label: String,
    conversion: Conversion,
    filters: Vec<Condition>,
}

impl Unwrapper {
    /// Compiles the stage.
    pub(crate) fn compile(unwrap: &Unwrap) -> Result<Unwrapper, String> {
        Ok(Unwrapper {
            label: unwrap.label.clone(),
            conversion: unwrap.conversion,
            filters: unwrap
                .filters
                .iter()
                .map(compile_condition)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the number of a row and removes the label. Nothing is returned for a row without
    /// the label or one that the conditions filter out; text that is no number marks the row.
    pub(crate) fn value(&self, row: &mut Row<'_>) -> Option<f64> {
        let text = row.get(&self.label);
        if text.is_empty() {
            return None;
        }
        let number = convert(self.conversion, text);
        if number.is_none() {
            let details = format!("label {} cannot be unwrapped: {text:?}", self.label);
            row.fail(ErrorKind::Sample, &details);
        }
        if !self.filters.iter().all(|filter| filter.holds(row)) {
            return None;
        }
        row.hide(&self.label);
        Some(number.unwrap_or(0.0))
    }
}

fn convert(conversion: Conversion, text: &str) -> Option<f64> {
    match conversion {
        Conversion::Number => text.trim().parse().ok(),
        Conversion::Duration | Conversion::DurationSeconds => {
            unit::parse_duration(text).map(|nanos| nanos as f64 / 1e9)
        }
        Conversion::Bytes => unit::parse_bytes(text).map(|bytes| bytes as f64),
    }
}
