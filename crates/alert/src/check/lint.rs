//! What is no fault of a rule file and yet most likely a mistake.

use std::collections::BTreeMap;

use weft_model::Labels;

use crate::rule::{Action, Group};

/// Returns the names and labels that more than one recording rule writes, each once.
pub fn duplicates(groups: &[Group]) -> Vec<Labels> {
    let mut counts: BTreeMap<Labels, usize> = BTreeMap::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if let Action::Record { .. } = rule.action {
            let series = rule.labels().with(weft_model::METRIC_NAME, &rule.name);
            *counts.entry(series).or_default() += 1;
        }
    }
    let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
    repeated.map(|(series, _)| series).collect()
}
