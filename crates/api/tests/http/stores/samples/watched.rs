//! Rules and alerts in every state.

use weft_api::prometheus::watch::{Alert, AlertState, Health, Rule, RuleGroup, RuleKind};
use weft_model::{Labels, Nanos};

use crate::stores::NOW;

fn rule(name: &str, labels: &[(&str, &str)], kind: RuleKind) -> Rule {
    Rule {
        name: name.to_owned(),
        query: "up == 0".to_owned(),
        labels: Labels::from_pairs(labels.iter().copied()),
        health: Health::Good,
        last_error: String::new(),
        last_evaluation: Nanos(NOW * 1_000_000_000),
        evaluation_seconds: 0.001,
        kind,
    }
}

fn alerting(alerts: Vec<Alert>) -> RuleKind {
    RuleKind::Alerting {
        for_seconds: 300.0,
        keep_firing_for_seconds: 0.0,
        annotations: Labels::from_pairs([("summary", "It is down.")]),
        alerts,
    }
}

fn group(file: &str, name: &str, rules: Vec<Rule>) -> RuleGroup {
    RuleGroup {
        name: name.to_owned(),
        file: file.to_owned(),
        interval_seconds: 60.0,
        limit: 0,
        last_evaluation: Nanos(NOW * 1_000_000_000),
        evaluation_seconds: 0.002,
        rules,
    }
}

/// Returns three groups of two files.
pub(super) fn groups() -> Vec<RuleGroup> {
    let failing = Rule {
        health: Health::Bad,
        last_error: "rule result is not a vector or scalar".to_owned(),
        ..rule("job:up:bad", &[("team", "a")], RuleKind::Recording)
    };
    let new = Rule {
        health: Health::Unknown,
        last_evaluation: Nanos(0),
        evaluation_seconds: 0.0,
        ..rule(
            "Quiet",
            &[("severity", "{{ $value }}")],
            alerting(Vec::new()),
        )
    };
    vec![
        group(
            "node.yml",
            "node",
            vec![
                rule("TargetDown", &[], alerting(alerts())),
                rule("job:up:sum", &[], RuleKind::Recording),
            ],
        ),
        group("node.yml", "failing", vec![failing]),
        RuleGroup {
            limit: 10,
            last_evaluation: Nanos(0),
            ..group("other.yml", "node", vec![new])
        },
    ]
}

/// Returns an alert that fires and one that goes on firing.
pub(super) fn alerts() -> Vec<Alert> {
    let firing = Alert {
        labels: Labels::from_pairs([("alertname", "TargetDown")]),
        annotations: Labels::empty(),
        state: AlertState::Firing,
        active_at: Nanos(NOW * 1_000_000_000),
        keep_firing_since: None,
        value: 0.0,
    };
    let kept = Alert {
        labels: Labels::from_pairs([("alertname", "TargetDown"), ("job", "b")]),
        state: AlertState::Pending,
        keep_firing_since: Some(Nanos(NOW * 1_000_000_000 + 5)),
        value: 1234.5,
        ..firing.clone()
    };
    vec![firing, kept]
}
