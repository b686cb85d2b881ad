//! Payloads: samples, series dictionaries and log lines as columns.
//!
//! In: what an agent measured or read. Out: bytes of at most a few per item, and back. Nothing is
//! carried from batch to batch but the dictionary, so batches decode in any order.
//! Bound: the limits of [`weft_model::limits`], and [`SAMPLES_MAX`], [`LINES_MAX`].
//! The bytes are described in `docs/format/wire-metrics.md` and `docs/format/wire-logs.md`.

mod bits;
mod code;
mod dictionaries;
mod dictionary;
mod error;
mod frame;
mod logs;
mod metrics;
mod reference;

pub use dictionaries::{DictError, DictLookup, Dictionaries, EPOCHS_MAX, SeriesTable, WAITING_MAX};
pub use dictionary::{DictPart, Rebase, SeriesDefinition, SeriesPart, decode_dict};
pub use error::PayloadError;
pub use logs::{
    LineFlags, LogLine, LogPart, LogPartBuilder, LogsEncoder, PartHead, PushLineError, decode_logs,
};
pub use metrics::{
    DefineError, MetricsEncoder, MetricsNeeds, PushError, Samples, Tick, decode_metrics,
    metrics_needs,
};

/// The most samples in one metrics payload.
pub const SAMPLES_MAX: usize = 1 << 18;

/// The most series that one session numbers.
pub const SERIES_MAX: usize = 1 << 22;

/// The most lines in one log payload.
pub const LINES_MAX: usize = 1 << 20;

/// The most parts in one log payload.
pub const PARTS_MAX: usize = 1 << 16;
