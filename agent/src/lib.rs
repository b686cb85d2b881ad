//! One node's eyes.
//!
//! ```text
//! intake/host: /proc and /sys, one thread, aligned ticks ─┐
//! intake/tail: log files, one thread, the file buffers ───┤
//!                                                         ▼
//! shape: a tick becomes a metrics batch, lines become a log batch
//!                                                         ▼
//! outlet: metrics through a spool, logs from their files; one connection, acknowledged
//! ```
//!
//! Bound: see [`Config`]; metrics beyond the spool are dropped oldest first and counted, logs wait
//! in their files.

mod agent;
pub mod config;
mod intake;
mod outlet;
mod shape;
pub mod status;
mod telemetry;

pub use agent::{Agent, BuildError};
pub use config::Config;
pub use status::{Status, StatusBoard};
