//! The HTTP side: what `weft-api` asks, answered from the stores.

mod admin;
mod loki;
mod prometheus;
mod weft;

pub(crate) use admin::AdminBackend;
pub(crate) use loki::LokiBackend;
pub(crate) use prometheus::PrometheusBackend;
pub(crate) use weft::WeftBackend;
