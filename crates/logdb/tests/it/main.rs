//! The database as a whole, in directories of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod keeping;
mod model;
mod support;
