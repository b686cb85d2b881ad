//! Log lines as parts of their streams.
//!
//! In: lines with the offset at which each was complete in the file it comes from. Out: payloads,
//! and the parts again, trimmed to what the receiver does not have yet.
//! Bound: [`LINES_MAX`](super::LINES_MAX) lines and [`PARTS_MAX`](super::PARTS_MAX) parts.

mod decode;
mod encode;
mod part;
#[cfg(test)]
mod tests;

pub use decode::decode_logs;
pub use encode::{LogPartBuilder, LogsEncoder, PushLineError};
pub use part::{LineFlags, LogLine, LogPart, PartHead};
