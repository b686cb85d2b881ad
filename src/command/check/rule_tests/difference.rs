//! How what was found differs from what was expected, in lines for people.
//!
//! `-` is missing, `+` was not expected, `~` is there but differs. No line when all is as expected.

use weft_alert::{Alert, Found, SampleValue};
use weft_model::Labels;
use weft_promqltest::notation;

use crate::config::rule_tests::{Comparing, ExpectedAlert, ExpectedSample, ExpectedValue};

/// Compares alerts by their labels and annotations, in any order.
pub(super) fn of_alerts(expected: &[ExpectedAlert], found: &[Alert]) -> Vec<String> {
    let mut found: Vec<&Alert> = found.iter().collect();
    let mut pending = Vec::new();
    for wanted in expected {
        let same = |it: &&Alert| it.labels == wanted.labels && it.annotations == wanted.annotations;
        if !take(&mut found, same) {
            pending.push(wanted);
        }
    }
    let mut lines = Vec::new();
    for wanted in pending {
        match found.iter().position(|it| it.labels == wanted.labels) {
            Some(at) => {
                lines.push(format!("~ {}", wanted.labels));
                lines.extend(of_texts(&wanted.annotations, &found.remove(at).annotations));
            }
            None => {
                lines.push(format!("- {} does not fire", wanted.labels));
                lines.extend(of_texts(&wanted.annotations, &Labels::empty()));
            }
        }
    }
    for alert in found {
        lines.push(format!("+ {} fires", alert.labels));
        lines.extend(of_texts(&Labels::empty(), &alert.annotations));
    }
    lines
}

/// Compares annotations.
fn of_texts(expected: &Labels, found: &Labels) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in expected.iter() {
        if found.get(name) != value {
            lines.push(format!("    - {name}: {value:?}"));
            if !found.get(name).is_empty() {
                lines.push(format!("    + {name}: {:?}", found.get(name)));
            }
        }
    }
    let more = found
        .iter()
        .filter(|(name, _)| expected.get(name).is_empty());
    lines.extend(more.map(|(name, value)| format!("    + {name}: {value:?}")));
    lines
}

/// Compares samples by their labels, in any order.
pub(super) fn of_samples(
    expected: &[ExpectedSample],
    found: &[Found],
    comparing: Comparing,
) -> Vec<String> {
    let mut found: Vec<&Found> = found.iter().collect();
    let mut lines = Vec::new();
    for ExpectedSample { labels, value } in expected {
        let Some(at) = found.iter().position(|it| it.labels == *labels) else {
            lines.push(format!("- {labels} {}", expected_text(value)));
            continue;
        };
        let known = &found.remove(at).value;
        if !is_same(known, value, comparing) {
            let (wanted, got) = (expected_text(value), found_text(known));
            lines.push(format!("~ {labels} expected {wanted}, got {got}"));
        }
    }
    let more = found.iter();
    lines.extend(more.map(|it| format!("+ {} {}", it.labels, found_text(&it.value))));
    lines
}

fn take<T>(items: &mut Vec<T>, is_wanted: impl FnMut(&T) -> bool) -> bool {
    match items.iter().position(is_wanted) {
        Some(at) => {
            items.remove(at);
            true
        }
        None => false,
    }
}

fn is_same(found: &SampleValue, expected: &ExpectedValue, comparing: Comparing) -> bool {
    match (found, expected) {
        (SampleValue::Float(found), ExpectedValue::Float(expected)) => match comparing {
            _ if found == expected || (found.is_nan() && expected.is_nan()) => true,
            Comparing::Exact => false,
            Comparing::Fuzzy => found.next_up() == *expected || found.next_down() == *expected,
        },
        (SampleValue::Histogram(found), ExpectedValue::Histogram(expected)) => expected.is(found),
        _ => false,
    }
}

fn expected_text(value: &ExpectedValue) -> String {
    match value {
        ExpectedValue::Float(value) => value.to_string(),
        ExpectedValue::Histogram(histogram) => histogram.to_string(),
    }
}

fn found_text(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => notation::show(histogram),
    }
}
