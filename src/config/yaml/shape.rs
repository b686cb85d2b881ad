//! Values of YAML as the kinds that fields have: mappings, lists, texts, pairs of texts.
//!
//! In: a [`Node`]. Out: its parts, and a fault for each that is of another kind.

use weft_alert::Fault;
use weft_alert::raw::{Pairs, Place, Text};

use super::{Kind, Node};

/// Reads values as what they must be, and keeps what is wrong.
#[derive(Debug, Default)]
pub(in crate::config) struct Shape {
    /// What is wrong so far.
    pub(in crate::config) faults: Vec<Fault>,
}

impl Shape {
    /// Keeps a fault.
    pub(in crate::config) fn fault(&mut self, place: Place, message: String) {
        self.faults.push(Fault {
            place: Some(place),
            message,
        });
    }

    /// Keeps that there is no such field.
    pub(in crate::config) fn unknown(&mut self, key: &Text, of: &str) {
        self.fault(key.place, format!("field {} not found in {of}", key.text));
    }

    /// Returns the entries of a mapping whose keys are texts.
    pub(in crate::config) fn fields<'n>(
        &mut self,
        what: &str,
        node: &'n Node,
    ) -> Vec<(Text, &'n Node)> {
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
    pub(in crate::config) fn items<'n>(
        &mut self,
        what: &str,
        node: &'n Node,
    ) -> std::vec::IntoIter<&'n Node> {
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

    /// Returns a text; nothing where there is nothing.
    pub(in crate::config) fn text(&mut self, what: &str, node: &Node) -> Option<Text> {
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
    pub(in crate::config) fn pairs(&mut self, what: &str, node: &Node) -> Pairs {
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
