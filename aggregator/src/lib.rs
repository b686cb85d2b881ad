//! Memory and judgement.
//!
//! ```text
//!   collectors, agents ══▶ intake ──▶ admit ──▶ journal ──▶ heads: TSDB, log store
//!   remote write, push ──▶ serve  ──────────────┘               │         │
//!                                                          parts on disk, blocks
//!   Grafana, weft query ◀── serve ◀── query: PromQL, LogQL ◀────┤         │
//!                     watch: rules ──▶ query ──▶ journal         ┘         │
//!                                        upkeep: flush, merge, retention ─┘
//! ```
//!
//! In: batches over QUIC or gRPC, requests over HTTP. Out: answers.
//! What is acknowledged is in a journal on the disk; what is in a journal is applied once. After
//! a crash the journals' tails are replayed while questions are answered, with a warning.
//! Bound: see [`Config`]; what is over a limit is refused or dropped, counted, with a reason.

mod aggregator;
mod check;
pub mod config;
mod dictionaries;
mod drops;
mod heads;
mod intake;
mod lane;
mod query;
mod replay;
mod serve;
mod status;
mod store;
mod telemetry;
mod upkeep;
mod watch;

pub use aggregator::{Aggregator, BuildError, Surroundings};
pub use check::{CheckError, CheckReport, Finding, Remedy, check};
pub use config::Config;
pub use query::SampleSource;
pub use status::{Status, StatusBoard};
pub use store::{OpenError, ReplayStatus};
pub use watch::{RuleUpdates, rule_result};
