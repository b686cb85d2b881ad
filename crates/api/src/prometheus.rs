//! Prometheus's HTTP API below `/api/v1`.

pub mod backend;
pub mod status;
pub mod watch;
pub mod write;

pub use backend::{Backend, ExemplarQuery, InstantQuery, RangeQuery, Selection, SeriesExemplars};
pub use write::Written;
