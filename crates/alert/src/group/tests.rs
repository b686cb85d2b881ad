//! Groups over time: a table of what queries find at which minute, and the samples that come of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use expect_test::{Expect, expect};
use weft_model::{Matcher, is_stale};

use super::*;
use crate::evaluate::Found;
use crate::template::Template;

/// Answers queries from a table and keeps what is stored.
#[derive(Default)]
struct World {
    /// By query: labels with one value for each minute; `_` for none, `!` for a failure.
    series: Vec<(&'static str, &'static str, &'static str)>,
    stored: Mutex<Vec<Sample>>,
    /// What was stored before this process began.
    before: Vec<(Labels, Millis, f64)>,
}

fn labels(text: &str) -> Labels {
    Labels::from_pairs(
        text.split_whitespace()
            .filter_map(|pair| pair.split_once('=')),
    )
}

impl Evaluate for World {
    fn query(&self, query: &str, at: Millis) -> Result<Vec<Found>, EvaluateError> {
        let minute = usize::try_from(at.0 / 60_000).unwrap();
        let mut found = Vec::new();
        for (_, name, values) in self.series.iter().filter(|(asked, _, _)| *asked == query) {
            match values.split_whitespace().nth(minute) {
                Some("_") | None => {}
                Some("!") => return Err(EvaluateError("the query failed".to_owned())),
                Some(value) => found.push(Found {
                    labels: labels(name),
                    value: SampleValue::Float(value.parse().unwrap()),
                }),
            }
        }
        // What was stored is seen at once.
        let stored = self.stored.lock().unwrap();
        let same = stored
            .iter()
            .filter(|it| it.labels.name() == query && it.time == at);
        found.extend(same.map(|it| Found {
            labels: it.labels.clone(),
            value: it.value.clone(),
        }));
        Ok(found)
    }

    fn newest(
        &self,
        matchers: &[Matcher],
        from: Millis,
        to: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError> {
        let fits = |labels: &Labels| matchers.iter().all(|it| labels.get(&it.name) == it.value);
        let inside = |time: Millis| time >= from && time <= to;
        let found = self
            .before
            .iter()
            .filter(|(it, time, _)| fits(it) && inside(*time));
        Ok(found.cloned().collect())
    }

    fn store(&self, samples: &[Sample]) -> Result<(), EvaluateError> {
        self.stored.lock().unwrap().extend_from_slice(samples);
        Ok(())
    }
}

impl World {
    fn of(series: &[(&'static str, &'static str, &'static str)]) -> World {
        World {
            series: series.to_vec(),
            ..World::default()
        }
    }

    fn evaluate(&self, state: &mut GroupState, minute: i64) -> Report {
        let no_time = || Duration::ZERO;
        let (origin, tuning) = (Origin::default(), Tuning::default());
        let round = Round {
            evaluate: self,
            origin: &origin,
            tuning: &tuning,
            elapsed: &no_time,
            go_on: &|| true,
        };
        state.evaluate(Millis(minute * 60_000), &round)
    }

    fn run(&self, state: &mut GroupState, minutes: std::ops::Range<i64>) {
        for minute in minutes {
            self.evaluate(state, minute);
        }
    }

    /// Writes each series as one line: its values by minute.
    fn check(&self, expected: &Expect) {
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for sample in self.stored.lock().unwrap().iter() {
            let value = match sample.value.number() {
                value if is_stale(value) => "stale".to_owned(),
                value => value.to_string(),
            };
            let line = lines.entry(sample.labels.to_string()).or_default();
            line.push_str(&format!(" {}m:{value}", sample.time.0 / 60_000));
        }
        let text: String = lines
            .iter()
            .map(|(series, it)| format!("{series}{it}\n"))
            .collect();
        expected.assert_eq(&text);
    }
}

fn group(rules: Vec<Rule>) -> Group {
    Group {
        file: "f".to_owned(),
        name: "g".to_owned(),
        interval: Duration::from_secs(60),
        limit: 0,
        query_offset: Duration::ZERO,
        rules,
    }
}

fn record(name: &str, query: &str, with: &[(&str, &str)]) -> Rule {
    let pairs = with.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Rule {
        name: name.to_owned(),
        query: query.to_owned(),
        action: Action::Record {
            labels: pairs.collect(),
        },
    }
}

fn alert(name: &str, query: &str, hold: u64, keep: u64) -> Rule {
    let template = |text: &str| Template::parse(text).unwrap();
    Rule {
        name: name.to_owned(),
        query: query.to_owned(),
        action: Action::Alert {
            labels: vec![("on".to_owned(), template("{{ $labels.host }}"))],
            annotations: vec![("value".to_owned(), template("is {{ $value }}"))],
            hold: Duration::from_secs(hold * 60),
            keep_firing_for: Duration::from_secs(keep * 60),
        },
    }
}

#[test]
fn a_rule_sees_what_the_rules_before_it_made() {
    let world = World::of(&[("up", "__name__=up host=a", "1 2")]);
    let rules = vec![
        record("x", "up", &[("by", "r")]),
        record("y", "x", &[("by", "")]),
    ];
    world.run(&mut GroupState::new(group(rules)), 0..2);
    world.check(&expect![[r#"
        x{by="r", host="a"} 0m:1 1m:2
        y{host="a"} 0m:1 1m:2
    "#]]);
}

#[test]
fn a_series_that_vanishes_is_ended_once() {
    let world = World::of(&[("up", "host=a", "1 _ _ 1"), ("up", "host=b", "1 1 ! 1")]);
    let mut state = GroupState::new(group(vec![record("x", "up", &[])]));
    world.run(&mut state, 0..4);
    world.check(&expect![[r#"
        x{host="a"} 0m:1 1m:stale 3m:1
        x{host="b"} 0m:1 1m:1 3m:1
    "#]]);
}

#[test]
fn series_that_become_one_are_an_error() {
    let world = World::of(&[("up", "host=a", "1"), ("up", "host=b", "1")]);
    let mut state = GroupState::new(group(vec![record("x", "up", &[("host", "")])]));
    assert_eq!(world.evaluate(&mut state, 0).failures, 1);
    assert!(state.view().rules[0].last_error.contains("same labelset"));
    assert_eq!(state.view().rules[0].health, Health::Bad);
}

#[test]
fn what_is_over_the_limit_is_not_written_at_all() {
    let world = World::of(&[("up", "host=a", "1 1 1"), ("up", "host=b", "_ 1 _")]);
    let rules = vec![record("x", "up", &[]), alert("Down", "up", 0, 0)];
    let mut state = GroupState::new(Group {
        limit: 1,
        ..group(rules)
    });
    world.run(&mut state, 0..2);
    let errors = state
        .view()
        .rules
        .iter()
        .map(|it| it.last_error.clone())
        .collect::<Vec<_>>();
    assert_eq!(
        errors,
        [
            "exceeded limit of 1 with 2 series",
            "exceeded limit of 1 with 2 alerts"
        ]
    );
    assert!(
        state.view().rules[1].alerts.is_empty(),
        "all alerts are cleared"
    );
    world.check(&expect![[r#"
        x{host="a"} 0m:1
    "#]]);
}

#[test]
fn samples_of_a_group_with_an_offset_are_that_much_older() {
    let world = World::of(&[("up", "host=a", "1 2 _ _")]);
    let mut state = GroupState::new(Group {
        query_offset: Duration::from_secs(60),
        ..group(vec![record("x", "up", &[])])
    });
    world.run(&mut state, 1..4);
    world.check(&expect![[r#"
        x{host="a"} 0m:1 1m:2 2m:stale
    "#]]);
}

#[test]
fn a_blip_shorter_than_for_never_fires() {
    let world = World::of(&[("down", "host=a", "_ _ 1 1 _ 1 1 1 1 _")]);
    let mut state = GroupState::new(group(vec![alert("Down", "down", 2, 0)]));
    world.run(&mut state, 0..10);
    world.check(&expect![[r#"
        ALERTS_FOR_STATE{alertname="Down", host="a", on="a"} 2m:120 3m:120 4m:stale 5m:300 6m:300 7m:300 8m:300 9m:stale
        ALERTS{alertname="Down", alertstate="firing", host="a", on="a"} 7m:1 8m:1 9m:stale
        ALERTS{alertname="Down", alertstate="pending", host="a", on="a"} 2m:1 3m:1 4m:stale 5m:1 6m:1 7m:stale
    "#]]);
}

#[test]
fn without_for_an_alert_fires_at_once() {
    let world = World::of(&[("down", "host=a", "1 5")]);
    let mut state = GroupState::new(group(vec![alert("Down", "down", 0, 0)]));
    world.run(&mut state, 0..2);
    let view = state.view();
    let [alert] = view.rules[0].alerts.as_slice() else {
        panic!("one alert")
    };
    assert_eq!(
        (alert.state, alert.active_at),
        (AlertState::Firing, Millis(0))
    );
    assert_eq!(
        alert.annotations.get("value"),
        "is 5",
        "annotations follow the value"
    );
}

#[test]
fn an_alert_keeps_firing_over_gaps_shorter_than_asked() {
    let world = World::of(&[("down", "host=a", "_ _ 1 _ 1 _ _ _ _")]);
    let mut state = GroupState::new(group(vec![alert("Down", "down", 0, 2)]));
    world.run(&mut state, 0..9);
    world.check(&expect![[r#"
        ALERTS_FOR_STATE{alertname="Down", host="a", on="a"} 2m:120 3m:120 4m:120 5m:120 6m:120 7m:stale
        ALERTS{alertname="Down", alertstate="firing", host="a", on="a"} 2m:1 3m:1 4m:1 5m:1 6m:1 7m:stale
    "#]]);
}

#[test]
fn a_failed_query_changes_no_alert() {
    let world = World::of(&[("down", "host=a", "1 ! 1 1")]);
    let mut state = GroupState::new(group(vec![alert("Down", "down", 2, 0)]));
    world.run(&mut state, 0..3);
    assert_eq!(state.view().rules[0].alerts[0].state, AlertState::Firing);
}

#[test]
fn an_alert_that_was_pending_goes_on_after_a_restart() {
    let series = labels("__name__=ALERTS_FOR_STATE alertname=Down host=a on=a");
    for (since, last, expected) in [
        // Pending for 5 of 60 minutes when it stopped at 15; back at 21: the pause does not count.
        (10, 15, 16),
        // Held for longer than asked: fires at once.
        (-60, 15, -60),
        // Almost there: at least the grace period of 10 minutes is left.
        (-44, 15, 21 + 10 - 60),
        // Too long ago.
        (-200, -100, 20),
    ] {
        let world = World {
            before: vec![(series.clone(), Millis(last * 60_000), since as f64 * 60.0)],
            ..World::of(&[(
                "down",
                "host=a",
                "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            )])
        };
        let mut state = GroupState::new(group(vec![alert("Down", "down", 60, 0)]));
        world.run(&mut state, 20..22);
        assert_eq!(
            state.view().rules[0].alerts[0].active_at,
            Millis(expected * 60_000)
        );
    }
}

#[test]
fn a_changed_group_keeps_what_stays_and_ends_what_goes() {
    let world = World::of(&[("up", "host=a", "1 1 1 1"), ("down", "host=a", "1 1 1 1")]);
    let old = vec![
        record("x", "up", &[]),
        record("y", "up", &[]),
        alert("Down", "down", 3, 0),
    ];
    let mut state = GroupState::new(group(old));
    world.run(&mut state, 0..2);
    let new = vec![alert("Down", "down", 3, 0), record("x", "up", &[])];
    let mut state = GroupState::replacing(group(new), state);
    world.run(&mut state, 2..4);
    assert_eq!(state.view().rules[0].alerts[0].state, AlertState::Firing);
    world.check(&expect![[r#"
        ALERTS_FOR_STATE{alertname="Down", host="a", on="a"} 1m:0 2m:0 3m:0
        ALERTS{alertname="Down", alertstate="firing", host="a", on="a"} 3m:1
        ALERTS{alertname="Down", alertstate="pending", host="a", on="a"} 1m:1 2m:1 3m:stale
        x{host="a"} 0m:1 1m:1 2m:1 3m:1
        y{host="a"} 0m:1 1m:1 2m:stale
    "#]]);
}

#[test]
fn series_of_a_group_that_is_gone_are_ended_unless_taken_over() {
    let host = |name: &str| labels(&format!("__name__=x host={name}"));
    let world = World {
        before: vec![
            (host("b"), Millis(120_000), 1.0),
            (host("a"), Millis(0), 1.0),
        ],
        ..World::of(&[("up", "host=a", "1"), ("up", "host=b", "1")])
    };
    let mut state = GroupState::new(group(vec![record("x", "up", &[])]));
    world.run(&mut state, 0..1);
    let mut orphans = Orphans::default();
    orphans.add(state, Millis(60_000));
    assert_eq!(orphans.next(), Some(Millis(180_000)));
    assert_eq!(orphans.end(Millis(179_999), &world), Ok(0));
    assert_eq!(orphans.end(Millis(180_000), &world), Ok(1));
    assert_eq!(orphans.next(), None);
    world.check(&expect![[r#"
        x{host="a"} 0m:1 1m:stale
        x{host="b"} 0m:1
    "#]]);
}
