//! What a collector writes on a batch: whose it is, and where it came through.
//!
//! In: an admitted batch. Out: the same, with origin and labels; the payload is not looked at.
//! Bound: as many labels as a label set may have; the collector's own that find no room are left
//! out.

use weft_link::{PeerId, Role};
use weft_model::limits::LABELS_MAX;
use weft_proto::v1::{Batch, Label};

/// The labels of this collector.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    labels: Vec<Label>,
}

impl Shape {
    pub(crate) fn new(labels: &[(String, String)]) -> Shape {
        let label = |(name, value): &(String, String)| Label {
            name: name.clone(),
            value: value.clone(),
        };
        let labels = labels.iter().map(label).collect();
        Shape { labels }
    }

    /// Stamps a batch. What an agent says about origin and labels does not count; what a
    /// collector before us said does, and is not overridden.
    pub(crate) fn stamp(&self, batch: &mut Batch, peer: &PeerId) {
        if peer.role() != Role::Collector || batch.origin.is_empty() {
            batch.origin = peer.id().0.clone();
            batch.labels.clear();
        }
        for label in &self.labels {
            let known = batch.labels.iter().any(|known| known.name == label.name);
            if !known && batch.labels.len() < LABELS_MAX {
                batch.labels.push(label.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(role: Role, origin: &str, labels: &[(&str, &str)]) -> (String, Vec<String>) {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let shape = Shape::new(&[own(("region", "eu")), own(("cluster", "one"))]);
        let label = |&(name, value): &(&str, &str)| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let mut batch = Batch {
            origin: origin.to_owned(),
            labels: labels.iter().map(label).collect(),
            ..Batch::default()
        };
        shape.stamp(&mut batch, &PeerId::new(role, "me").unwrap());
        let text = |label: &Label| format!("{}={}", label.name, label.value);
        (batch.origin, batch.labels.iter().map(text).collect())
    }

    #[test]
    fn the_origin_of_an_agents_batch_is_its_certificate() {
        let (origin, labels) = stamp(Role::Agent, "somebody-else", &[("region", "moon")]);
        assert_eq!(origin, "me");
        assert_eq!(labels, ["region=eu", "cluster=one"]);
    }

    #[test]
    fn what_a_collector_before_us_said_stands() {
        let (origin, labels) = stamp(Role::Collector, "a1", &[("region", "us"), ("site", "x")]);
        assert_eq!(origin, "a1");
        assert_eq!(labels, ["region=us", "site=x", "cluster=one"]);
    }
}
