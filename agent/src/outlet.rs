//! Where data leaves: one connection, one channel for each kind of data, everything acknowledged.
//!
//! ```text
//! sampler ─ encoded ticks ─> spool (durable, numbered) ─> lane of metrics ─┐
//! tailer  ─ sealed batches, at most a window of them ───> lane of logs ────┤
//!                                                                          ▼
//!                                     connection: QUIC, or gRPC where UDP is blocked
//! ```
//!
//! In: batches. Out: acknowledgements to the spool and to the tailer. A lane outlives connections:
//! what was in flight is sent again on the next one.
//! Bound: while nobody is connected, metrics wait in the spool, whose oldest are dropped and told
//! as gaps beyond its size; logs wait in their files.

mod connect;
mod identity;
mod lane;
mod logs;
mod metrics;
mod session;
mod spooler;

pub(crate) use self::connect::{Outlet, Reports};
pub(crate) use self::lane::Lane;
pub(crate) use self::logs::LogSource;
pub(crate) use self::metrics::MetricsSource;
pub(crate) use self::session::{SessionError, Sessions};
pub(crate) use self::spooler::{MetricsLine, Spooler};
