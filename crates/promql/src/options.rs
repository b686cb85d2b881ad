//! What the caller gives along with a query: limits, cancellation, threads.

use std::sync::Arc;

use crate::budget::Budget;
use crate::error::QueryError;
use crate::pool::{Pool, Sequential};

/// What holds for all queries of an engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How far back an instant selector looks when the query does not say.
    pub lookback_ms: i64,
    /// The resolution of a subquery that names none.
    pub subquery_step_ms: i64,
    /// When functions and operators remove the metric's name.
    pub name_removal: NameRemoval,
    /// Whether `rate`, `increase` and the like make use of start timestamps.
    pub start_timestamps: StartTimestamps,
}

/// When functions and operators remove the metric's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameRemoval {
    /// In each function, as Prometheus does by default.
    #[default]
    AtOnce,
    /// At the end of the query, so that `label_replace` and `by (__name__)` still see it.
    Delayed,
}

/// Whether functions on counters make use of start timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartTimestamps {
    /// They are ignored.
    #[default]
    Ignored,
    /// They mark resets and bound extrapolation.
    Used,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            lookback_ms: 5 * 60 * 1000,
            subquery_step_ms: 60 * 1000,
            name_removal: NameRemoval::default(),
            start_timestamps: StartTimestamps::default(),
        }
    }
}

/// What holds for one query.
pub struct QueryOptions<'a> {
    /// How far back an instant selector looks; nothing for the engine's default.
    pub lookback_ms: Option<i64>,
    /// What the query may use.
    pub limits: Limits,
    /// What it shares with all other queries; nothing if they do not share.
    pub budget: Option<Arc<Budget>>,
    /// How much is told about what the query cost.
    pub stats: StatsDetail,
    /// Tells the time that passes; without it no times are told.
    pub watch: Option<&'a dyn Watch>,
    /// Tells when to give up.
    pub cancel: &'a dyn Cancel,
    /// Runs parts of the query side by side.
    pub pool: &'a dyn Pool,
}

impl Default for QueryOptions<'_> {
    fn default() -> Self {
        QueryOptions {
            lookback_ms: None,
            limits: Limits::default(),
            budget: None,
            stats: StatsDetail::default(),
            watch: None,
            cancel: &Never,
            pool: &Sequential,
        }
    }
}

/// What one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Samples held at one time.
    pub samples_max: usize,
    /// Steps of a range query.
    pub points_max: usize,
    /// Bytes held at one time.
    pub bytes_max: usize,
    /// Samples looked at altogether, as told by the number of series and steps beforehand.
    pub work_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            samples_max: 50_000_000,
            points_max: 11_000,
            bytes_max: 1 << 30,
            work_max: 2_000_000_000,
        }
    }
}

/// How much is told about what a query cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatsDetail {
    /// Totals, which cost nothing.
    #[default]
    Totals,
    /// Also the samples that each step has seen.
    EachStep,
}

/// A clock of the caller, for the times in [`Stats`](crate::Stats).
pub trait Watch: Send + Sync {
    /// Returns nanoseconds since any fixed moment.
    fn nanos(&self) -> u64;
}

/// Tells a running query when to give up; asked every few thousand samples.
pub trait Cancel: Send + Sync {
    /// Returns why to give up, or nothing to go on.
    fn interrupted(&self) -> Option<Interrupt>;

    /// Is told how many samples are about to be looked at, before the first of a selection is. May
    /// wait until it is this query's turn; fails to end the query.
    fn expects(&self, _samples: u64) -> Result<(), QueryError> {
        Ok(())
    }
}

/// Why a query gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Its time is over.
    Timeout,
    /// Nobody waits for it any more.
    Canceled,
}

/// Never gives up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Cancel for Never {
    fn interrupted(&self) -> Option<Interrupt> {
        None
    }
}
