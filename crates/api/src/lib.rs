//! The HTTP dialects: Prometheus, Loki, weft.
//!
//! In: requests, and traits that whoever stores the data implements. Out: the answers that
//! Grafana and its like expect, byte for byte. This is the only place where JSON is read or
//! written. Bound: [`Limits`] on connections, bodies, and queries at one time.

pub mod admin;
mod cancel;
mod error;
pub mod loki;
pub mod prometheus;
pub mod weft;

pub use cancel::Cancel;
pub use error::{Error, ErrorKind};
