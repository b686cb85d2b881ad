//! When a running query has to give up: nobody waits any more, or its time is over.
//!
//! In: a deadline, and a guard that the connection holds. Out: a flag that engines ask between two
//! pieces of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weft_promql::{Interrupt, QueryError};

use crate::app::Turn;
use crate::{Error, ErrorKind};

/// Tells a query when to give up; clones share the flag.
#[derive(Clone, Debug)]
pub struct Cancel {
    abandoned: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// The place of the query among others, where it has one.
    turn: Option<Arc<Turn>>,
}

impl Cancel {
    /// Returns a flag that is not set and has a deadline from now.
    pub fn after(timeout: Duration) -> Cancel {
        Cancel {
            abandoned: Arc::default(),
            deadline: Instant::now().checked_add(timeout),
            turn: None,
        }
    }

    /// Returns a flag that is never set by itself.
    pub fn never() -> Cancel {
        Cancel {
            abandoned: Arc::default(),
            deadline: None,
            turn: None,
        }
    }

    /// Returns a flag that also knows the query's place among others.
    pub(crate) fn at_turn(self, turn: Arc<Turn>) -> Cancel {
        Cancel {
            turn: Some(turn),
            ..self
        }
    }

    /// Tells everybody who holds the flag to give up.
    pub fn cancel(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Tells whether to give up, for whatever reason.
    pub fn is_canceled(&self) -> bool {
        self.interrupt().is_some()
    }

    /// Returns why to give up, or nothing to go on.
    pub fn interrupt(&self) -> Option<Interrupt> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Some(Interrupt::Canceled);
        }
        self.is_timed_out().then_some(Interrupt::Timeout)
    }

    /// Returns an error when it is time to give up.
    pub fn check(&self) -> Result<(), Error> {
        match self.interrupt() {
            None => Ok(()),
            Some(Interrupt::Timeout) => Err(Error::new(ErrorKind::Timeout, "query timed out")),
            Some(Interrupt::Canceled) => Err(Error::new(ErrorKind::Canceled, "query was canceled")),
        }
    }

    /// Returns how long it is until the time is over.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    /// Tells whether the time is over.
    pub(crate) fn is_timed_out(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Returns a guard that sets the flag when it is dropped, as a handler is whose client left.
    pub(crate) fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

impl weft_promql::Cancel for Cancel {
    fn interrupted(&self) -> Option<Interrupt> {
        if let Some(turn) = &self.turn {
            turn.give_way();
        }
        self.interrupt()
    }

    fn expects(&self, samples: u64) -> Result<(), QueryError> {
        match &self.turn {
            Some(turn) => turn.expects(samples, self),
            None => Ok(()),
        }
    }
}

/// Sets the flag when it is dropped.
pub(crate) struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
