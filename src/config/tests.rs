use expect_test::expect_file;

use super::*;

#[test]
fn the_defaults_are_a_whole_configuration() {
    let settings = check(&Sources::default()).1.unwrap();
    assert_eq!(settings.aggregator.http.port(), 7700);
    assert_eq!(settings.admin.port(), 7701);
    assert_eq!(settings.agent.outlet.addresses, ["127.0.0.1:7710"]);
}

#[test]
fn the_reference_page_lists_every_key() {
    let mut page = String::from(
        "# Configuration\n\n\
        One YAML file (`--config FILE`), then `WEFT_*` variables, then flags; the later wins.\n\
        A key's variable is its path in capitals: `agent.interval` is `WEFT_AGENT_INTERVAL`.\n\
        Unknown keys are errors; `weft check config FILE` tells all faults at once.\n\
        A reload (SIGHUP, or POST /-/reload) applies `log.filter` and reads the rule files again; of other\n\
        keys that have changed it says that they need a restart. A wrong file changes nothing.\n\
        Lists are YAML lists in the file and comma-separated in variables.\n\
        This page is made from the code by a test.\n\n\
        | key | default | what | meaning |\n|---|---|---|---|\n",
    );
    for key in describe() {
        page += &format!(
            "| `{}` | `{}` | {} | {} |\n",
            key.path, key.default, key.kind, key.about
        );
    }
    expect_file!["../../docs/config.md"].assert_eq(&page);
}

#[test]
fn labels_must_have_names_that_are_labels() {
    let file = Tree::parse("agent: {labels: {good_1: x, 1bad: y, \"a-b\": z}}").unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let faults = check(&sources).1.unwrap_err();
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["agent.labels.1bad", "agent.labels.a-b"]);
}

#[test]
fn a_reload_tells_what_needs_a_restart() {
    let file = std::env::temp_dir().join(format!("weft-reload-{}.yaml", std::process::id()));
    std::fs::write(&file, "log: {filter: info}").unwrap();
    let (_, start) = read(Some(&file), std::iter::empty(), BTreeMap::new()).unwrap();
    assert_eq!(start.reload().unwrap().need_restart, Vec::<String>::new());
    std::fs::write(&file, "log: {filter: debug}\nagent: {interval: 7s}").unwrap();
    let reloaded = start.reload().unwrap();
    assert_eq!(reloaded.log_filter, "debug");
    assert_eq!(reloaded.need_restart, ["agent.interval"]);
    std::fs::write(&file, "nonsense: 1").unwrap();
    assert_eq!(start.reload().unwrap_err().len(), 1);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn retention_rules_are_checked_one_by_one() {
    let check = |rules: &str, expected: &[&str]| {
        let text = format!("aggregator: {{metrics: {{retention_by: {rules}}}}}");
        let sources = Sources {
            file: Some(Tree::parse(&text).unwrap()),
            ..Sources::default()
        };
        let keys = match check(&sources).1 {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.key).collect(),
        };
        let path = "aggregator.metrics.retention_by";
        let expected: Vec<String> = expected.iter().map(|it| format!("{path}{it}")).collect();
        assert_eq!(keys, expected, "{rules}");
    };
    check(r#"[{match: 'slo:errors', retention: 400d}]"#, &[]);
    check(r#"[{match: '{job="batch"}', retention: 2d}]"#, &[]);
    check(
        r#"[{match: '{job="batch"}', retention: 5m}]"#,
        &["[0].retention"],
    );
    check(r#"[{match: '{job=}', retention: 2d}]"#, &["[0].match"]);
    check(
        r#"[{match: 'rate(up[5m])', retention: 2d}]"#,
        &["[0].match"],
    );
    check(
        r#"[{match: up}, {retention: 3d}]"#,
        &["[0].retention", "[1].match"],
    );
}
