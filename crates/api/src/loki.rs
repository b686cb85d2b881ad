//! Loki's HTTP API below `/loki/api/v1`.

pub mod backend;

pub use backend::Backend;
