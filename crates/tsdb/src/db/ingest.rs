//! Where samples enter, and what comes with them: metadata.
//!
//! In: series, samples, what is known of metrics. Out: counted results. Bound: the head's budgets;
//! so many metadata and offenders as are allowed.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use weft_model::{FloatHistogram, Labels, METRIC_NAME, MetricMetadata, Millis};

use super::Inner;
use crate::error::Rejected;
use crate::head::{AppendReport, Point, SeriesRef};
use crate::status::Drop;

/// How many offenders are told apart; the others are counted together.
const OFFENDERS_MAX: usize = 1000;

/// Refusals by reason and offender.
#[derive(Default)]
pub(crate) struct Drops(BTreeMap<(Rejected, String), u64>);

impl Drops {
    fn add(&mut self, reason: Rejected, offender: &str, count: u64) {
        let mut key = (reason, offender.to_owned());
        if !self.0.contains_key(&key) && self.0.len() >= OFFENDERS_MAX {
            key.1.clear();
        }
        *self.0.entry(key).or_default() += count;
    }

    /// Returns them, most first.
    pub(crate) fn list(&self) -> Vec<Drop> {
        let drop = |((reason, offender), count): (&(Rejected, String), &u64)| Drop {
            reason: *reason,
            offender: offender.clone(),
            count: *count,
        };
        let mut list: Vec<Drop> = self.0.iter().map(drop).collect();
        list.sort_by_key(|drop| std::cmp::Reverse(drop.count));
        list
    }
}

/// What is known of metrics.
#[derive(Default)]
pub(crate) struct Metadata {
    pub(crate) by_metric: BTreeMap<String, MetricMetadata>,
    /// Whether a file does not have it all.
    pub(crate) changed: bool,
}

impl Inner {
    pub(super) fn metadata_kept(&self) -> MutexGuard<'_, Metadata> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn drops(&self) -> MutexGuard<'_, Drops> {
        self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn intern(&self, labels: &Labels) -> Result<SeriesRef, Rejected> {
        let result = self.head.intern(labels, &self.config);
        result.inspect_err(|reason| self.count_series_drop(*reason, labels))
    }

    pub(super) fn intern_raw(
        &self,
        key: &[u8],
        labels: impl FnOnce() -> Labels,
    ) -> Result<SeriesRef, Rejected> {
        let mut refused = Labels::empty();
        let keep = || {
            let labels = labels();
            refused = labels.clone();
            labels
        };
        let result = self.head.intern_raw(key, keep, &self.config);
        result.inspect_err(|reason| self.count_series_drop(*reason, &refused))
    }

    pub(super) fn intern_raw_many<'k>(
        &self,
        keys: impl Iterator<Item = &'k [u8]>,
        mut labels: impl FnMut(usize) -> Labels,
        out: &mut Vec<Result<SeriesRef, Rejected>>,
    ) {
        let from = out.len();
        // The labels tell who is to blame for a refusal.
        let mut made = Vec::new();
        let keep = |at: usize| {
            let labels = labels(at);
            made.push((at, labels.clone()));
            labels
        };
        self.head.intern_raw_many(keys, keep, &self.config, out);
        for (at, labels) in &made {
            if let Some(Err(reason)) = out.get(from + at) {
                self.count_series_drop(*reason, labels);
            }
        }
    }

    fn count_series_drop(&self, reason: Rejected, labels: &Labels) {
        let offender = match reason {
            Rejected::MetricBudget | Rejected::StoreBudget => labels.get(METRIC_NAME),
            Rejected::TargetBudget => labels.get(&self.config.budgets.target_label),
            _ => "",
        };
        self.drops().add(reason, offender, 1);
    }

    pub(super) fn append(&self, samples: impl Iterator<Item = (SeriesRef, Point)>) -> AppendReport {
        let admission = self.admission();
        let mut touched = self.changes.touched(admission.earliest, admission.latest);
        let samples = samples.inspect(|(_, point)| touched.add(point.time));
        let report = self.head.append(samples, admission);
        self.changes.note(&touched);
        self.count(&report);
        report
    }

    pub(super) fn append_histogram(
        &self,
        series: SeriesRef,
        (time, start): (Millis, Millis),
        histogram: FloatHistogram,
    ) -> AppendReport {
        let admission = self.admission();
        let report = self
            .head
            .append_histogram(series, (time.0, start.0), histogram, admission);
        let mut touched = self.changes.touched(admission.earliest, admission.latest);
        touched.add(time.0);
        self.changes.note(&touched);
        self.count(&report);
        report
    }

    fn count(&self, report: &AppendReport) {
        self.counters
            .appended
            .fetch_add(report.taken, Ordering::Relaxed);
        self.counters
            .out_of_order
            .fetch_add(report.out_of_order, Ordering::Relaxed);
        self.counters
            .repeated
            .fetch_add(report.repeated, Ordering::Relaxed);
        if report.rejected.is_empty() {
            return;
        }
        let mut drops = self.drops();
        let by_reason = |known: &mut BTreeMap<Rejected, u64>, reason: Rejected| {
            *known.entry(reason).or_default() += 1;
        };
        let mut counts = BTreeMap::new();
        report
            .rejected
            .iter()
            .for_each(|(_, reason)| by_reason(&mut counts, *reason));
        // A stale reference is renewed by the caller: nothing is lost by it.
        counts.remove(&Rejected::Stale);
        counts
            .into_iter()
            .for_each(|(reason, count)| drops.add(reason, "", count));
    }

    pub(super) fn set_metadata(&self, metric: &str, metadata: MetricMetadata) -> bool {
        let mut kept = self.metadata_kept();
        let full = kept.by_metric.len() >= self.config.metadata_max;
        match kept.by_metric.get_mut(metric) {
            Some(known) if *known == metadata => return true,
            Some(known) => *known = metadata,
            None if full => return false,
            None => {
                kept.by_metric.insert(metric.to_owned(), metadata);
            }
        }
        kept.changed = true;
        true
    }

    pub(super) fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Vec<(String, MetricMetadata)> {
        let kept = self.metadata_kept();
        let owned = |(name, known): (&String, &MetricMetadata)| (name.clone(), known.clone());
        match metric {
            Some(metric) => kept
                .by_metric
                .get_key_value(metric)
                .map(owned)
                .into_iter()
                .collect(),
            None => kept.by_metric.iter().take(limit).map(owned).collect(),
        }
    }
}
