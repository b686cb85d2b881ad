//! The fields of a rule file: which there are, and what kind of value each has.
//!
//! In: YAML. Out: a raw rule file, and a fault for each field that is unknown or of another kind.

use weft_alert::Fault;
use weft_alert::raw::{File, Group, Rule};

use crate::config::yaml::{Node, Shape};

/// Reads a whole file.
pub(super) fn file(path: &str, node: &Node) -> (File, Vec<Fault>) {
    let mut shape = Shape::default();
    let mut file = File {
        path: path.to_owned(),
        groups: Vec::new(),
    };
    for (key, value) in shape.fields("the file", node) {
        match key.text.as_str() {
            "groups" => {
                let items = shape.items("groups", value);
                file.groups = items.map(|item| group(&mut shape, item)).collect();
            }
            _ => shape.unknown(&key, "a rule file"),
        }
    }
    (file, shape.faults)
}

fn group(shape: &mut Shape, node: &Node) -> Group {
    let mut group = Group {
        place: node.place,
        ..Group::default()
    };
    for (key, value) in shape.fields("a group", node) {
        match key.text.as_str() {
            "name" => group.name = shape.text("name", value),
            "interval" => group.interval = shape.text("interval", value),
            "limit" => group.limit = shape.text("limit", value),
            "query_offset" => group.query_offset = shape.text("query_offset", value),
            "labels" => group.labels = shape.pairs("labels", value),
            "rules" => {
                let items = shape.items("rules", value);
                group.rules = items.map(|item| rule(shape, item)).collect();
            }
            _ => shape.unknown(&key, "a group"),
        }
    }
    group
}

fn rule(shape: &mut Shape, node: &Node) -> Rule {
    let mut rule = Rule {
        place: node.place,
        ..Rule::default()
    };
    for (key, value) in shape.fields("a rule", node) {
        match key.text.as_str() {
            "record" => rule.record = shape.text("record", value),
            "alert" => rule.alert = shape.text("alert", value),
            "expr" => rule.expr = shape.text("expr", value),
            "for" => rule.hold = shape.text("for", value),
            "keep_firing_for" => rule.keep_firing_for = shape.text("keep_firing_for", value),
            "labels" => rule.labels = shape.pairs("labels", value),
            "annotations" => rule.annotations = shape.pairs("annotations", value),
            _ => shape.unknown(&key, "a rule"),
        }
    }
    rule
}
