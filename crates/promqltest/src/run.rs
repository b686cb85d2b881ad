//! Runs the commands of a script, one after another.

use weft_promql::{
    Answer, Engine, Limits, NameRemoval, Options, QueryError, QueryOptions, Source,
    StartTimestamps, TimeRange, Value, VectorSample,
};

use crate::Storage;
use crate::case::{Case, Expectation, Expected, Matching, Times};
use crate::classic::custom_series;
use crate::compare::{by_time, compare_matrix, compare_vector, nearly_equal};
use crate::report::{Failure, Report};
use crate::script::{Command, Load, ScriptError, parse_script};
use crate::sequence::column;

/// Runs a script; fails only when the script itself or the storage is at fault.
pub fn run(script: &str, storage: &mut dyn Storage) -> anyhow::Result<Report> {
    let engine = Engine::new(Options {
        name_removal: NameRemoval::Delayed,
        start_timestamps: StartTimestamps::Used,
        ..Options::default()
    });
    let mut report = Report::default();
    for command in parse_script(script)? {
        match command {
            Command::Clear => storage.clear()?,
            Command::Load(load) => load_series(&load, storage)?,
            Command::Eval(case) => {
                let source = storage.source();
                match run_case(&engine, source.as_ref(), &case) {
                    Ok(()) => report.passed += 1,
                    Err(reason) => report.failed.push(Failure {
                        line: case.line,
                        query: case.query.clone(),
                        reason,
                    }),
                }
            }
        }
    }
    Ok(report)
}

fn load_series(load: &Load, storage: &mut dyn Storage) -> anyhow::Result<()> {
    for series in &load.series {
        let column = column(&series.items, &series.starts, (0, load.step_ms));
        storage.append(&series.labels, &column)?;
    }
    if load.with_custom_buckets {
        let custom = custom_series(load).map_err(|reason| ScriptError { line: 0, reason })?;
        for (labels, column) in custom {
            storage.append(&labels, &column)?;
        }
    }
    Ok(())
}

fn run_case(engine: &Engine, source: &dyn Source, case: &Case) -> Result<(), String> {
    let options = QueryOptions {
        limits: Limits {
            samples_max: 50_000_000,
            ..Limits::default()
        },
        ..QueryOptions::default()
    };
    let answer = match case.times {
        Times::Instant(time) => engine.instant(source, &case.query, time, &options),
        Times::Range { start, end, step } => {
            let range = TimeRange {
                start_ms: start,
                end_ms: end,
                step_ms: step,
            };
            engine.range(source, &case.query, range, &options)
        }
    };
    let answer = match answer {
        Err(error) => return check_failure(case, &error),
        Ok(_) if case.fails() => return Err("expected a failure".to_owned()),
        Ok(answer) => answer,
    };
    check_notes(case, &answer)?;
    compare(case, &answer.value)?;
    match case.times {
        Times::Instant(time) => check_in_range_mode(engine, source, case, time, &options),
        Times::Range { .. } => Ok(()),
    }
}

fn check_failure(case: &Case, error: &QueryError) -> Result<(), String> {
    let message = match error {
        QueryError::Source(inner) => inner.0.to_string(),
        other => other.to_string(),
    };
    if !case.fails() {
        return Err(format!("failed: {message}"));
    }
    for expectation in &case.expectations {
        if let Expectation::Fail(matching) = expectation
            && !matching.matches(&message)?
        {
            let expected = matching.describe();
            return Err(format!("expected to fail with {expected}, got {message:?}"));
        }
    }
    Ok(())
}

fn check_notes(case: &Case, answer: &Answer) -> Result<(), String> {
    let mut warnings: Vec<&Matching> = Vec::new();
    let mut infos: Vec<&Matching> = Vec::new();
    for expectation in &case.expectations {
        match expectation {
            Expectation::Warn(matching) => warnings.push(matching),
            Expectation::Info(matching) => infos.push(matching),
            Expectation::NoWarn if !answer.warnings.is_empty() => {
                return Err(format!("unexpected warnings {:?}", answer.warnings));
            }
            Expectation::NoInfo if !answer.infos.is_empty() => {
                return Err(format!("unexpected infos {:?}", answer.infos));
            }
            _ => {}
        }
    }
    check_texts("warning", &warnings, &answer.warnings)?;
    check_texts("info", &infos, &answer.infos)
}

/// Every expectation must be met, and if there are any, every text must be expected.
fn check_texts(kind: &str, expected: &[&Matching], found: &[String]) -> Result<(), String> {
    if expected.is_empty() {
        return Ok(());
    }
    let mut known = vec![false; found.len()];
    for matching in expected {
        let mut met = false;
        for (text, known) in found.iter().zip(&mut known) {
            if matching.matches(text)? {
                met = true;
                *known = true;
            }
        }
        if !met {
            let expected = matching.describe();
            return Err(format!("expected {kind} {expected}, got {found:?}"));
        }
    }
    match known.iter().position(|known| !known) {
        Some(at) => Err(format!("unexpected {kind} {:?}", found[at])),
        None => Ok(()),
    }
}

fn compare(case: &Case, value: &Value) -> Result<(), String> {
    match (value, &case.expected) {
        (Value::Scalar { value, .. }, Expected::Scalar(expected)) => {
            compare_scalar(*value, *expected)
        }
        (Value::String { text, .. }, Expected::Text(expected)) if text == expected => Ok(()),
        (Value::String { text, .. }, Expected::Text(expected)) => {
            Err(format!("expected {expected:?}, got {text:?}"))
        }
        (Value::Vector(found), Expected::Series(expected)) => {
            compare_vector(found, expected, case.is_ordered())
        }
        (Value::Matrix(found), Expected::Series(expected)) => {
            let (start, step) = match (case.times, case.range_vector) {
                (Times::Range { start, step, .. }, _) => (start, step),
                (_, Some(times)) => times,
                _ => return Err("unexpected range vector".to_owned()),
            };
            compare_matrix(found, expected, start, step)
        }
        (found, _) => Err(format!("unexpected kind of value: {found:?}")),
    }
}

fn compare_scalar(found: f64, expected: f64) -> Result<(), String> {
    if nearly_equal(found, expected) {
        return Ok(());
    }
    Err(format!("expected {expected}, got {found}"))
}

/// An instant query must have the same answer as the middle step of a range query.
fn check_in_range_mode(
    engine: &Engine,
    source: &dyn Source,
    case: &Case,
    time: i64,
    options: &QueryOptions<'_>,
) -> Result<(), String> {
    let depends_on_range = ["start()", "end()", "step()", "range()"];
    let comparable = !case.is_ordered()
        && case.range_vector.is_none()
        && !matches!(case.expected, Expected::Text(_))
        && !depends_on_range
            .iter()
            .any(|call| case.query.contains(call));
    if !comparable {
        return Ok(());
    }
    let range = TimeRange {
        start_ms: time - 60_000,
        end_ms: time + 60_000,
        step_ms: 60_000,
    };
    let answer = engine.range(source, &case.query, range, options);
    let answer = answer.map_err(|error| format!("in range mode: {error}"))?;
    let Value::Matrix(series) = answer.value else {
        return Err("in range mode: expected a matrix".to_owned());
    };
    let middle = series.iter().filter_map(|series| {
        let value = by_time(series).remove(&time)?;
        Some(VectorSample {
            labels: series.labels.clone(),
            time_ms: time,
            value,
        })
    });
    let middle: Vec<VectorSample> = middle.collect();
    let compared = match (&case.expected, middle.as_slice()) {
        (Expected::Scalar(expected), [sample]) => match sample.value {
            weft_promql::SampleValue::Float(found) => compare_scalar(found, *expected),
            _ => Err("expected a number".to_owned()),
        },
        (Expected::Series(expected), middle) => compare_vector(middle, expected, false),
        _ => Err("expected a single number".to_owned()),
    };
    compared.map_err(|reason| format!("in range mode: {reason}"))
}
