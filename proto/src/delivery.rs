//! The rules of delivery: at least once on the wire, exactly once in storage.
//!
//! In: batches, acknowledgements, connections that come and go. Out: what to send next, what to
//! store, what to acknowledge. Nothing here does I/O or reads a clock; agents, collectors and the
//! aggregator drive the same three machines, and so does the simulation in the tests.
//! Bound: the credit of the receiver, [`BATCHES_MAX`], [`RANGES_MAX`], [`STREAMS_MAX`].

mod dedup;
mod inbox;
mod send_window;
#[cfg(test)]
mod simulation;

pub use dedup::{Admission, Dedup, DedupError, RANGES_MAX, STREAMS_MAX};
pub use inbox::{Inbox, Offer};
pub use send_window::{BATCHES_MAX, Refused, SendWindow, Settled};
