//! The collector between agents and an aggregator, over real loopback connections.
//!
//! Claimed: what was acknowledged arrives, once, whatever is killed in between; what is not taken
//! is told; certificates are passed on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod aggregator;
mod certificates;
mod delivery;
mod refusals;
mod world;
