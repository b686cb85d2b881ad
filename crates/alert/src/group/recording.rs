//! Recording rules: the result of a query under another name.

use std::collections::BTreeSet;

use weft_model::{LabelsBuilder, METRIC_NAME};

use super::Scene;
use crate::evaluate::{EvaluateError, Found, Sample};
use crate::rule::Rule;

/// Returns the samples that a rule makes of what its query found.
pub(super) fn samples(
    scene: &Scene<'_>,
    rule: &Rule,
    labels: &[(String, String)],
    found: Vec<Found>,
) -> Result<Vec<Sample>, EvaluateError> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(found.len());
    for element in found {
        let mut builder = LabelsBuilder::from(&element.labels);
        builder.set(METRIC_NAME, &rule.name);
        for (name, value) in labels {
            builder.set(name, value);
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            let message =
                "vector contains metrics with the same labelset after applying rule labels";
            return Err(EvaluateError(message.to_owned()));
        }
        samples.push(Sample {
            labels,
            time: scene.seen_at,
            value: element.value,
        });
    }
    scene.check_limit(samples.len(), "series")?;
    Ok(samples)
}
