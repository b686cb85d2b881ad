//! How the agent fares, for `weft status` and `weft health`.
//!
//! In: each part sets its own fields. Out: a snapshot that is whole at one moment.
//! Bound: at most [`ERRORS_MAX`] recent errors are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_model::Millis;

/// How many recent errors are kept.
pub const ERRORS_MAX: usize = 16;

/// The agent at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Milliseconds from the start of the process to the first sample; none before it.
    pub first_sample_ms: Option<u64>,
    /// Live series.
    pub series: u64,
    /// Samples taken per second, over the last tick.
    pub samples_per_second: f64,
    /// When the last tick was taken.
    pub last_tick: Option<Millis>,
    /// Collectors of host metrics that failed in the last tick, by name.
    pub failing_samplers: Vec<String>,
    /// Followed log streams.
    pub streams: u64,
    /// Lines read per second, over the last seconds.
    pub lines_per_second: f64,
    /// Bytes of logs that are in their files and not acknowledged.
    pub lag_bytes: u64,
    /// Bytes of metrics that wait in the spool.
    pub spool_bytes: u64,
    /// How the connection fares.
    pub link: LinkState,
    /// The latest errors, oldest first.
    pub errors: Vec<ErrorNote>,
}

/// How the connection fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Not tried yet.
    #[default]
    Idle,
    /// Waiting for a certificate.
    Enrolling,
    /// Trying to connect.
    Connecting,
    /// Connected.
    Connected {
        /// Whom to.
        address: String,
        /// Over what: `quic` or `grpc`.
        transport: String,
    },
    /// Waiting before the next try; the text says what failed.
    Waiting(String),
}

/// An error and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorNote {
    /// When.
    pub time: Millis,
    /// What, in one line.
    pub text: String,
}

/// The status, shared by the parts of the agent; a clone is the same status.
#[derive(Clone, Debug, Default)]
pub struct StatusBoard(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    status: Status,
    errors: VecDeque<ErrorNote>,
}

impl StatusBoard {
    /// Returns the agent as it is now.
    pub fn snapshot(&self) -> Status {
        let inner = self.inner();
        let mut status = inner.status.clone();
        status.errors = inner.errors.iter().cloned().collect();
        status
    }

    /// Changes the status.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.inner().status);
    }

    /// Notes an error, forgetting the oldest when there are too many.
    pub fn note_error(&self, time: Millis, text: String) {
        let mut inner = self.inner();
        if inner.errors.len() == ERRORS_MAX {
            inner.errors.pop_front();
        }
        inner.errors.push_back(ErrorNote { time, text });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_errors_are_kept() {
        let board = StatusBoard::default();
        for n in 0..ERRORS_MAX as i64 + 3 {
            board.note_error(Millis(n), format!("error {n}"));
        }
        let errors = board.snapshot().errors;
        assert_eq!(errors.len(), ERRORS_MAX);
        assert_eq!(errors[0].text, "error 3");
    }
}
