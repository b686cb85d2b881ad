use expect_test::{Expect, expect};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn check(text: &str, expected: &Expect) {
    let told = match parse("f.yaml", text, MINUTE) {
        Ok(groups) => groups
            .iter()
            .flat_map(|group| &group.rules)
            .map(|rule| format!("{}{} = {}\n", rule.name, rule.labels(), rule.query))
            .collect(),
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{fault}\n"))
            .collect::<String>(),
    };
    expected.assert_eq(&told);
}

#[test]
fn values_stay_as_they_were_written() {
    check(
        r#"
groups:
- name: a
  limit: 5
  rules:
  - record: x
    expr: 1
    labels: {a: 0x10, b: 1.50, c: true, d: ~, e: "~", 5: six}
  - alert: y
    expr: |
      sum by (job) (
        rate(up[5m])
      )
"#,
        &expect![[r#"
            x{5="six", a="0x10", b="1.50", c="true", e="~"} = 1
            y{} = sum by (job) (rate(up[5m]))
        "#]],
    );
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    check(
        "x: &x {a: b}\ngroups:\n- name: a\n  rules:\n  - {record: r, expr: up, labels: {<<: *x, c: d}}",
        &expect![[r#"
            1:1: field x not found in a rule file
        "#]],
    );
    check(
        "groups:\n- name: a\n  rules:\n  - {record: r, expr: up, labels: &l {a: b, c: d}}\n  \
         - {record: s, expr: up, labels: {<<: *l, c: e}}",
        &expect![[r#"
            r{a="b", c="d"} = up
            s{a="b", c="e"} = up
        "#]],
    );
}

#[test]
fn fields_that_are_unknown_or_of_another_kind_are_told_with_all_other_faults() {
    check(
        "groups:\n- name: a\n  foo: 1\n  rules:\n  - record: [a]\n    expr: {a: b}\n    labels: x\n  \
         - alert: b\n    expr: up[\n    bar: 2\n- 5\n- name: c\n  rules: x\ntop: 1",
        &expect![[r#"
            3:3: field foo not found in a group
            5:5: group "a", rule 1, "": field 'expr' must be set in rule
            5:5: group "a", rule 1, "": one of 'record' or 'alert' must be set
            5:13: record: is a list, not a text
            6:11: expr: is a mapping, not a text
            7:13: labels is a text, not a mapping
            9:11: group "a", rule 2, "b": could not parse expression: 1:4: parse error: unexpected end of input in duration expression
            10:5: field bar not found in a rule
            11:3: a group is a text, not a mapping
            11:3: Groupname must not be empty
            13:10: rules: is a text, not a list
            14:1: field top not found in a rule file
        "#]],
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    check(
        "groups:\n- name: a\n rules: x",
        &expect![[r#"
        3:2: yaml: while parsing a block mapping, did not find expected key
    "#]],
    );
    check(
        "groups:\n- name: a\n  name: b",
        &expect![[r#"
        3:3: yaml: mapping key "name" already defined at line 2
    "#]],
    );
    check(
        "groups: []\n---\ngroups: []",
        &expect![[r#"
        2:1: yaml: there is more than one document in this file
    "#]],
    );
    check("", &expect![""]);
    check(
        "a",
        &expect![[r#"
        1:1: the file is a text, not a mapping
    "#]],
    );
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{alias}]\n");
    }
    let faults = parse("f.yaml", &text, MINUTE).unwrap_err();
    assert!(
        faults[0].message.contains("more than 1000000 values"),
        "{faults:?}"
    );
}
