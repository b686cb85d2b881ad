//! Rules and alerts in the words of the API.

use weft_alert::{Action, GroupView, Rule, RuleView};
use weft_api::prometheus::watch::{Alert, AlertState, Health, RuleGroup, RuleKind};
use weft_model::{Millis, Nanos};

/// Returns a group with its rules.
pub(super) fn group(view: &GroupView) -> RuleGroup {
    let rules = view.group.rules.iter().zip(&view.rules);
    RuleGroup {
        name: view.group.name.clone(),
        file: view.group.file.clone(),
        interval_seconds: view.group.interval.as_secs_f64(),
        limit: view.group.limit,
        last_evaluation: or_never(view.last_evaluation),
        evaluation_seconds: view.took.as_secs_f64(),
        rules: rules.map(|(rule, state)| told(rule, state)).collect(),
    }
}

/// Returns the alerts of a group that are pending or firing.
pub(super) fn alerts(view: &GroupView) -> impl Iterator<Item = Alert> {
    view.rules
        .iter()
        .flat_map(|rule| rule.alerts.iter().map(alert))
}

fn told(rule: &Rule, state: &RuleView) -> weft_api::prometheus::watch::Rule {
    let kind = match &rule.action {
        Action::Record { .. } => RuleKind::Recording,
        Action::Alert {
            hold,
            keep_firing_for,
            ..
        } => RuleKind::Alerting {
            for_seconds: hold.as_secs_f64(),
            keep_firing_for_seconds: keep_firing_for.as_secs_f64(),
            annotations: rule.annotations(),
            alerts: state.alerts.iter().map(alert).collect(),
        },
    };
    weft_api::prometheus::watch::Rule {
        name: rule.name.clone(),
        query: rule.query.clone(),
        labels: rule.labels(),
        health: match state.health {
            weft_alert::Health::Unknown => Health::Unknown,
            weft_alert::Health::Good => Health::Good,
            weft_alert::Health::Bad => Health::Bad,
        },
        last_error: state.last_error.clone(),
        last_evaluation: or_never(state.last_evaluation),
        evaluation_seconds: state.took.as_secs_f64(),
        kind,
    }
}

fn alert(alert: &weft_alert::Alert) -> Alert {
    Alert {
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        state: match alert.state {
            weft_alert::AlertState::Inactive => AlertState::Inactive,
            weft_alert::AlertState::Pending => AlertState::Pending,
            weft_alert::AlertState::Firing => AlertState::Firing,
        },
        active_at: alert.active_at.to_nanos(),
        keep_firing_since: alert.keep_firing_since.map(Millis::to_nanos),
        value: alert.value,
    }
}

fn or_never(time: Option<Millis>) -> Nanos {
    time.map_or(Nanos(0), Millis::to_nanos)
}
