//! The rules in `deploy/rules`, evaluated on sample data.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use expect_test::expect_file;
use weft_alert::{Evaluate, EvaluateError, Found, GroupState, Origin, Round, Sample, SampleValue};
use weft_model::{Labels, Matcher, Millis};
use weft_promql::{Column, Engine, QueryOptions, Value};
use weft_promqltest::{Memory, Storage};

/// When the rules are evaluated: the sample data ends there.
const AT: Millis = Millis(600_000);

/// Samples in memory, asked by the real engine.
struct World(Mutex<Memory>);

impl Evaluate for World {
    fn query(&self, query: &str, at: Millis) -> Result<Vec<Found>, EvaluateError> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = Engine::default();
        let answer = engine.instant(&*memory.source(), query, at.0, &QueryOptions::default());
        let answer = answer.map_err(|error| EvaluateError(error.to_string()))?;
        let Value::Vector(samples) = answer.value else {
            return Err(EvaluateError("not a vector".to_owned()));
        };
        let found = samples.into_iter().map(|sample| match sample.value {
            weft_promql::SampleValue::Float(value) => Found {
                labels: sample.labels,
                value: SampleValue::Float(value),
            },
            weft_promql::SampleValue::Histogram(histogram) => Found {
                labels: sample.labels,
                value: SampleValue::Histogram(histogram),
            },
        });
        Ok(found.collect())
    }

    fn newest(
        &self,
        _: &[Matcher],
        _: Millis,
        _: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError> {
        Ok(Vec::new())
    }

    fn store(&self, samples: &[Sample]) -> Result<(), EvaluateError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in samples {
            let mut column = Column::default();
            column.push(sample.time.0, sample.value.number());
            let appended = memory.append(&sample.labels, &column);
            appended.map_err(|error| EvaluateError(error.to_string()))?;
        }
        Ok(())
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/alert")
        .join(name)
}

#[test]
fn every_shipped_recording_rule_gives_a_result_on_sample_data() {
    let mut memory = Memory::new();
    let load = std::fs::read_to_string(data("recording.load")).unwrap();
    weft_promqltest::run(&load, &mut memory).unwrap();
    let world = World(Mutex::new(memory));
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rules/recording.yaml");
    let groups = super::read(&rules, Duration::from_secs(60)).groups.unwrap();
    let mut told = String::new();
    for group in groups {
        let mut state = GroupState::new(group);
        let round = Round {
            evaluate: &world,
            origin: &Origin::default(),
            tuning: &weft_alert::Tuning::default(),
            elapsed: &|| Duration::ZERO,
            go_on: &|| true,
        };
        state.evaluate(AT, &round);
        let view = state.view();
        for (rule, fares) in view.group.rules.iter().zip(&view.rules) {
            assert_eq!(fares.last_error, "", "{}", rule.name);
            told += &values(&world, rule);
        }
    }
    expect_file![data("recording.txt")].assert_eq(&told);
}

/// Returns the series that a rule has made, one in each line.
fn values(world: &World, rule: &weft_alert::Rule) -> String {
    let wanted = rule.labels();
    let query = format!("{{__name__={:?}}}", rule.name);
    let found = world.query(&query, AT).unwrap();
    let fits = |found: &&Found| wanted.iter().all(|(n, v)| found.labels.get(n) == v);
    let mut lines: Vec<String> = found
        .iter()
        .filter(fits)
        .map(|it| format!("{} {}\n", it.labels, it.value.number()))
        .collect();
    assert!(!lines.is_empty(), "{} makes nothing", rule.name);
    lines.sort();
    lines.concat()
}
