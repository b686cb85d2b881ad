//! Alerts after a restart: since when their conditions hold is read back from `ALERTS_FOR_STATE`.
//!
//! An alert that was pending goes on where it was; the pause itself does not count. One whose time
//! was over fires at once. Follows Prometheus's rules of `for` state restoration.

use weft_model::{METRIC_NAME, MatchOp, Matcher, Millis};

use super::alerting::ALERTS_FOR_STATE;
use super::view::Alert;
use super::{GroupState, Round, millis};
use crate::rule::{Action, Rule};

/// Sets back the alerts of a group's rules to when their conditions began to hold.
pub(super) fn restore(state: &mut GroupState, at: Millis, round: &Round<'_>) {
    let tuning = round.tuning;
    for (rule, kept) in state.group.rules.iter().zip(&mut state.rules) {
        let Action::Alert { hold, .. } = &rule.action else {
            continue;
        };
        if *hold < tuning.grace_period || kept.alerts.is_empty() {
            continue;
        }
        let from = at.plus(-millis(tuning.outage_tolerance));
        // What cannot be read back begins anew.
        let Ok(found) = round.evaluate.newest(&matchers(rule), from, at) else {
            continue;
        };
        for alert in kept.alerts.values_mut() {
            let wanted = alert.labels.with(METRIC_NAME, ALERTS_FOR_STATE);
            let known = found.iter().find(|(labels, _, _)| *labels == wanted);
            // A series that ended was of an alert that was over.
            if let Some((_, time, since)) = known.filter(|(_, _, since)| since.is_finite()) {
                let since = Millis((*since * 1000.0) as i64);
                set_back(
                    alert,
                    millis(*hold),
                    since,
                    *time,
                    at,
                    millis(tuning.grace_period),
                );
            }
        }
    }
}

fn matchers(rule: &Rule) -> Vec<Matcher> {
    let equal = |name: &str, value: &str| Matcher {
        name: name.to_owned(),
        op: MatchOp::Equal,
        value: value.to_owned(),
    };
    vec![
        equal(METRIC_NAME, ALERTS_FOR_STATE),
        equal("alertname", &rule.name),
    ]
}

fn set_back(alert: &mut Alert, hold: i64, since: Millis, down_at: Millis, now: Millis, grace: i64) {
    let pending = down_at.0.saturating_sub(since.0);
    let remaining = hold.saturating_sub(pending);
    alert.active_at = if remaining <= 0 {
        since
    } else if remaining < grace {
        now.plus(grace).plus(-hold)
    } else {
        since.plus(now.0.saturating_sub(down_at.0))
    };
}
