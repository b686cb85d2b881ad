//! weft: one binary for metrics, logs, alerts and self-healing of a fleet.
mod config;
fn main() {}
