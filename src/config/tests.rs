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
