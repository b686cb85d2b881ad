//! What was read, shaped into batches: ticks by columns, lines by streams.

pub(crate) mod logs;
pub(crate) mod metrics;
