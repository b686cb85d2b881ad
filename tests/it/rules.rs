//! Rules in a running aggregator: what they make is stored, shown, kept over a crash, and follows
//! the rule files.

use std::fs;
use std::path::PathBuf;

use crate::process::{Scratch, Weft, command};

const RULES: &str = r#"
groups:
- name: it
  rules:
  - {record: "it:one", expr: "vector(1)"}
  - {record: "it:two", expr: "it:one + 1", labels: {by: rules}}
  - alert: Always
    expr: it:two > 1
    annotations: {summary: "{{ $labels.by }} says {{ $value }}"}
"#;

fn start(scratch: &Scratch) -> (Weft, PathBuf) {
    let rules = scratch.path().join("rules.yaml");
    fs::write(&rules, RULES).unwrap();
    let config = scratch.path().join("weft.yaml");
    let pattern = scratch.path().join("rule*.yaml");
    let settings = format!(
        "aggregator: {{rules: {{files: [{:?}], interval: 1s}}}}",
        pattern.display().to_string()
    );
    fs::write(&config, settings).unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    (Weft::start(scratch.path(), "aggregator", &arguments), rules)
}

fn wait_for(weft: &Weft, query: &str, value: f64) {
    weft.wait(query, |weft| {
        (weft.number(query, None) == Some(value)).then_some(())
    });
}

#[test]
fn rules_are_evaluated_shown_and_kept_over_a_crash() {
    let scratch = Scratch::new("rules");
    let (mut weft, _) = start(&scratch);
    wait_for(&weft, "it:two", 2.0);
    wait_for(
        &weft,
        "ALERTS{alertname=\"Always\",alertstate=\"firing\",by=\"rules\"}",
        1.0,
    );
    let alerts = weft.get("/api/v1/alerts").json();
    let alert = &alerts["data"]["alerts"][0];
    assert_eq!(alert["annotations"]["summary"], "rules says 2", "{alerts}");
    let shown = weft.get("/api/v1/rules").json();
    let rules = shown["data"]["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["health"] == "ok"), "{shown}");
    assert_eq!(rules[2]["state"], "firing");
    let samples = weft.number("count_over_time(it:two[10m])", None).unwrap();
    weft.kill();
    weft.restart();
    let kept = weft.wait("samples", |weft| {
        weft.number("count_over_time(it:two[10m])", None)
    });
    assert!(kept >= samples, "{kept} of {samples} samples are left");
}

#[test]
fn a_reload_reads_the_rule_files_again_and_a_wrong_one_changes_nothing() {
    let scratch = Scratch::new("reload-rules");
    let (weft, rules) = start(&scratch);
    wait_for(&weft, "it:two", 2.0);
    fs::write(
        &rules,
        "groups:\n- name: it\n  rules:\n  - {record: x, expr: sum(}",
    )
    .unwrap();
    let refused = weft.send("POST", "/-/reload", &[], b"");
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("rules.yaml:4:"),
        "{}",
        refused.text()
    );
    let shown = weft.get("/api/v1/rules").json();
    let left = shown["data"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(left, 3, "the old rules stay");
    let changed = "groups:\n- name: it\n  rules:\n  - {record: \"it:one\", expr: vector(7)}";
    fs::write(&rules, changed).unwrap();
    assert_eq!(weft.send("POST", "/-/reload", &[], b"").status, 200);
    wait_for(&weft, "it:one", 7.0);
    weft.wait("the end of it:two", |weft| {
        weft.number("it:two", None).is_none().then_some(())
    });
}

#[test]
fn rule_files_are_checked_from_the_command_line() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rules/*.yaml");
    let good = command()
        .args(["check", "rules", shipped])
        .output()
        .unwrap();
    assert!(good.status.success());
    assert!(String::from_utf8_lossy(&good.stdout).contains("SUCCESS: 46 rules"));
    let wrong = command()
        .args(["check", "rules", "/nowhere.yaml"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
