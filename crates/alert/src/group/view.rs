//! A group as it is shown to people: a copy, so that nobody waits for an evaluation.

use std::sync::Arc;
use std::time::Duration;

use weft_model::{Labels, Millis};

use super::{GroupState, RuleState};
use crate::rule::Group;

/// How a rule fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It was not evaluated yet.
    #[default]
    Unknown,
    /// It was evaluated.
    Good,
    /// It failed.
    Bad,
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Its condition does not hold any more.
    Inactive,
    /// Its condition has not held for long enough yet.
    Pending,
    /// Its condition has held for long enough.
    Firing,
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Which alert it is.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// How far it has come.
    pub state: AlertState,
    /// Since when its condition holds.
    pub active_at: Millis,
    /// The value that the query had last.
    pub value: f64,
    /// When it began to fire.
    pub fired_at: Option<Millis>,
    /// When it was over.
    pub resolved_at: Option<Millis>,
    /// Since when it fires although its condition does not hold.
    pub keep_firing_since: Option<Millis>,
}

/// A group with how it fares.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// The group.
    pub group: Arc<Group>,
    /// When it was last evaluated.
    pub last_evaluation: Option<Millis>,
    /// How long that took.
    pub took: Duration,
    /// How its rules fare, in their order.
    pub rules: Vec<RuleView>,
}

/// How a rule fares.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// How the last evaluation went.
    pub health: Health,
    /// What went wrong, empty when nothing did.
    pub last_error: String,
    /// When it was last evaluated.
    pub last_evaluation: Option<Millis>,
    /// How long that took.
    pub took: Duration,
    /// The alerts that are pending or firing.
    pub alerts: Vec<Alert>,
}

pub(super) fn of(state: &GroupState) -> GroupView {
    GroupView {
        group: Arc::clone(&state.group),
        last_evaluation: state.last_evaluation,
        took: state.took,
        rules: state.rules.iter().map(of_rule).collect(),
    }
}

fn of_rule(state: &RuleState) -> RuleView {
    let alerts = state.alerts.values();
    RuleView {
        health: state.health,
        last_error: state.last_error.clone(),
        last_evaluation: state.last_evaluation,
        took: state.took,
        alerts: alerts
            .filter(|alert| alert.state != AlertState::Inactive)
            .cloned()
            .collect(),
    }
}
