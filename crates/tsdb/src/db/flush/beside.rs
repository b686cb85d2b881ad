//! Exemplars at their places among the series that a flush writes.
//!
//! In: exemplars by series, and the order of the series. Out: for each place the exemplars of the
//! series there, and those of series before it that the head does not have any more. Bound: what
//! waits in the head.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use weft_model::{Exemplar, Labels, METRIC_NAME};

use crate::db::listed;
use crate::head::exemplars::OfSeries;
use crate::head::index::Index;

/// Exemplars of one series.
struct Placed {
    /// Where in the order the series is, or would be.
    at: usize,
    /// Whether it is there.
    is_there: bool,
    labels: Labels,
    exemplars: Vec<Exemplar>,
}

/// Exemplars in the order of their series.
pub(super) struct Beside(VecDeque<Placed>);

impl Beside {
    /// Finds the places in `order`, which has slots of the head.
    pub(super) fn place(
        index: &Index,
        order: &[u32],
        exemplars: BTreeMap<Labels, OfSeries>,
    ) -> Beside {
        let place = |(labels, exemplars): (Labels, OfSeries)| {
            let compared = |slot: &u32| compare(index, *slot, &labels);
            let at = order.partition_point(|slot| compared(slot) == Ordering::Less);
            let is_there = order
                .get(at)
                .is_some_and(|slot| compared(slot) == Ordering::Equal);
            Placed {
                at,
                is_there,
                labels,
                exemplars: listed(exemplars),
            }
        };
        let mut placed: Vec<Placed> = exemplars.into_iter().map(place).collect();
        placed.sort_by(|a, b| {
            let name = || a.labels.name().cmp(b.labels.name());
            let rest = || a.labels.iter().cmp(b.labels.iter());
            let place = (a.at, a.is_there).cmp(&(b.at, b.is_there));
            place.then_with(name).then_with(rest)
        });
        Beside(placed.into())
    }

    /// Takes the exemplars of a series that the order does not have and that comes before a place.
    pub(super) fn before(&mut self, at: usize) -> Option<(Labels, Vec<Exemplar>)> {
        let is_before = |next: &mut Placed| next.at <= at && !next.is_there;
        let next = self.0.pop_front_if(is_before)?;
        Some((next.labels, next.exemplars))
    }

    /// Takes the exemplars of the series at a place.
    pub(super) fn of(&mut self, at: usize) -> Vec<Exemplar> {
        let next = self.0.pop_front_if(|next| next.at == at);
        next.map(|next| next.exemplars).unwrap_or_default()
    }
}

/// Compares a series of the head with a label set, by metric name, then label by label.
fn compare(index: &Index, slot: u32, labels: &Labels) -> Ordering {
    let pairs = || {
        let ids = index.pairs_of(slot);
        ids.map(|id| (index.pairs.name(id), &*index.pairs.get(id).value))
    };
    let metric = pairs().find(|(name, _)| *name == METRIC_NAME);
    let metric = metric.map_or("", |(_, value)| value);
    metric
        .cmp(labels.name())
        .then_with(|| pairs().cmp(labels.iter()))
}
