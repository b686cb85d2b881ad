//! `weft check rules --test`: runs tests of rules, and tells what is not as expected.
//!
//! In: files of tests in the format of `promtool test rules`. Out: a line for each file, and a
//! difference for each check that fails.

mod difference;
mod junit;
mod play;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::rules::plural;
use crate::config::rule_tests::{self, RuleTest, RuleTests};
use crate::config::rules;
use crate::exit::Exit;
use crate::print;
use play::{Failure, play};

/// What came of a file.
struct Outcome {
    path: String,
    /// What came of its tests, or what is wrong with the file.
    played: Result<Vec<Played>, Vec<String>>,
}

/// What came of a test.
struct Played {
    name: String,
    checks: usize,
    failures: Vec<Failure>,
}

/// Runs the tests of all files.
pub(super) fn run(paths: &[PathBuf], json: bool, junit: Option<&Path>) -> Result<Exit> {
    let outcomes: Vec<Outcome> = paths.iter().map(|path| outcome(path)).collect();
    if json {
        print::line(&document(&outcomes).to_string());
    } else {
        let lines = outcomes.iter().flat_map(readable);
        lines.for_each(|line| print::line(&line));
    }
    if let Some(path) = junit {
        let written = std::fs::write(path, junit::document(&outcomes));
        written.with_context(|| format!("write {}", path.display()))?;
    }
    Ok(exit(&outcomes))
}

fn exit(outcomes: &[Outcome]) -> Exit {
    let is_wrong = |outcome: &Outcome| outcome.played.is_err();
    if outcomes.iter().any(is_wrong) {
        return Exit::Unusable;
    }
    match outcomes.iter().all(|outcome| outcome.failures() == 0) {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn outcome(path: &Path) -> Outcome {
    let file = rule_tests::read(path);
    Outcome {
        path: file.path,
        played: file.content.map(|content| {
            let tests = content.tests.iter().enumerate();
            tests.map(|(at, test)| played(&content, test, at)).collect()
        }),
    }
}

fn played(rules: &RuleTests, test: &RuleTest, at: usize) -> Played {
    let name = match test.name.as_str() {
        "" => format!("test {}", at + 1),
        name => name.to_owned(),
    };
    Played {
        name,
        checks: test.alerts.len() + test.queries.len(),
        failures: play(rules, test),
    }
}

impl Outcome {
    fn failures(&self) -> usize {
        let tests = self.played.iter().flatten();
        tests.map(|test| test.failures.len()).sum()
    }

    fn checks(&self) -> usize {
        let tests = self.played.iter().flatten();
        tests.map(|test| test.checks).sum()
    }
}

fn readable(outcome: &Outcome) -> Vec<String> {
    let path = &outcome.path;
    let tests = match &outcome.played {
        Ok(tests) => tests,
        Err(faults) => {
            let mut lines = vec![format!("{path}: FAILED: {}", plural(faults.len(), "fault"))];
            lines.extend(faults.iter().cloned());
            return lines;
        }
    };
    let checks = plural(outcome.checks(), "check");
    let of_all = format!("{checks} in {}", plural(tests.len(), "test"));
    let mut lines = vec![match outcome.failures() {
        0 => format!("{path}: SUCCESS: {of_all}"),
        failures => format!(
            "{path}: FAILED: {} of {of_all}",
            plural(failures, "failure")
        ),
    }];
    for test in tests {
        for failure in &test.failures {
            let fault = weft_alert::Fault {
                place: failure.place,
                message: format!("{}: {}", test.name, failure.what),
            };
            lines.push(rules::located(path, &fault));
            lines.extend(failure.difference.iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

fn document(outcomes: &[Outcome]) -> Value {
    let described = |outcome: &Outcome| match &outcome.played {
        Err(faults) => json!({ "file": outcome.path, "faults": faults }),
        Ok(tests) => json!({
            "file": outcome.path,
            "faults": [],
            "tests": tests.iter().map(described_test).collect::<Vec<_>>(),
        }),
    };
    json!({ "files": outcomes.iter().map(described).collect::<Vec<_>>() })
}

fn described_test(test: &Played) -> Value {
    let failure = |failure: &Failure| {
        json!({
            "line": failure.place.map(|place| place.line),
            "column": failure.place.map(|place| place.column),
            "what": failure.what,
            "difference": failure.difference,
        })
    };
    json!({
        "name": test.name,
        "checks": test.checks,
        "failures": test.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
