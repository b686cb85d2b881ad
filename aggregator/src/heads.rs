//! Where admitted data ends up: samples in the TSDB, lines in the log store.
//!
//! In: batches that are in the journal, and what HTTP senders post. Out: the stores, searchable at
//! once. Applying the same record twice changes nothing: samples by their series and time, lines
//! by their offsets at the origin or, at the latest, by the log store's own cookie.

pub(crate) mod lines;
pub(crate) mod samples;
mod sessions;

pub(crate) use lines::{Covered, IntoLines, Stored};
pub(crate) use sessions::{Applied, Into, Sessions};
