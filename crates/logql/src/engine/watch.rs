//! Counts what a query reads and says when it must stop.

use std::ops::ControlFlow;

use super::Engine;
use crate::query::QueryError;
use crate::source::Entry;

/// How many lines are read between two questions whether to go on.
const LINES_PER_CHECK: u64 = 4096;

/// What one selection has read, and why it stopped if it did.
pub(super) struct Watch<'a> {
    cancelled: &'a dyn Fn() -> bool,
    bytes_max: u64,
    bytes: u64,
    lines: u64,
    stopped: Option<QueryError>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(engine: &Engine<'a>) -> Watch<'a> {
        Watch {
            cancelled: engine.cancelled,
            bytes_max: engine.limits.bytes_max,
            bytes: 0,
            lines: 0,
            stopped: None,
        }
    }

    /// Counts a line.
    pub(super) fn line(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        self.bytes += entry.line.len() as u64;
        self.lines += 1;
        if self.bytes > self.bytes_max {
            return self.stop(QueryError::Limit(format!(
                "the query would read too many bytes (limit: {} bytes); consider adding more \
                 specific stream selectors or reduce the time range of the query",
                self.bytes_max
            )));
        }
        if self.lines.is_multiple_of(LINES_PER_CHECK) {
            return self.check();
        }
        ControlFlow::Continue(())
    }

    /// Asks whether to go on.
    pub(super) fn check(&mut self) -> ControlFlow<()> {
        if (self.cancelled)() {
            return self.stop(QueryError::Cancelled);
        }
        ControlFlow::Continue(())
    }

    /// Remembers why the selection is stopped.
    pub(super) fn stop(&mut self, error: QueryError) -> ControlFlow<()> {
        self.stopped = Some(error);
        ControlFlow::Break(())
    }

    /// Turns the outcome of a step into what the visitor says.
    pub(super) fn keep_going(&mut self, outcome: Result<(), QueryError>) -> ControlFlow<()> {
        match outcome {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => self.stop(error),
        }
    }

    /// Fails if the selection was stopped.
    pub(super) fn finish(self) -> Result<(), QueryError> {
        self.stopped.map_or(Ok(()), Err)
    }
}
