//! Alerting rules: a pending or firing alert for each element of a query's result.
//!
//! ```text
//!   found ──▶ pending ──held for `for`──▶ firing ──gone, `keep_firing_for` over──▶ resolved
//!                └──gone──▶ forgotten                     (remembered for 15 minutes)
//! ```

use std::collections::BTreeMap;

use weft_model::{Labels, LabelsBuilder, METRIC_NAME, Millis};

use super::view::{Alert, AlertState};
use super::{Scene, millis};
use crate::evaluate::{EvaluateError, Found, Sample, SampleValue};
use crate::rule::{Action, Rule};
use crate::template::{Context, Template};

/// The label that names an alert.
const ALERT_NAME: &str = "alertname";

/// The series that tells which alerts there are.
const ALERTS: &str = "ALERTS";

/// The series that tells since when each alert's condition holds.
pub(super) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// How long an alert that is over is remembered, in milliseconds.
const RESOLVED_KEPT: i64 = 15 * 60 * 1000;

/// The alerts of a rule, by their labels.
pub(super) type Active = BTreeMap<Labels, Alert>;

/// Moves the alerts of a rule on, and returns the samples that tell of them.
pub(super) fn samples(
    scene: &Scene<'_>,
    rule: &Rule,
    active: &mut Active,
    found: Vec<Found>,
) -> Result<Vec<Sample>, EvaluateError> {
    let present = raised(scene, rule, found)?;
    for (labels, alert) in &present {
        match active.get_mut(labels) {
            Some(known) if known.state != AlertState::Inactive => {
                known.value = alert.value;
                known.annotations = alert.annotations.clone();
            }
            _ => {
                active.insert(labels.clone(), alert.clone());
            }
        }
    }
    active.retain(|labels, alert| is_kept(alert, present.contains_key(labels), scene.at));
    let mut samples = Vec::new();
    let mut count = 0;
    for (labels, alert) in active.iter_mut() {
        if !advance(alert, rule, present.contains_key(labels), scene.at) {
            continue;
        }
        count += 1;
        if scene.writes_alerts {
            samples.extend(told(alert, scene.seen_at));
        }
    }
    let checked = scene.check_limit(count, "alerts");
    if checked.is_err() {
        active.clear();
    }
    checked.map(|()| samples)
}

/// Returns the alerts that the elements of a result raise.
fn raised(scene: &Scene<'_>, rule: &Rule, found: Vec<Found>) -> Result<Active, EvaluateError> {
    let Action::Alert {
        labels,
        annotations,
        ..
    } = &rule.action
    else {
        return Ok(Active::new());
    };
    let none = Labels::empty();
    let name = format!("__alert_{}", rule.name);
    let mut alerts = Active::new();
    for element in found {
        let context = Context {
            name: &name,
            labels: &element.labels,
            value: &element.value,
            external_labels: scene.origin.external_labels.as_ref().unwrap_or(&none),
            external_url: &scene.origin.external_url,
            at: scene.at,
            evaluate: scene.evaluate,
        };
        let mut builder = LabelsBuilder::from(&element.labels);
        builder.remove(METRIC_NAME);
        for (name, template) in labels {
            builder.set(name, &expanded(template, &context));
        }
        builder.set(ALERT_NAME, &rule.name);
        let texts = annotations.iter();
        let texts = texts.map(|(name, template)| (name, expanded(template, &context)));
        let alert = Alert {
            labels: builder.build(),
            annotations: Labels::from_pairs(texts),
            state: AlertState::Pending,
            active_at: scene.at,
            value: element.value.number(),
            fired_at: None,
            resolved_at: None,
            keep_firing_since: None,
        };
        if alerts.insert(alert.labels.clone(), alert).is_some() {
            let message =
                "vector contains metrics with the same labelset after applying alert labels";
            return Err(EvaluateError(message.to_owned()));
        }
    }
    Ok(alerts)
}

/// Returns a template's text; a template that fails says so and does no more harm.
fn expanded(template: &Template, context: &Context<'_>) -> String {
    match template.expand(context) {
        Ok(text) => text,
        Err(error) => format!("<error expanding template: {}>", error.message),
    }
}

/// Tells whether an alert is still remembered.
fn is_kept(alert: &Alert, is_present: bool, at: Millis) -> bool {
    let is_old = |resolved: Millis| at.0.saturating_sub(resolved.0) > RESOLVED_KEPT;
    is_present || (alert.state != AlertState::Pending && !alert.resolved_at.is_some_and(is_old))
}

/// Moves an alert on; tells whether it is pending or firing now.
fn advance(alert: &mut Alert, rule: &Rule, is_present: bool, at: Millis) -> bool {
    let Action::Alert {
        hold,
        keep_firing_for,
        ..
    } = &rule.action
    else {
        return false;
    };
    if is_present {
        alert.keep_firing_since = None;
    } else {
        if !goes_on(alert, millis(*keep_firing_for), at) {
            if alert.state != AlertState::Inactive {
                alert.state = AlertState::Inactive;
                alert.resolved_at = Some(at);
            }
            return false;
        }
    }
    let held = at.0.saturating_sub(alert.active_at.0);
    if alert.state == AlertState::Pending && held >= millis(*hold) {
        alert.state = AlertState::Firing;
        alert.fired_at = Some(at);
    }
    true
}

/// Tells whether an alert fires although its condition does not hold any more.
fn goes_on(alert: &mut Alert, keep_firing_for: i64, at: Millis) -> bool {
    if alert.state != AlertState::Firing || keep_firing_for == 0 {
        return false;
    }
    let since = *alert.keep_firing_since.get_or_insert(at);
    at.0.saturating_sub(since.0) < keep_firing_for
}

/// Returns the two samples that tell of an alert.
fn told(alert: &Alert, time: Millis) -> [Sample; 2] {
    let state = match alert.state {
        AlertState::Firing => "firing",
        _ => "pending",
    };
    let mut builder = LabelsBuilder::from(&alert.labels);
    builder.set(METRIC_NAME, ALERTS_FOR_STATE);
    let since = alert.active_at.0.div_euclid(1000) as f64;
    let for_state = builder.build();
    builder.set(METRIC_NAME, ALERTS).set("alertstate", state);
    let sample = |labels, value| Sample {
        labels,
        time,
        value: SampleValue::Float(value),
    };
    [sample(builder.build(), 1.0), sample(for_state, since)]
}
