//! How far the replay of a lane's journal is.
//!
//! In: positions, as records are applied. Out: the same for those who take in, flush and ask.
//! While it goes on, what is taken is journaled only, and the replay comes to it in its turn.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weft_journal::Position;
use weft_model::Millis;

/// The replay of one journal.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Whether it goes on; changed only while nobody is between journal and store.
    running: AtomicBool,
    state: Mutex<State>,
    ended: Condvar,
    records: AtomicU64,
    begun: AtomicI64,
    took_millis: AtomicI64,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    from: Position,
    /// Where the journal ended when it was opened.
    found_to: Position,
    applied_to: Position,
    running: bool,
}

impl Progress {
    /// Returns the replay of a journal, which begins at `from` and was found to end at `found_to`.
    pub(super) fn new(from: Position, found_to: Position, now: Millis) -> Progress {
        let state = State {
            from,
            found_to,
            applied_to: from,
            running: true,
        };
        Progress {
            running: AtomicBool::new(true),
            state: Mutex::new(state),
            ended: Condvar::new(),
            records: AtomicU64::new(0),
            begun: AtomicI64::new(now.0),
            took_millis: AtomicI64::new(0),
        }
    }

    /// Tells whether records wait that are not in the store.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Relaxed)
    }

    /// Returns where the replay began.
    pub(crate) fn from(&self) -> Position {
        self.state().from
    }

    /// Returns where the journal ended when it was opened; what is beyond came since.
    pub(crate) fn found_to(&self) -> Position {
        self.state().found_to
    }

    /// Returns up to where all records are in the store.
    pub(crate) fn applied_to(&self) -> Position {
        self.state().applied_to
    }

    /// Returns up to where all is in the store or was there when the journal was opened.
    pub(super) fn known_to(&self) -> Position {
        let state = self.state();
        state.applied_to.max(state.found_to)
    }

    /// Notes that so many records up to a position are in the store.
    pub(super) fn note(&self, applied_to: Position, records: u64, now: Millis) {
        self.state().applied_to = applied_to;
        self.records.fetch_add(records, Relaxed);
        let took = now.0.saturating_sub(self.begun.load(Relaxed)).max(0);
        self.took_millis.store(took, Relaxed);
    }

    /// Notes that nothing waits any more: from now on what is taken is applied at once.
    pub(super) fn end(&self) {
        self.state().running = false;
        self.running.store(false, Relaxed);
        self.ended.notify_all();
    }

    /// Waits until the replay has ended, at most `limit`; tells whether it has.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let going_on = |state: &mut State| state.running;
        let waited = self.ended.wait_timeout_while(self.state(), limit, going_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.running
    }

    /// Returns how many records were applied.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Returns how long it took, or has taken until the last record applied.
    pub(crate) fn took_millis(&self) -> u64 {
        self.took_millis.load(Relaxed).unsigned_abs()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
