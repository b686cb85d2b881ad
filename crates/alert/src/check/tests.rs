use expect_test::{Expect, expect};

use super::*;

/// Reads one line for each thing: `group NAME`, `interval T`, `rule`, `KEY VALUE`,
/// `label NAME VALUE`, `annotation NAME VALUE`. Lines are places.
fn file(text: &str) -> raw::File {
    let mut file = raw::File {
        path: "f.yaml".to_owned(),
        groups: Vec::new(),
    };
    for (at, line) in text.lines().enumerate() {
        let place = Place {
            line: at + 1,
            column: 1,
        };
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let text = |text: &str| Text {
            place,
            text: text.to_owned(),
        };
        let pair = || {
            let (name, value) = value.split_once(' ').unwrap_or((value, ""));
            (text(name), text(value))
        };
        let group = file.groups.last_mut();
        match (key, group) {
            ("group", _) => file.groups.push(raw::Group {
                place,
                name: Some(text(value)),
                ..raw::Group::default()
            }),
            ("interval", Some(group)) => group.interval = Some(text(value)),
            ("limit", Some(group)) => group.limit = Some(text(value)),
            ("shared", Some(group)) => group.labels.push(pair()),
            ("rule", Some(group)) => group.rules.push(raw::Rule {
                place,
                ..raw::Rule::default()
            }),
            (key, Some(group)) => {
                let rule = group.rules.last_mut().unwrap();
                match key {
                    "record" => rule.record = Some(text(value)),
                    "alert" => rule.alert = Some(text(value)),
                    "expr" => rule.expr = Some(text(value)),
                    "for" => rule.hold = Some(text(value)),
                    "keep" => rule.keep_firing_for = Some(text(value)),
                    "label" => rule.labels.push(pair()),
                    "annotation" => rule.annotations.push(pair()),
                    other => panic!("{other} is no key"),
                }
            }
            (_, None) => panic!("a group first"),
        }
    }
    file
}

fn parse(query: &str) -> Result<String, String> {
    match query.ends_with('(') {
        true => Err("1:1: parse error: unclosed left parenthesis".to_owned()),
        false => Ok(query.trim().to_owned()),
    }
}

fn check_faults(text: &str, expected: &Expect) {
    let faults = check(&file(text), Duration::from_secs(60), &parse).unwrap_err();
    let lines: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    expected.assert_eq(&lines);
}

#[test]
fn all_faults_are_told_with_their_places() {
    check_faults(
        "group a\ninterval 1x\nlimit few\nshared __name__ z\n\
         rule\nrecord a{b}\nexpr sum(\nlabel  y\nfor 5m\nannotation x y\nkeep 1m\n\
         rule\nrecord y\nalert X\nexpr up\n\
         rule\nalert Z\nexpr \nannotation summary {{ $labels.x\nlabel z {{ foo }}\nfor 5\n\
         rule\nexpr up\n\
         group a\ngroup ",
        &expect![[r#"
            2:1: unknown unit "x" in duration "1x"
            3:1: limit: "few" is not a whole number
            4:1: group "a": invalid label name: __name__
            6:1: group "a", rule 1, "a{b}": braces present in the recording rule name; should it be in expr?: a{b}
            7:1: group "a", rule 1, "a{b}": could not parse expression: 1:1: parse error: unclosed left parenthesis
            8:1: group "a", rule 1, "a{b}": invalid label name: 
            9:1: group "a", rule 1, "a{b}": invalid field 'for' in recording rule
            10:1: group "a", rule 1, "a{b}": invalid field 'annotations' in recording rule
            11:1: group "a", rule 1, "a{b}": invalid field 'keep_firing_for' in recording rule
            14:1: group "a", rule 2, "X": only one of 'record' and 'alert' must be set
            18:1: group "a", rule 3, "Z": field 'expr' must be set in rule
            19:1: group "a", rule 3, "Z": annotation "summary": template: __alert_Z:1: unclosed action
            20:1: group "a", rule 3, "Z": label "z": template: __alert_Z:1: function "foo" not defined
            21:1: not a valid duration string: "5"
            22:1: group "a", rule 4, "": one of 'record' or 'alert' must be set
            24:1: groupname: "a" is repeated in the same file
            25:1: Groupname must not be empty
        "#]],
    );
}

#[test]
fn labels_of_a_rule_win_over_those_of_its_group() {
    let text = "group a\nshared team x\nshared tier 1\nrule\nrecord r\nexpr up\nlabel team y\n\
                rule\nalert b\nexpr up\nfor 0s";
    let groups = check(&file(text), Duration::from_secs(30), &parse).unwrap();
    let labels: Vec<_> = groups[0]
        .rules
        .iter()
        .map(|rule| rule.labels().to_string())
        .collect();
    assert_eq!(
        labels,
        [r#"{team="y", tier="1"}"#, r#"{team="x", tier="1"}"#]
    );
    assert_eq!(groups[0].interval, Duration::from_secs(30));
}

#[test]
fn names_may_be_any_text() {
    let text = "group a\nrule\nrecord my.metric ü\nexpr up\nlabel a.b c";
    let groups = check(&file(text), Duration::from_secs(60), &parse).unwrap();
    assert_eq!(groups[0].rules[0].name, "my.metric ü");
}

#[test]
fn rules_that_write_the_same_series_are_pointed_out() {
    let text = "group a\nrule\nrecord r\nexpr up\nrule\nrecord r\nexpr down\n\
                group b\nrule\nrecord r\nexpr up\nlabel x y\nrule\nalert r\nexpr up";
    let groups = check(&file(text), Duration::from_secs(60), &parse).unwrap();
    let found: Vec<_> = duplicates(&groups)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["r"]);
}
