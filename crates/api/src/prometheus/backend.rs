//! What Prometheus's API asks of whoever stores samples.
//!
//! The methods block; each call comes on a thread of its own, of which there are at most
//! [`crate::Limits`] many. An error's kind decides the HTTP status.

use std::ops::ControlFlow;

use weft_exposition::remote_read;
use weft_model::{Labels, Matcher, MetricMetadata, Millis};
use weft_promql::{Answer, StatsDetail, TimeRange};

use super::read::SeriesSamples;
use super::status::{Block, BuildInfo, Flag, RuntimeInfo, TsdbStatus, WalReplay};
use super::watch::{Alert, RuleGroup, Target};
use super::write::{Received, Written};
use crate::{Cancel, Error};

/// Samples, and what is known about them.
pub trait Backend: Send + Sync + 'static {
    /// Returns what may be missing from answers for now, in words for people. Answers of queries
    /// carry it by themselves.
    fn caveat(&self) -> Option<String> {
        None
    }

    /// Evaluates a query at one time.
    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error>;

    /// Evaluates a query at each step of a range.
    fn query_range(&self, query: &RangeQuery, cancel: &Cancel) -> Result<Answer, Error>;

    /// Returns the names of labels, in any order.
    fn labels(&self, selection: &Selection, cancel: &Cancel) -> Result<Vec<String>, Error>;

    /// Returns the values of a label, in any order.
    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Error>;

    /// Returns the series of a selection, in any order.
    fn series(&self, selection: &Selection, cancel: &Cancel) -> Result<Vec<Labels>, Error>;

    /// Returns what is known of one metric or of all, at most `limit` of them.
    fn metadata(
        &self,
        metric: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<(String, Vec<MetricMetadata>)>, Error>;

    /// Returns the exemplars of the series that a query selects.
    fn exemplars(
        &self,
        query: &ExemplarQuery,
        cancel: &Cancel,
    ) -> Result<Vec<SeriesExemplars>, Error>;

    /// Hands over the samples of a selection, series by series in the order of their labels; those
    /// without samples in the range are left out. Ends early, without an error, when `take` breaks.
    fn read(
        &self,
        query: &remote_read::Query,
        cancel: &Cancel,
        take: &mut dyn FnMut(SeriesSamples) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    /// Takes a remote-write request; it is durable when this returns.
    ///
    /// Series that break a rule are left out and reported in [`Written::faults`], samples that the
    /// store has no place for in [`Written::refused`]. An error means that all of the request has
    /// to be sent again.
    fn write(&self, received: Received) -> Result<Written, Error>;

    /// Returns the store's statistics, with at most `limit` rows in each list.
    fn tsdb_status(&self, limit: usize) -> Result<TsdbStatus, Error>;

    /// Returns the parts of the store that are on the disk.
    fn blocks(&self) -> Result<Vec<Block>, Error>;

    /// Returns facts about the running process.
    fn runtime_info(&self) -> Result<RuntimeInfo, Error>;

    /// Returns facts about the build.
    fn build_info(&self) -> BuildInfo;

    /// Returns the settings in force, named as Prometheus's flags where there is one.
    fn flags(&self) -> Vec<Flag>;

    /// Returns the configuration in force as YAML, without secrets.
    fn config(&self) -> String;

    /// Returns how far the replay of the journal is.
    fn wal_replay(&self) -> WalReplay;

    /// Returns what is scraped.
    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }

    /// Returns the rules that are evaluated.
    fn rules(&self) -> Vec<RuleGroup> {
        Vec::new()
    }

    /// Returns the alerts that are pending or firing.
    fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }

    /// Deletes the samples of a selection; called only when the configuration allows it.
    fn delete_series(&self, selection: &Selection) -> Result<(), Error>;

    /// Makes room of what was deleted; called only when the configuration allows it.
    fn clean_tombstones(&self) -> Result<(), Error>;

    /// Makes a snapshot and returns its name; called only when the configuration allows it.
    fn snapshot(&self) -> Result<String, Error>;
}

/// A query at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct InstantQuery {
    /// PromQL.
    pub query: String,
    /// When to evaluate it.
    pub time: Millis,
    /// How far back selectors look, when the asker says so.
    pub lookback_ms: Option<i64>,
    /// How much is told about what it costs.
    pub stats: StatsDetail,
}

/// A query over a range.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeQuery {
    /// PromQL.
    pub query: String,
    /// When to evaluate it.
    pub range: TimeRange,
    /// How far back selectors look, when the asker says so.
    pub lookback_ms: Option<i64>,
    /// How much is told about what it costs.
    pub stats: StatsDetail,
}

/// Series over a range of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// A series belongs to the selection when it fulfils all matchers of one selector; without
    /// selectors every series does.
    pub selectors: Vec<Vec<Matcher>>,
    /// The first time at which a series must have samples.
    pub start: Millis,
    /// The last such time.
    pub end: Millis,
    /// How many items are wanted at most: one more than the asker's limit, so that it is seen
    /// when there are more.
    pub limit: Option<usize>,
}

/// A question for exemplars.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarQuery {
    /// PromQL, of which only the selectors count.
    pub query: String,
    /// The first time.
    pub start: Millis,
    /// The last time.
    pub end: Millis,
}

/// A series with its exemplars.
#[derive(Clone, Debug)]
pub struct SeriesExemplars {
    /// The series.
    pub labels: Labels,
    /// Its exemplars, by time.
    pub exemplars: Vec<weft_model::Exemplar>,
}
