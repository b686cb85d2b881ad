//! One region's funnel: agents in, one stream of batches out, nothing lost in between.
//!
//! ```text
//!   agents ==> intake --> admit --> shape --> spool --> outlet ==> aggregator
//!                ^  who, what,     origin,    group       |
//!                |  how much       labels     commit      |
//!                +-- ack once durable         free on ack +
//! ```
//!
//! In: channels of agents. Out: the same batches, payloads untouched, at an aggregator.
//! Bound: the spool. While it is full agents get no credit and keep their data themselves; a batch
//! is acknowledged only after it is on disk.

mod admit;
mod collector;
pub mod config;
mod gap;
mod intake;
mod membership;
mod outlet;
mod registry;
mod relay;
mod shape;
pub mod status;
mod store;
mod telemetry;

pub use collector::{BuildError, Collector};
pub use config::Config;
pub use membership::MembershipError;
pub use status::{Status, StatusBoard};
pub use store::KeeperError;
