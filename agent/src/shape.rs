//! What was read, shaped into batches: ticks by columns, lines by streams.

pub mod logs;
pub mod metrics;
