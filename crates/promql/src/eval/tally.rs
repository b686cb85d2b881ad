//! What one task looks at, counted without others in its way.
//!
//! In: samples that are decoded or seen by a step. Out: the ledger's counts, when the task ends.
//! Between many samples it asks whether to go on.

use std::sync::Arc;

use crate::error::QueryError;
use crate::options::Cancel;

use super::ledger::Ledger;

/// The samples that pass between two questions whether to go on.
const UNASKED_SAMPLES_MAX: u64 = 1 << 18;

/// Counts of one task.
pub(crate) struct Tally<'q> {
    ledger: Arc<Ledger>,
    cancel: &'q dyn Cancel,
    read: u64,
    seen: u64,
    /// What each step has seen; empty unless it is asked for.
    by_step: Vec<u64>,
    unasked: u64,
}

impl<'q> Tally<'q> {
    pub(super) fn new(ledger: &Arc<Ledger>, cancel: &'q dyn Cancel, steps: usize) -> Tally<'q> {
        let by_step = if ledger.counts_by_step(steps) {
            vec![0; steps]
        } else {
            Vec::new()
        };
        Tally {
            ledger: Arc::clone(ledger),
            cancel,
            read: 0,
            seen: 0,
            by_step,
            unasked: 0,
        }
    }

    /// Counts samples that were decoded.
    pub(crate) fn read(&mut self, samples: usize) -> Result<(), QueryError> {
        self.read += samples as u64;
        self.ask(samples as u64)
    }

    /// Counts samples that a step has seen.
    pub(crate) fn saw(&mut self, step: usize, samples: usize) -> Result<(), QueryError> {
        self.noted(step, samples as u64);
        self.ask(samples as u64)
    }

    /// Counts samples that a step has in its window but that were not looked at one by one.
    pub(crate) fn noted(&mut self, step: usize, samples: u64) {
        self.seen += samples;
        if let Some(seen) = self.by_step.get_mut(step) {
            *seen += samples;
        }
    }

    /// Fails when the caller wants the query to end; asks the caller now and then only.
    fn ask(&mut self, samples: u64) -> Result<(), QueryError> {
        self.unasked += samples;
        if self.unasked < UNASKED_SAMPLES_MAX {
            return Ok(());
        }
        self.unasked = 0;
        super::go_on(self.cancel)
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.ledger.count(self.read, self.seen, &self.by_step);
    }
}
