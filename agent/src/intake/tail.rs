//! Log files, followed without loss and without doubles.
//!
//! In: files that grow, are renamed, compressed, written over and removed. Out: batches of lines,
//! numbered, each acknowledged once it is durable downstream.
//! Bound: sealed batches up to a number of bytes and one batch being filled; nothing else is kept
//! in memory, for the log file is the buffer.
//!
//! **Identity.** A stream (a container's run, or the path of a plain file) is a chain of segments.
//! A segment is named by the content of its first record, so it keeps its name when its file is
//! renamed or compressed, and a new file in the same inode has another one.
//!
//! **Exactly once.** Every line carries its *completion offset*: the offset in its segment just past
//! the record that completes it. A part of a batch covers the half-open range of completion offsets
//! `(start, end]`; ranges of a segment follow one another without a gap or an overlap. After a
//! restart reading resumes at the least offset that some open line needs, a piece that begins before
//! its own output's position is not handed on again, and whatever is sent twice all the same is
//! dropped by the receiver, which keeps the ranges that it stored by stream and segment.
//! Positions move only on a durable acknowledgement. The one exception: a line left open by its
//! writer for seconds is handed on as it is; if the agent crashes between that and its
//! acknowledgement, and the rest comes later, its first part may be stored twice.

mod assemble;
mod chain;
mod discover;
mod follower;
mod glob;
mod ledger;
mod position;
mod positions;
mod record;
mod segment;
mod stream;
mod tailer;
mod tally;
mod thread;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use self::tailer::LogBatch;
pub(crate) use self::thread::{Acks, Tail, TailHooks};

pub(crate) use self::tailer::Survey;
pub(crate) use self::tally::Tally;
