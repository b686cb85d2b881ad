//! Exemplars with labels as Prometheus has them.

use super::message::Exemplar;
use super::{name, translate::millis, value};

/// The most characters of an exemplar's labels, by OpenMetrics; attributes beyond are left out,
/// the trace is not.
const CHARS_MAX: usize = 128;

/// An exemplar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
    pub(super) time_ms: i64,
}

/// Returns the exemplars of a point.
pub(super) fn all(exemplars: &[Exemplar<'_>]) -> Vec<Example> {
    exemplars.iter().map(one).collect()
}

fn one(exemplar: &Exemplar<'_>) -> Example {
    let mut labels = Vec::new();
    for (name, id) in [
        ("trace_id", &exemplar.trace_id),
        ("span_id", &exemplar.span_id),
    ] {
        if id.iter().any(|byte| *byte != 0) {
            labels.push((name.to_owned(), value::hex(id)));
        }
    }
    let attributes = exemplar.attributes.iter().filter_map(|(key, value)| {
        let name = name::label(key)?.into_owned();
        Some((name, value::to_text(value).into_owned()))
    });
    let attributes: Vec<(String, String)> = attributes.collect();
    let chars = |labels: &[(String, String)]| -> usize {
        let both = |(name, value): &(String, String)| name.chars().count() + value.chars().count();
        labels.iter().map(both).sum()
    };
    if chars(&labels) + chars(&attributes) <= CHARS_MAX {
        labels.extend(attributes);
    }
    labels.sort_unstable();
    labels.dedup_by(|next, one| next.0 == one.0);
    Example {
        labels,
        value: exemplar.value,
        time_ms: millis(exemplar.time_nanos),
    }
}
