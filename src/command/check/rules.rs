//! `weft check rules`: reads rule files as the aggregator does, and tells every fault.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use weft_alert::{Fault, Group, duplicates};

use super::rule_tests;
use crate::args::CheckRules;
use crate::config::rules::{self, RuleFile};
use crate::exit::Exit;
use crate::print;

/// The interval of groups that name none does not matter here.
const INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn run(check: &CheckRules) -> Result<Exit> {
    let paths = match rules::files(&check.files) {
        Ok(paths) if paths.is_empty() => {
            crate::complain("no file matches");
            return Ok(Exit::Unusable);
        }
        Ok(paths) => paths,
        Err(fault) => {
            crate::complain(&fault);
            return Ok(Exit::Unusable);
        }
    };
    if check.test {
        return rule_tests::run(&paths, check.json, check.junit.as_deref());
    }
    let files: Vec<RuleFile> = paths
        .iter()
        .map(|path| rules::read(path, INTERVAL))
        .collect();
    if check.json {
        print::line(&document(&files).to_string());
    } else {
        let lines = files.iter().flat_map(readable);
        lines.for_each(|line| print::line(&line));
    }
    Ok(match files.iter().all(|file| file.groups.is_ok()) {
        true => Exit::Done,
        false => Exit::Unusable,
    })
}

fn readable(file: &RuleFile) -> Vec<String> {
    let path = &file.path;
    match &file.groups {
        Ok(groups) => {
            let (rules, groups_text) =
                (plural(count(groups), "rule"), plural(groups.len(), "group"));
            let mut lines = vec![format!("{path}: SUCCESS: {rules} in {groups_text}")];
            let repeated = duplicates(groups);
            let warned = repeated
                .iter()
                .map(|series| format!("{path}: warning: {}", warning(series)));
            lines.extend(warned);
            lines
        }
        Err(faults) => {
            let mut lines = vec![format!("{path}: FAILED: {}", plural(faults.len(), "fault"))];
            lines.extend(faults.iter().map(|fault| rules::located(path, fault)));
            lines
        }
    }
}

fn warning(series: &weft_model::Labels) -> String {
    format!("more than one rule writes {series}")
}

pub(super) fn plural(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

fn count(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.rules.len()).sum()
}

fn document(files: &[RuleFile]) -> Value {
    let described = |file: &RuleFile| match &file.groups {
        Ok(groups) => json!({
            "file": file.path,
            "groups": groups.len(),
            "rules": count(groups),
            "faults": [],
            "warnings": duplicates(groups).iter().map(warning).collect::<Vec<_>>(),
        }),
        Err(faults) => json!({
            "file": file.path,
            "faults": faults.iter().map(fault).collect::<Vec<_>>(),
            "warnings": [],
        }),
    };
    json!({ "files": files.iter().map(described).collect::<Vec<_>>() })
}

fn fault(fault: &Fault) -> Value {
    json!({
        "line": fault.place.map(|place| place.line),
        "column": fault.place.map(|place| place.column),
        "message": fault.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> RuleFile {
        RuleFile {
            path: "f.yaml".to_owned(),
            groups: rules::parse("f.yaml", text, INTERVAL),
        }
    }

    #[test]
    fn good_files_are_counted_and_doubtful_rules_named() {
        let good = file(
            "groups:\n- name: a\n  rules:\n  - {record: x, expr: up}\n  - {record: x, expr: up}",
        );
        assert_eq!(
            readable(&good),
            [
                "f.yaml: SUCCESS: 2 rules in 1 group",
                "f.yaml: warning: more than one rule writes x",
            ]
        );
        assert_eq!(document(&[good])["files"][0]["rules"], 2);
    }

    #[test]
    fn faults_begin_with_their_place() {
        let bad = file("groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(");
        let place = "f.yaml:5:11: group \"a\", rule 1, \"x\"";
        let fault = "could not parse expression: 1:5: parse error: unclosed left parenthesis";
        assert_eq!(
            readable(&bad),
            [
                "f.yaml: FAILED: 1 fault".to_owned(),
                format!("{place}: {fault}")
            ]
        );
        assert_eq!(document(&[bad])["files"][0]["faults"][0]["line"], 5);
    }
}
