//! One test from its start to its last check: rules are evaluated step by step, then queries asked.
//!
//! In: the rules and the test. Out: what is not as expected.
//! Bound: [`EVALUATIONS_MAX`] evaluations of all groups.

use std::time::Duration;

use weft_alert::raw::Place;
use weft_alert::{
    AlertState, Evaluate, EvaluateError, GroupState, Origin, Round, Tuning, format_duration,
};
use weft_model::Millis;

use super::difference;
use super::world::World;
use crate::config::rule_tests::{AlertCheck, Comparing, QueryCheck, RuleTest, RuleTests};

/// The most evaluations of a test.
const EVALUATIONS_MAX: u128 = 1_000_000;

/// Something that is not as expected.
#[derive(Debug)]
pub(super) struct Failure {
    /// The check that fails, where it is one.
    pub(super) place: Option<Place>,
    /// What failed.
    pub(super) what: String,
    /// How it differs, in lines.
    pub(super) difference: Vec<String>,
}

/// Runs a test.
pub(super) fn play(rules: &RuleTests, test: &RuleTest) -> Vec<Failure> {
    let mut failures = match evaluated(rules, test) {
        Ok(failures) => failures,
        Err(failure) => vec![failure],
    };
    failures.sort_by_key(|failure| failure.place);
    failures
}

/// Runs a test; ends early when a rule cannot be evaluated.
fn evaluated(rules: &RuleTests, test: &RuleTest) -> Result<Vec<Failure>, Failure> {
    let alerts = test.alerts.iter().map(|check| check.at);
    let queries = test.queries.iter().map(|check| check.at);
    let last = alerts.chain(queries).max().unwrap_or_default();
    if last.as_millis() / rules.interval.as_millis() > EVALUATIONS_MAX {
        let interval = format_duration(rules.interval);
        let last = format_duration(last);
        let what = format!("{last} has more than {EVALUATIONS_MAX} times {interval}");
        return Err(broken(what));
    }
    let world = World::new(&test.series, rules.interval);
    let world = world.map_err(|error| broken(error.to_string()))?;
    let groups = rules.groups.iter().cloned();
    let mut groups: Vec<GroupState> = groups.map(GroupState::without_past).collect();
    let mut failures = Vec::new();
    let mut at = Duration::ZERO;
    while at <= last {
        let now = after(test.start, at);
        world.advance(now);
        for group in &mut groups {
            evaluate(group, now, &world, &test.origin)
                .map_err(|what| broken(format!("at {}: {what}", format_duration(at))))?;
        }
        let next = at + rules.interval;
        let due = test
            .alerts
            .iter()
            .filter(|check| (at..next).contains(&check.at));
        failures.extend(due.filter_map(|check| check_alerts(&groups, check)));
        at = next;
    }
    let asked = test.queries.iter();
    failures.extend(asked.filter_map(|check| check_query(&world, test, check, rules.comparing)));
    Ok(failures)
}

fn evaluate(
    group: &mut GroupState,
    now: Millis,
    world: &World,
    origin: &Origin,
) -> Result<(), String> {
    let round = Round {
        evaluate: world,
        origin,
        tuning: &Tuning::default(),
        elapsed: &|| Duration::ZERO,
        go_on: &|| true,
    };
    if group.evaluate(now, &round).failures == 0 {
        return Ok(());
    }
    let view = group.view();
    let mut rules = view.group.rules.iter().zip(&view.rules);
    match rules.find(|(_, fares)| !fares.last_error.is_empty()) {
        Some((rule, fares)) => Err(format!("rule {}: {}", rule.name, fares.last_error)),
        None => Ok(()),
    }
}

/// Compares the alerts that fire now with those that should; alerts of all groups count.
fn check_alerts(groups: &[GroupState], check: &AlertCheck) -> Option<Failure> {
    let mut found = Vec::new();
    for view in groups.iter().map(GroupState::view) {
        let named = view.group.rules.iter().zip(view.rules);
        let named = named.filter(|(rule, _)| rule.is_alert() && rule.name == check.name);
        let alerts = named.flat_map(|(_, fares)| fares.alerts);
        found.extend(alerts.filter(|alert| alert.state == AlertState::Firing));
    }
    let what = format!("alert {} at {}", check.name, format_duration(check.at));
    failure(
        check.place,
        what,
        difference::of_alerts(&check.expected, &found),
    )
}

fn check_query(
    world: &World,
    test: &RuleTest,
    check: &QueryCheck,
    comparing: Comparing,
) -> Option<Failure> {
    let what = format!(
        "query {} at {}",
        check.query.trim(),
        format_duration(check.at)
    );
    let difference = match world.query(&check.query, after(test.start, check.at)) {
        Ok(found) => difference::of_samples(&check.expected, &found, comparing),
        Err(EvaluateError(error)) => vec![format!("cannot be evaluated: {error}")],
    };
    failure(check.place, what, difference)
}

fn failure(place: Place, what: String, difference: Vec<String>) -> Option<Failure> {
    (!difference.is_empty()).then_some(Failure {
        place: Some(place),
        what,
        difference,
    })
}

/// Returns why a test cannot go on.
fn broken(what: String) -> Failure {
    Failure {
        place: None,
        what,
        difference: Vec::new(),
    }
}

fn after(start: Millis, time: Duration) -> Millis {
    start.plus(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
