//! A group at work: its rules, what they found last, and the alerts that are pending or firing.
//!
//! In: a time, and an [`Evaluate`]. Out: samples, stored rule by rule so that each sees what those
//! before it made, and a [`GroupView`] for people. Series that a rule no longer makes are ended
//! with a marker of staleness. Bound: the group's `limit` for each rule.

mod alerting;
mod orphans;
mod recording;
mod restore;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weft_model::{Labels, Millis, stale_nan};

use crate::evaluate::{Evaluate, EvaluateError, Sample, SampleValue};
use crate::rule::{Action, Group, Rule};
use alerting::Active;

pub use orphans::Orphans;
pub use view::{Alert, AlertState, GroupView, Health, RuleView};

/// What the templates of all rules are told of where they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The labels that this process adds to all it sends out.
    pub external_labels: Option<Labels>,
    /// Where this process is reached, or empty.
    pub external_url: String,
}

/// How alerts come back after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// The longest pause after which the time that an alert was pending still counts.
    pub outage_tolerance: Duration,
    /// How long an alert that comes back is pending at least, if it has to be pending for longer.
    pub grace_period: Duration,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            outage_tolerance: Duration::from_secs(3600),
            grace_period: Duration::from_secs(600),
        }
    }
}

/// What the evaluation of a group needs from outside.
pub struct Round<'a> {
    /// Answers queries and stores samples.
    pub evaluate: &'a dyn Evaluate,
    /// Where the rules run.
    pub origin: &'a Origin,
    /// How alerts come back after a restart.
    pub tuning: &'a Tuning,
    /// Tells the time since some fixed moment, for how long each rule takes.
    pub elapsed: &'a dyn Fn() -> Duration,
    /// Tells whether to go on with the next rule.
    pub go_on: &'a dyn Fn() -> bool,
}

/// What one evaluation of a group did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples stored, markers of staleness included.
    pub samples: usize,
    /// Rules that failed.
    pub failures: usize,
}

/// A group with what its rules remember.
#[derive(Debug)]
pub struct GroupState {
    group: Arc<Group>,
    rules: Vec<RuleState>,
    /// Series of rules that are gone, to be ended with the next evaluation.
    abandoned: Vec<Labels>,
    is_restored: bool,
    evaluations: u64,
    last_evaluation: Option<Millis>,
    took: Duration,
}

/// A rule with what it remembers.
#[derive(Debug, Default)]
struct RuleState {
    /// The series that the last evaluation made.
    series: BTreeSet<Labels>,
    alerts: Active,
    health: Health,
    last_error: String,
    last_evaluation: Option<Millis>,
    took: Duration,
}

impl GroupState {
    /// Returns a group that was never evaluated. Alerts that were pending before this process
    /// began are looked for with the second evaluation.
    pub fn new(group: Group) -> GroupState {
        let rules = group.rules.iter().map(|_| RuleState::default()).collect();
        GroupState {
            group: Arc::new(group),
            rules,
            abandoned: Vec::new(),
            is_restored: false,
            evaluations: 0,
            last_evaluation: None,
            took: Duration::ZERO,
        }
    }

    /// Returns a group that was never evaluated and has no past: nothing is looked for, and alerts
    /// are told from the first evaluation on.
    pub fn without_past(group: Group) -> GroupState {
        GroupState {
            is_restored: true,
            ..GroupState::new(group)
        }
    }

    /// Returns a group in the place of an older one of its name: rules that stay the same keep
    /// what they remember, series of those that are gone will be ended.
    pub fn replacing(group: Group, older: GroupState) -> GroupState {
        let mut state = GroupState::new(group);
        state.is_restored = older.is_restored;
        state.evaluations = older.evaluations;
        state.last_evaluation = older.last_evaluation;
        state.took = older.took;
        state.abandoned = older.abandoned;
        let mut known: Vec<_> = older.group.rules.iter().zip(older.rules).collect();
        for (rule, kept) in state.group.rules.iter().zip(&mut state.rules) {
            let same = known.iter().position(|(old, _)| {
                old.name == rule.name && old.labels() == rule.labels() && old.is_like(rule)
            });
            if let Some(at) = same {
                *kept = known.remove(at).1;
            }
        }
        let gone = known.into_iter().flat_map(|(_, state)| state.series);
        state.abandoned.extend(gone);
        state
    }

    /// Returns the group.
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// Evaluates all rules in their order.
    pub fn evaluate(&mut self, at: Millis, round: &Round<'_>) -> Report {
        let began = (round.elapsed)();
        let mut report = Report::default();
        let group = Arc::clone(&self.group);
        if self.evaluations == 1 && !self.is_restored {
            restore::restore(self, at, round);
            self.is_restored = true;
        }
        for (rule, state) in group.rules.iter().zip(&mut self.rules) {
            if !(round.go_on)() {
                return report;
            }
            let before = (round.elapsed)();
            let scene = Scene {
                group: &group,
                at,
                seen_at: seen_at(&group, at),
                evaluate: round.evaluate,
                origin: round.origin,
                writes_alerts: self.is_restored,
            };
            let made = scene.rule(rule, state);
            report.count(&made);
            state.tell(made);
            state.last_evaluation = Some(at);
            state.took = (round.elapsed)().saturating_sub(before);
        }
        report.samples += self.end_abandoned(at, round.evaluate);
        self.evaluations += 1;
        self.last_evaluation = Some(at);
        self.took = (round.elapsed)().saturating_sub(began);
        report
    }

    /// Ends the series of rules that are gone, but for those that another rule makes now.
    fn end_abandoned(&mut self, at: Millis, evaluate: &dyn Evaluate) -> usize {
        let mut abandoned = std::mem::take(&mut self.abandoned);
        abandoned.retain(|labels| self.rules.iter().all(|rule| !rule.series.contains(labels)));
        if abandoned.is_empty() {
            return 0;
        }
        let time = seen_at(&self.group, at);
        let markers: Vec<Sample> = abandoned.iter().map(|it| marker(it, time)).collect();
        match evaluate.store(&markers) {
            Ok(()) => markers.len(),
            Err(_) => {
                // They are ended with the next evaluation.
                self.abandoned = abandoned;
                0
            }
        }
    }

    /// Returns every series that the last evaluation made.
    pub fn series(&self) -> impl Iterator<Item = &Labels> {
        self.rules.iter().flat_map(|rule| &rule.series)
    }

    /// Returns the group as it is to be shown.
    pub fn view(&self) -> GroupView {
        view::of(self)
    }
}

impl Report {
    fn count(&mut self, made: &Result<usize, EvaluateError>) {
        match made {
            Ok(samples) => self.samples += samples,
            Err(_) => self.failures += 1,
        }
    }
}

impl RuleState {
    fn tell(&mut self, made: Result<usize, EvaluateError>) {
        (self.health, self.last_error) = match made {
            Ok(_) => (Health::Good, String::new()),
            Err(error) => (Health::Bad, error.to_string()),
        };
    }
}

impl Rule {
    /// Tells whether both are recording rules, or both alerting rules.
    fn is_like(&self, other: &Rule) -> bool {
        self.is_alert() == other.is_alert()
    }
}

/// What all rules of an evaluation share.
struct Scene<'a> {
    group: &'a Group,
    at: Millis,
    /// The time that queries are about and samples have: `query_offset` before `at`.
    seen_at: Millis,
    evaluate: &'a dyn Evaluate,
    origin: &'a Origin,
    /// Whether the series of alerts are written; not before it is known what was restored.
    writes_alerts: bool,
}

impl Scene<'_> {
    /// Evaluates one rule and stores what it makes; returns how many samples.
    fn rule(&self, rule: &Rule, state: &mut RuleState) -> Result<usize, EvaluateError> {
        let found = self.evaluate.query(&rule.query, self.seen_at)?;
        let mut samples = match &rule.action {
            Action::Record { labels } => recording::samples(self, rule, labels, found)?,
            Action::Alert { .. } => alerting::samples(self, rule, &mut state.alerts, found)?,
        };
        let series: BTreeSet<Labels> = samples.iter().map(|it| it.labels.clone()).collect();
        let ended = state.series.difference(&series);
        samples.extend(ended.map(|labels| marker(labels, self.seen_at)));
        if !samples.is_empty() {
            self.evaluate.store(&samples)?;
        }
        state.series = series;
        Ok(samples.len())
    }

    /// Tells that a rule makes too much.
    fn check_limit(&self, made: usize, what: &str) -> Result<(), EvaluateError> {
        let limit = self.group.limit;
        if limit > 0 && made > limit {
            let message = format!("exceeded limit of {limit} with {made} {what}");
            return Err(EvaluateError(message));
        }
        Ok(())
    }
}

fn seen_at(group: &Group, at: Millis) -> Millis {
    at.plus(-millis(group.query_offset))
}

fn marker(labels: &Labels, time: Millis) -> Sample {
    Sample {
        labels: labels.clone(),
        time,
        value: SampleValue::Float(stale_nan()),
    }
}

/// Returns a duration in milliseconds, clamped.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
