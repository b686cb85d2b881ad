//! The store: the head, the parts, and what holds them together.
//!
//! In: samples, questions, and now and then the time. Out: samples. The store starts no thread and
//! reads no clock: whoever has it calls [`Tsdb::flush`] and [`Tsdb::maintain`] from a thread of
//! its own. These two, deletions and snapshots exclude each other; appending and reading go on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_disk::Disk;
use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, MetricMetadata, Millis};

mod count;
mod delete;
mod exemplars;
mod expiry;
mod flush;
mod ingest;
mod maintain;
mod merge;
mod names;
mod open;
mod parts;
mod retention;
mod snapshot;
mod status;

pub(crate) use exemplars::listed;
pub(crate) use expiry::earliest_of;
pub(crate) use open::{FINISHED, SET_ASIDE, ends, part_path};

use crate::cache::Cache;
use crate::changes::{ChangeMark, Changes};
use crate::config::Config;
use crate::error::{ReadError, Rejected};
use crate::head::exemplars::Exemplars;
use crate::head::{Admission, AppendReport, Head, Point, SeriesRef};
use crate::selection::Selection;
use crate::view::Views;
use ingest::{Drops, Metadata};
use maintain::Maintenance;

/// A store of samples.
#[derive(Clone)]
pub struct Tsdb {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Tsdb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tsdb")
            .field("dir", &self.inner.dir)
            .finish_non_exhaustive()
    }
}

/// What the store and its selections share.
pub(crate) struct Inner {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) head: Head,
    pub(crate) views: Views,
    pub(crate) cache: Arc<Cache>,
    pub(crate) maintenance: Mutex<Maintenance>,
    /// The latest time that the store was told.
    now: AtomicI64,
    counters: Counters,
    pub(crate) changes: Changes,
    deletions_pending: AtomicUsize,
    drops: Mutex<Drops>,
    metadata: Mutex<Metadata>,
    exemplars: Mutex<Exemplars>,
    /// The time before which exemplars are given no more, because there were too many.
    exemplars_from: AtomicI64,
}

#[derive(Default)]
struct Counters {
    appended: AtomicU64,
    out_of_order: AtomicU64,
    repeated: AtomicU64,
    set_aside: AtomicU64,
    exemplars_dropped: AtomicU64,
}

impl Inner {
    pub(crate) fn maintenance(&self) -> MutexGuard<'_, Maintenance> {
        self.maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, now: Millis) {
        self.now.fetch_max(now.0, Ordering::Relaxed);
    }

    pub(crate) fn admission(&self) -> Admission {
        let now = self.now.load(Ordering::Relaxed);
        Admission {
            now,
            earliest: now.saturating_sub(self.config.longest_retention_millis()),
            latest: now.saturating_add(self.config.future_max_millis),
        }
    }
}

impl Tsdb {
    /// Returns the reference by which samples of a series are appended. A new series is made if
    /// the budgets allow.
    pub fn intern(&self, labels: &Labels) -> Result<SeriesRef, Rejected> {
        self.inner.intern(labels)
    }

    /// Does what [`Tsdb::intern`] does, for a series in the bytes in which its sender names it:
    /// `labels` is called only if the bytes are not known. Equal bytes must mean equal labels.
    pub fn intern_raw(
        &self,
        key: &[u8],
        labels: impl FnOnce() -> Labels,
    ) -> Result<SeriesRef, Rejected> {
        self.inner.intern_raw(key, labels)
    }

    /// Does what [`Tsdb::intern_raw`] does for many keys, and faster where they come in the order in
    /// which their series were made, as they do from one sender. Appends one result for each key
    /// to `out`; `labels` gives the labels of the key at a place.
    pub fn intern_raw_many<'k>(
        &self,
        keys: impl Iterator<Item = &'k [u8]>,
        labels: impl FnMut(usize) -> Labels,
        out: &mut Vec<Result<SeriesRef, Rejected>>,
    ) {
        self.inner.intern_raw_many(keys, labels, out);
    }

    /// Appends a sample, at any time that the retention admits. Where the series has a sample at
    /// that time, an equal one changes nothing and a different one takes its place.
    pub fn append(&self, series: SeriesRef, time: Millis, value: f64) -> Result<(), Rejected> {
        self.append_since(series, time, Millis(0), value)
    }

    /// Does what [`Tsdb::append`] does, with the start timestamp of the sample, which is 0 if there
    /// is none: the time at which what it counts began.
    pub fn append_since(
        &self,
        series: SeriesRef,
        time: Millis,
        start: Millis,
        value: f64,
    ) -> Result<(), Rejected> {
        let point = point(time, start, value);
        first_fault(self.inner.append([(series, point)].into_iter()))
    }

    /// Does what [`Tsdb::append_many`] does, with start timestamps behind the times.
    pub fn append_many_since(&self, samples: &[(SeriesRef, Millis, Millis, f64)]) -> AppendReport {
        let samples = samples.iter();
        self.inner.append(
            samples.map(|(series, time, start, value)| (*series, point(*time, *start, *value))),
        )
    }

    /// Appends samples of any series; best in the order in which the series were interned.
    /// Samples are taken or refused one by one.
    pub fn append_many(&self, samples: &[(SeriesRef, Millis, f64)]) -> AppendReport {
        self.inner.append(
            samples
                .iter()
                .map(|(series, time, value)| (*series, point(*time, Millis(0), *value))),
        )
    }

    /// Appends one sample of each series, all at one time.
    ///
    /// # Panics
    ///
    /// If there are not as many values as series.
    pub fn append_tick(&self, time: Millis, series: &[SeriesRef], values: &[f64]) -> AppendReport {
        assert_eq!(
            series.len(),
            values.len(),
            "a tick has a value for each series"
        );
        self.inner.append(
            series
                .iter()
                .zip(values)
                .map(|(series, value)| (*series, point(time, Millis(0), *value))),
        )
    }

    /// Appends a native histogram.
    pub fn append_histogram(
        &self,
        series: SeriesRef,
        time: Millis,
        histogram: FloatHistogram,
    ) -> Result<(), Rejected> {
        self.append_histogram_since(series, time, Millis(0), histogram)
    }

    /// Does what [`Tsdb::append_histogram`] does, with the histogram's start timestamp.
    pub fn append_histogram_since(
        &self,
        series: SeriesRef,
        time: Millis,
        start: Millis,
        histogram: FloatHistogram,
    ) -> Result<(), Rejected> {
        let times = (time, start);
        first_fault(self.inner.append_histogram(series, times, histogram))
    }

    /// Keeps what is known of a metric, in place of what was known before. Beyond
    /// [`Config::metadata_max`] metrics, new ones are not taken: then this returns false.
    pub fn set_metadata(&self, metric: &str, metadata: MetricMetadata) -> bool {
        self.inner.set_metadata(metric, metadata)
    }

    /// Returns what is known of one metric, or of all, ascending by name and at most `limit`.
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<(String, MetricMetadata)> {
        self.inner.metadata(metric, limit)
    }

    /// Returns the present place in the order of changes: what is read from now on holds all
    /// changes up to it.
    pub fn change_mark(&self) -> ChangeMark {
        self.inner.changes.mark()
    }

    /// Returns the first time from `start` to `end` from which on samples may have been added,
    /// replaced or removed since a mark; nothing if all is as it was. Samples that only age out
    /// are not told: see [`Tsdb::horizon`].
    pub fn first_change_since(
        &self,
        mark: ChangeMark,
        start: Millis,
        end: Millis,
    ) -> Option<Millis> {
        self.inner.changes.first_since(mark, start.0, end.0)
    }

    /// Returns the time from which on no sample is too old to be kept at `now`.
    pub fn horizon(&self, now: Millis) -> Millis {
        let latest = self.inner.admission().now.max(now.0);
        Millis(latest.saturating_sub(self.inner.config.shortest_retention_millis()))
    }

    /// Returns the series that fulfil all matchers and may have samples from `start` to `end`,
    /// both included.
    pub fn select(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
    ) -> Result<Selection, ReadError> {
        let earliest = self.inner.admission().earliest;
        Selection::select(self.inner.clone(), matchers, start.0.max(earliest), end.0)
    }
}

fn point(time: Millis, start: Millis, value: f64) -> Point {
    Point {
        time: time.0,
        start: start.0,
        value,
    }
}

fn first_fault(report: AppendReport) -> Result<(), Rejected> {
    match report.rejected.first() {
        Some((_, reason)) => Err(*reason),
        None => Ok(()),
    }
}
