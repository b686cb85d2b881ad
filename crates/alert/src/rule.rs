//! Rules that make sense: checked, with defaults filled in.
//!
//! In: what [`crate::check`] has found good. Out: what a [`crate::GroupState`] evaluates.

use std::time::Duration;

use weft_model::Labels;

use crate::template::Template;

/// Rules that are evaluated one after the other, at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The file it comes from.
    pub file: String,
    /// Its name, which no other group of the file has.
    pub name: String,
    /// How often it is evaluated; at least a millisecond.
    pub interval: Duration,
    /// How many series or alerts a rule may make; 0 for any number.
    pub limit: usize,
    /// How far in the past it is evaluated, for samples that arrive late.
    pub query_offset: Duration,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The recorded metric's or the alert's name.
    pub name: String,
    /// PromQL, as the printer of the language writes it.
    pub query: String,
    /// What it does with the result.
    pub action: Action,
}

/// What a rule does with its result.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Writes it as series of the rule's name.
    Record {
        /// The labels that the series get; an empty value removes one.
        labels: Vec<(String, String)>,
    },
    /// Raises an alert for each element.
    Alert {
        /// The labels that alerts get.
        labels: Vec<(String, Template)>,
        /// Texts for people.
        annotations: Vec<(String, Template)>,
        /// How long an alert is pending before it fires (`for`).
        hold: Duration,
        /// How long it goes on firing when the condition no longer holds.
        keep_firing_for: Duration,
    },
}

impl Rule {
    /// Tells whether it raises alerts.
    pub fn is_alert(&self) -> bool {
        matches!(self.action, Action::Alert { .. })
    }

    /// Returns the rule's labels as they were written, templates unexpanded.
    pub fn labels(&self) -> Labels {
        match &self.action {
            Action::Record { labels } => Labels::from_pairs(labels.iter().cloned()),
            Action::Alert { labels, .. } => sources(labels),
        }
    }

    /// Returns the rule's annotations as they were written.
    pub fn annotations(&self) -> Labels {
        match &self.action {
            Action::Record { .. } => Labels::empty(),
            Action::Alert { annotations, .. } => sources(annotations),
        }
    }
}

fn sources(templates: &[(String, Template)]) -> Labels {
    let pairs = templates.iter();
    Labels::from_pairs(pairs.map(|(name, template)| (name, template.source())))
}
