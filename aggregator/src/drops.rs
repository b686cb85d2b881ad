//! What was dropped, by reason: every sample and line that came and is not stored.
//!
//! In: counts from wherever something is dropped. Out: the same counts, for `/metrics` and
//! `/weft/v1/status`. Reasons are words of the code, here
//! or at the sender; those of senders are shortened, and beyond [`REASONS_MAX`] they are "other".

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use weft_model::StreamKind;

/// How many different reasons are told apart.
const REASONS_MAX: usize = 200;

/// Counts drops.
#[derive(Debug, Default)]
pub(crate) struct Drops(Mutex<BTreeMap<(Dropped, String), u64>>);

/// What is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dropped {
    Samples,
    Lines,
    Batches,
}

/// Samples of one request or batch that were left out, by reason, until it is known that it is
/// not tried again.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut(Vec<(&'static str, u64)>);

impl LeftOut {
    /// Notes samples that were left out.
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, counted)) => *counted += count,
            None => self.0.push((reason, count)),
        }
    }

    /// Tells whether there are any of this reason.
    pub(crate) fn has(&self, reason: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == reason)
    }

    /// Counts them as dropped.
    pub(crate) fn count(&self, drops: &Drops) {
        for (reason, count) in &self.0 {
            drops.samples(reason, *count);
        }
    }
}

impl Dropped {
    /// Returns the word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Dropped::Samples => "samples",
            Dropped::Lines => "lines",
            Dropped::Batches => "batches",
        }
    }
}

impl Drops {
    /// Counts samples that were dropped.
    pub(crate) fn samples(&self, reason: &str, count: u64) {
        self.add(Dropped::Samples, reason, count);
    }

    /// Counts lines that were dropped.
    pub(crate) fn lines(&self, reason: &str, count: u64) {
        self.add(Dropped::Lines, reason, count);
    }

    /// Counts a batch that was dropped whole.
    pub(crate) fn batch(&self, reason: &str) {
        self.add(Dropped::Batches, reason, 1);
    }

    /// Counts what a sender dropped before it could be delivered, as its gap tells.
    pub(crate) fn gap(&self, stream: StreamKind, reason: &str, items: u64) {
        let reason: String = reason
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(40)
            .collect();
        match stream {
            StreamKind::Logs => self.lines(&reason, items),
            StreamKind::Metrics | StreamKind::Events => self.samples(&reason, items),
        }
    }

    /// Returns all counts.
    pub(crate) fn counts(&self) -> Vec<(Dropped, String, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((what, reason), count)| (*what, reason.clone(), *count))
            .collect()
    }

    fn add(&self, what: Dropped, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&(what, reason.to_owned())) {
            Some(known) => *known += count,
            None => {
                let reason = if counts.len() < REASONS_MAX {
                    reason
                } else {
                    "other"
                };
                *counts.entry((what, reason.to_owned())).or_default() += count;
            }
        }
    }
}
