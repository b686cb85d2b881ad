//! What rules and alerts there are, and how their evaluation fares: for the API and the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use weft_alert::{Due, Group, GroupState, GroupView, Report};

use super::Key;

/// Shows the groups; a clone shows the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleBoard(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shown: Mutex<Shown>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Shown {
    /// The groups in the order of the files.
    order: Vec<Key>,
    views: BTreeMap<Key, Arc<GroupView>>,
}

/// What was done since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Evaluations of groups.
    pub(super) evaluations: AtomicU64,
    /// Evaluations that did not happen in time.
    pub(super) missed: AtomicU64,
    /// Rules that failed.
    pub(super) failures: AtomicU64,
    /// Samples stored.
    pub(super) samples: AtomicU64,
    /// Milliseconds that evaluations took.
    pub(super) millis: AtomicU64,
}

impl RuleBoard {
    /// Sets which groups there are.
    pub(super) fn set_groups(&self, groups: &[Group]) {
        let order: Vec<Key> = groups.iter().map(key).collect();
        let mut shown = self.shown();
        shown.views.retain(|known, _| order.contains(known));
        shown.order = order;
    }

    /// Shows a group as it is now.
    pub(super) fn show(&self, state: &GroupState) {
        let view = Arc::new(state.view());
        let mut shown = self.shown();
        let key = key(&view.group);
        // A group that was removed meanwhile is not shown again.
        if shown.order.contains(&key) {
            shown.views.insert(key, view);
        }
    }

    /// Counts an evaluation, and shows the group as it is after it.
    pub(super) fn count(&self, due: Due, report: Report, state: &GroupState) {
        let counts = &self.0.counts;
        counts.evaluations.fetch_add(1, Relaxed);
        counts.missed.fetch_add(due.missed, Relaxed);
        counts.failures.fetch_add(report.failures as u64, Relaxed);
        counts.samples.fetch_add(report.samples as u64, Relaxed);
        let took = state.view().took.as_millis();
        counts
            .millis
            .fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Relaxed);
        self.show(state);
    }

    /// Returns the groups in the order of the files.
    pub(crate) fn groups(&self) -> Vec<Arc<GroupView>> {
        let shown = self.shown();
        let views = shown.order.iter().filter_map(|key| shown.views.get(key));
        views.cloned().collect()
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(group: &Group) -> Key {
    (group.file.clone(), group.name.clone())
}
