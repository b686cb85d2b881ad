//! Rules: what a rule file says, and the series and alerts that come of it.
//!
//! ```text
//! raw::File ──check──▶ Group ──GroupState::new──▶ GroupState ──evaluate(time)──▶ samples, alerts
//! ```
//!
//! In: rule files as Prometheus has them, already read; a time; answers of [`Evaluate`]. Out:
//! samples to store, and the alerts that are pending or firing. Reads no clock and no file.
//! Bound: a group's `limit`, and [`template::OUTPUT_BYTES_MAX`] for each text.

mod check;
mod duration;
mod evaluate;
mod group;
pub mod raw;
mod rule;
mod schedule;
pub mod template;

pub use check::{Fault, ParseQuery, check, duplicates};
pub use duration::{format_duration, parse_duration};
pub use evaluate::{Evaluate, EvaluateError, Found, Sample, SampleValue};
pub use group::{
    Alert, AlertState, GroupState, GroupView, Health, Origin, Orphans, Report, Round, RuleView,
    Tuning,
};
pub use rule::{Action, Group, Rule};
pub use schedule::{Due, Schedule};
