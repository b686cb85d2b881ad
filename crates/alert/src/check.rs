//! From a rule file as it was written to groups, or everything that is wrong with it.
//!
//! In: a [`raw::File`]. Out: its [`Group`]s, or faults with their places, in Prometheus's words.

mod lint;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use weft_model::METRIC_NAME;

use crate::duration::parse_duration;
use crate::raw::{self, Pairs, Place, Text};
use crate::rule::{Action, Group, Rule};
use crate::template::Template;

pub use lint::duplicates;

/// Something wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands, if that is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Parses PromQL and returns it as its printer writes it, or what is wrong with it.
pub type ParseQuery<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Checks a file. `interval` is that of groups that name none.
///
/// Fails with all faults, in the order of the file.
pub fn check(
    file: &raw::File,
    interval: Duration,
    parse_query: ParseQuery<'_>,
) -> Result<Vec<Group>, Vec<Fault>> {
    let mut checker = Checker {
        path: &file.path,
        interval,
        parse_query,
        faults: Vec::new(),
    };
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for group in &file.groups {
        checker.group_name(group, &mut names);
        groups.push(checker.group(group));
    }
    if checker.faults.is_empty() {
        return Ok(groups);
    }
    let mut faults = checker.faults;
    faults.sort_by_key(|fault| fault.place);
    Err(faults)
}

struct Checker<'a> {
    path: &'a str,
    interval: Duration,
    parse_query: ParseQuery<'a>,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push(Fault {
            place: Some(place),
            message: message.into(),
        });
    }

    fn group_name<'f>(&mut self, group: &'f raw::Group, names: &mut BTreeSet<&'f str>) {
        match group.name.as_ref().filter(|name| !name.text.is_empty()) {
            None => self.fault(group.place, "Groupname must not be empty"),
            Some(name) if !names.insert(&name.text) => self.fault(
                name.place,
                format!("groupname: {:?} is repeated in the same file", name.text),
            ),
            Some(_) => {}
        }
    }

    fn group(&mut self, group: &raw::Group) -> Group {
        let name = text_of(&group.name);
        for (label, _) in &group.labels {
            if label.text.is_empty() || label.text == METRIC_NAME {
                let message = format!("group {name:?}: invalid label name: {}", label.text);
                self.fault(label.place, message);
            }
        }
        let interval = match self.duration(&group.interval) {
            Some(Duration::ZERO) | None => self.interval,
            Some(interval) => interval,
        };
        let mut rules = Vec::new();
        for (at, rule) in group.rules.iter().enumerate() {
            let place = Named::of(&name, at, rule);
            rules.extend(self.rule(rule, &group.labels, &place));
        }
        Group {
            file: self.path.to_owned(),
            interval,
            limit: self.limit(&group.limit),
            query_offset: self.duration(&group.query_offset).unwrap_or_default(),
            name,
            rules,
        }
    }

    fn limit(&mut self, limit: &Option<Text>) -> usize {
        let Some(limit) = limit else {
            return 0;
        };
        match limit.text.parse::<i64>() {
            Ok(number) => usize::try_from(number).unwrap_or(0),
            Err(_) => {
                let message = format!("limit: {:?} is not a whole number", limit.text);
                self.fault(limit.place, message);
                0
            }
        }
    }

    fn duration(&mut self, text: &Option<Text>) -> Option<Duration> {
        let text = text.as_ref()?;
        match parse_duration(&text.text) {
            Ok(duration) => Some(duration),
            Err(message) => {
                self.fault(text.place, message);
                None
            }
        }
    }

    /// Returns the rule, or nothing when it can not even be told what kind of rule it is.
    fn rule(&mut self, rule: &raw::Rule, group_labels: &Pairs, named: &Named) -> Option<Rule> {
        self.rule_labels(rule, named);
        let query = self.query(rule, named);
        let (record, alert) = (given(&rule.record), given(&rule.alert));
        match (record, alert) {
            (Some(_), Some(alert)) => {
                let message = "only one of 'record' and 'alert' must be set";
                self.fault(alert.place, named.says(message));
                None
            }
            (None, None) => {
                let message = "one of 'record' or 'alert' must be set";
                self.fault(rule.place, named.says(message));
                None
            }
            (Some(record), None) => {
                self.recorded_name(record, named);
                self.only_of_alerts(rule, named);
                let labels = merged(group_labels, &rule.labels);
                Some(Rule {
                    name: record.text.clone(),
                    query,
                    action: Action::Record {
                        labels: labels
                            .map(|(n, v)| (n.to_owned(), v.text.clone()))
                            .collect(),
                    },
                })
            }
            (None, Some(alert)) => {
                let action = self.alert(rule, group_labels, named);
                Some(Rule {
                    name: alert.text.clone(),
                    query,
                    action,
                })
            }
        }
    }

    fn alert(&mut self, rule: &raw::Rule, group_labels: &Pairs, named: &Named) -> Action {
        let (mut labels, mut annotations) = (Vec::new(), Vec::new());
        for (name, value) in merged(group_labels, &rule.labels) {
            let template = self.template("label", name, value, named);
            labels.extend(template.map(|template| (name.to_owned(), template)));
        }
        for (name, value) in merged(&Vec::new(), &rule.annotations) {
            let template = self.template("annotation", name, value, named);
            annotations.extend(template.map(|template| (name.to_owned(), template)));
        }
        Action::Alert {
            labels,
            annotations,
            hold: self.duration(&rule.hold).unwrap_or_default(),
            keep_firing_for: self.duration(&rule.keep_firing_for).unwrap_or_default(),
        }
    }

    fn query(&mut self, rule: &raw::Rule, named: &Named) -> String {
        let Some(expr) = given(&rule.expr) else {
            let place = rule.expr.as_ref().map_or(rule.place, |expr| expr.place);
            self.fault(place, named.says("field 'expr' must be set in rule"));
            return String::new();
        };
        match (self.parse_query)(&expr.text) {
            Ok(query) => query,
            Err(why) => {
                let message = format!("could not parse expression: {why}");
                self.fault(expr.place, named.says(&message));
                String::new()
            }
        }
    }

    fn recorded_name(&mut self, record: &Text, named: &Named) {
        if record.text.contains(['{', '}']) {
            let message = "braces present in the recording rule name; should it be in expr?: ";
            self.fault(
                record.place,
                named.says(&format!("{message}{}", record.text)),
            );
        }
    }

    fn only_of_alerts(&mut self, rule: &raw::Rule, named: &Named) {
        let annotations = rule.annotations.first().map(|(name, _)| name);
        let fields = [
            ("annotations", annotations),
            ("for", non_zero(&rule.hold)),
            ("keep_firing_for", non_zero(&rule.keep_firing_for)),
        ];
        for (field, given) in fields {
            if let Some(text) = given {
                let message = format!("invalid field '{field}' in recording rule");
                self.fault(text.place, named.says(&message));
            }
        }
    }

    fn rule_labels(&mut self, rule: &raw::Rule, named: &Named) {
        for (label, _) in &rule.labels {
            if label.text.is_empty() || label.text == METRIC_NAME {
                let message = format!("invalid label name: {}", label.text);
                self.fault(label.place, named.says(&message));
            }
        }
        for (annotation, _) in rule.annotations.iter().filter(|it| it.0.text.is_empty()) {
            self.fault(annotation.place, named.says("invalid annotation name: "));
        }
    }

    fn template(
        &mut self,
        what: &str,
        name: &str,
        value: &Text,
        named: &Named,
    ) -> Option<Template> {
        match Template::parse(&value.text) {
            Ok(template) => Some(template),
            Err(why) => {
                let (line, why) = (why.line, why.message);
                let rule = &named.rule;
                let message = format!("{what} {name:?}: template: __alert_{rule}:{line}: {why}");
                self.fault(value.place, named.says(&message));
                None
            }
        }
    }
}

/// How a message names the rule that it is about.
struct Named {
    group: String,
    number: usize,
    rule: String,
}

impl Named {
    fn of(group: &str, at: usize, rule: &raw::Rule) -> Named {
        let name = given(&rule.alert).or(given(&rule.record));
        Named {
            group: group.to_owned(),
            number: at + 1,
            rule: name.map_or_else(String::new, |name| name.text.clone()),
        }
    }

    fn says(&self, message: &str) -> String {
        let Named {
            group,
            number,
            rule,
        } = self;
        format!("group {group:?}, rule {number}, {rule:?}: {message}")
    }
}

fn text_of(text: &Option<Text>) -> String {
    text.as_ref()
        .map_or_else(String::new, |text| text.text.clone())
}

fn given(text: &Option<Text>) -> Option<&Text> {
    text.as_ref().filter(|text| !text.text.is_empty())
}

/// Returns a duration's text unless it means zero, which is as good as nothing.
fn non_zero(text: &Option<Text>) -> Option<&Text> {
    let is_zero = |text: &&Text| parse_duration(&text.text) == Ok(Duration::ZERO);
    text.as_ref().filter(|text| !is_zero(text))
}

/// Returns the labels of a group with those of a rule, by name; the rule's win.
fn merged<'a>(group: &'a Pairs, rule: &'a Pairs) -> impl Iterator<Item = (&'a str, &'a Text)> {
    let mut labels: Vec<(&str, &Text)> = Vec::new();
    for (name, value) in group.iter().chain(rule) {
        match labels.binary_search_by(|(known, _)| (*known).cmp(&name.text)) {
            Ok(at) => labels[at].1 = value,
            Err(at) => labels.insert(at, (&name.text, value)),
        }
    }
    labels.into_iter()
}

#[cfg(test)]
mod tests;
