//! The fields of a rule file: which there are, and what kind of value each has.
//!
//! In: YAML. Out: a raw rule file, and a fault for each field that is unknown or of another kind.

use weft_alert::Fault;
use weft_alert::raw::{File, Group, Pairs, Place, Rule, Text};

use crate::config::yaml::{Kind, Node};

/// Reads a whole file.
pub(super) fn file(path: &str, node: &Node) -> (File, Vec<Fault>) {
    let mut shape = Shape { faults: Vec::new() };
    let mut file = File {
        path: path.to_owned(),
        groups: Vec::new(),
    };
    for (key, value) in shape.fields("the file", node) {
        match key.text.as_str() {
            "groups" => {
                let items = shape.items("groups", value);
                file.groups = items.map(|item| shape.group(item)).collect();
            }
            _ => shape.unknown(&key, "a rule file"),
        }
    }
    (file, shape.faults)
}

struct Shape {
    faults: Vec<Fault>,
}

impl Shape {
    fn fault(&mut self, place: Place, message: String) {
        self.faults.push(Fault {
            place: Some(place),
            message,
        });
    }

    fn unknown(&mut self, key: &Text, of: &str) {
        self.fault(key.place, format!("field {} not found in {of}", key.text));
    }

    fn group(&mut self, node: &Node) -> Group {
        let mut group = Group {
            place: node.place,
            ..Group::default()
        };
        for (key, value) in self.fields("a group", node) {
            match key.text.as_str() {
                "name" => group.name = self.text("name", value),
                "interval" => group.interval = self.text("interval", value),
                "limit" => group.limit = self.text("limit", value),
                "query_offset" => group.query_offset = self.text("query_offset", value),
                "labels" => group.labels = self.pairs("labels", value),
                "rules" => {
                    let items = self.items("rules", value);
                    group.rules = items.map(|item| self.rule(item)).collect();
                }
                _ => self.unknown(&key, "a group"),
            }
        }
        group
    }

    fn rule(&mut self, node: &Node) -> Rule {
        let mut rule = Rule {
            place: node.place,
            ..Rule::default()
        };
        for (key, value) in self.fields("a rule", node) {
            match key.text.as_str() {
                "record" => rule.record = self.text("record", value),
                "alert" => rule.alert = self.text("alert", value),
                "expr" => rule.expr = self.text("expr", value),
                "for" => rule.hold = self.text("for", value),
                "keep_firing_for" => rule.keep_firing_for = self.text("keep_firing_for", value),
                "labels" => rule.labels = self.pairs("labels", value),
                "annotations" => rule.annotations = self.pairs("annotations", value),
                _ => self.unknown(&key, "a rule"),
            }
        }
        rule
    }

    /// Returns the entries of a mapping whose keys are texts.
    fn fields<'n>(&mut self, what: &str, node: &'n Node) -> Vec<(Text, &'n Node)> {
        let mut fields = Vec::new();
        match &node.kind {
            Kind::Null => {}
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let text = self.text("a key", key);
                    fields.extend(text.map(|text| (text, value)));
                }
            }
            _ => {
                let message = format!("{what} is {}, not a mapping", node.is_called());
                self.fault(node.place, message);
            }
        }
        fields
    }

    /// Returns the items of a list; those that are nothing are left out.
    fn items<'n>(&mut self, what: &str, node: &'n Node) -> std::vec::IntoIter<&'n Node> {
        let items = match &node.kind {
            Kind::Null => Vec::new(),
            Kind::List(items) => {
                let given = items.iter().filter(|item| !matches!(item.kind, Kind::Null));
                given.collect()
            }
            _ => {
                let message = format!("{what}: is {}, not a list", node.is_called());
                self.fault(node.place, message);
                Vec::new()
            }
        };
        items.into_iter()
    }

    fn text(&mut self, what: &str, node: &Node) -> Option<Text> {
        match &node.kind {
            Kind::Null => None,
            Kind::Scalar(text) => Some(Text {
                place: node.place,
                text: text.clone(),
            }),
            _ => {
                let message = format!("{what}: is {}, not a text", node.is_called());
                self.fault(node.place, message);
                None
            }
        }
    }

    /// Returns names with texts; a name without a text has an empty one.
    fn pairs(&mut self, what: &str, node: &Node) -> Pairs {
        let mut pairs = Pairs::new();
        for (name, value) in self.fields(what, node) {
            let missing = Text {
                place: value.place,
                text: String::new(),
            };
            let is_null = matches!(value.kind, Kind::Null);
            let text = self.text(&format!("{what}.{}", name.text), value);
            pairs.extend(text.or(is_null.then_some(missing)).map(|text| (name, text)));
        }
        pairs
    }
}
