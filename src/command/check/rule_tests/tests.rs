//! Files of tests, run as `weft check rules --test` runs them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use expect_test::expect_file;

use super::*;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a file; its path is told without the directories.
fn run_file(name: &str) -> Outcome {
    let path = at("tests/data/rule_tests").join(name);
    let mut outcome = outcome(&path);
    let directory = path.display().to_string().replace(name, "");
    outcome.path = outcome.path.replace(&directory, "");
    if let Err(faults) = &mut outcome.played {
        faults
            .iter_mut()
            .for_each(|fault| *fault = fault.replace(&directory, ""));
    }
    outcome
}

fn check(name: &str, expected: Exit) {
    let outcome = run_file(&format!("{name}.yaml"));
    let told = readable(&outcome).join("\n") + "\n";
    expect_file![at(&format!("tests/data/rule_tests/{name}.txt"))].assert_eq(&told);
    assert_eq!(exit(&[outcome]), expected);
}

#[test]
fn tests_that_pass_are_counted() {
    check("good", Exit::Done);
}

#[test]
fn what_differs_is_told_check_by_check() {
    check("failing", Exit::Failed);
}

#[test]
fn faults_of_a_file_are_told_with_their_places() {
    check("wrong", Exit::Unusable);
}

#[test]
fn build_servers_and_scripts_get_the_same() {
    let outcomes = ["good", "failing", "wrong"].map(|name| run_file(&format!("{name}.yaml")));
    expect_file![at("tests/data/rule_tests/junit.xml")].assert_eq(&junit::document(&outcomes));
    let document = document(&outcomes);
    assert_eq!(document["files"][0]["tests"][0]["failures"], json!([]));
    assert_eq!(document["files"][1]["tests"][0]["failures"][0]["line"], 9);
}

#[test]
fn the_shipped_rules_pass_their_tests_and_each_has_one() {
    let tests = at("deploy/rules/tests/recording.yaml");
    let told = readable(&outcome(&tests));
    assert!(told[0].contains("SUCCESS"), "{}", told.join("\n"));
    let content = rule_tests::read(&tests).content.unwrap();
    let expected: BTreeSet<&str> = content
        .tests
        .iter()
        .flat_map(|test| &test.queries)
        .flat_map(|query| &query.expected)
        .map(|sample| sample.labels.name())
        .collect();
    for rule in content.groups.iter().flat_map(|group| &group.rules) {
        assert!(
            expected.contains(rule.name.as_str()),
            "{} has no test",
            rule.name
        );
    }
}
