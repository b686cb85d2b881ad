//! A naive store in memory: all series in a map, sorted by their labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_matcher::LabelMatcher;
use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, Labels, Matcher, Span, is_stale};
use weft_promql::{Column, HistogramAt, SelectHints, SeriesSet, Source, SourceError};

use crate::Storage;

/// Everything that was loaded.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    series: BTreeMap<Labels, BTreeMap<i64, Stored>>,
}

#[derive(Clone, Debug)]
struct Stored {
    value: f64,
    histogram: Option<Arc<FloatHistogram>>,
    start: i64,
}

impl Memory {
    /// Returns an empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Returns the store as it was at a time: samples after it are not seen.
    pub fn until(&self, end_ms: i64) -> Until<'_> {
        Until {
            memory: self,
            end_ms,
        }
    }
}

/// What a [`Memory`] held at some time.
#[derive(Clone, Copy, Debug)]
pub struct Until<'a> {
    memory: &'a Memory,
    end_ms: i64,
}

impl Storage for Memory {
    fn clear(&mut self) -> anyhow::Result<()> {
        self.series.clear();
        Ok(())
    }

    fn append(&mut self, labels: &Labels, column: &Column) -> anyhow::Result<()> {
        let Some(first) = column.times.iter().min() else {
            return Ok(());
        };
        let samples = self.series.entry(labels.clone()).or_default();
        for (at, time) in column.times.iter().enumerate() {
            let stored = Stored {
                value: column.values[at],
                histogram: column.histogram(at).cloned(),
                start: column.start(at),
            };
            samples.insert(*time, stored);
        }
        let mut behind = samples.range(*first..);
        if behind.any(|(_, stored)| stored.histogram.is_some()) {
            tell_resets(samples);
        }
        Ok(())
    }

    fn source(&self) -> Box<dyn Source + '_> {
        Box::new(self.until(i64::MAX))
    }
}

/// Tells of each histogram whether it follows the one before without a counter reset, as a store
/// does that keeps histograms in runs.
fn tell_resets(samples: &mut BTreeMap<i64, Stored>) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    for stored in samples.values_mut() {
        let Some(histogram) = &stored.histogram else {
            previous = None;
            continue;
        };
        if is_stale(histogram.sum) || histogram.reset_hint == ResetHint::Gauge {
            previous = None;
            continue;
        }
        let continues = |previous: &Arc<FloatHistogram>| {
            same_kind(previous, histogram) && !has_shrunk(previous, histogram)
        };
        let told_by_writer = histogram.reset_hint == ResetHint::Reset;
        let hint = if !told_by_writer && previous.as_ref().is_some_and(continues) {
            ResetHint::NotReset
        } else {
            // What begins a run may follow on anything that is stored elsewhere.
            ResetHint::Unknown
        };
        let mut told = histogram.as_ref().clone();
        told.reset_hint = hint;
        let told = Arc::new(told);
        previous = Some(Arc::clone(&told));
        stored.histogram = Some(told);
    }
}

fn same_kind(previous: &FloatHistogram, current: &FloatHistogram) -> bool {
    previous.schema == current.schema
        && previous.zero_threshold == current.zero_threshold
        && previous.custom_bounds == current.custom_bounds
}

fn has_shrunk(previous: &FloatHistogram, current: &FloatHistogram) -> bool {
    current.count < previous.count
        || current.zero_count < previous.zero_count
        || buckets_shrunk(
            (&previous.positive_spans, &previous.positive),
            (&current.positive_spans, &current.positive),
        )
        || buckets_shrunk(
            (&previous.negative_spans, &previous.negative),
            (&current.negative_spans, &current.negative),
        )
}

fn buckets_shrunk(previous: (&[Span], &[f64]), current: (&[Span], &[f64])) -> bool {
    let current = by_index(current);
    by_index(previous)
        .iter()
        .any(|(index, count)| current.get(index).copied().unwrap_or(0.0) < *count)
}

fn by_index((spans, counts): (&[Span], &[f64])) -> BTreeMap<i32, f64> {
    let mut indices = Vec::new();
    let mut next = 0;
    for span in spans {
        next += span.offset;
        indices.extend(next..next + span.len as i32);
        next += span.len as i32;
    }
    indices.into_iter().zip(counts.iter().copied()).collect()
}

impl Source for Until<'_> {
    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let matchers = LabelMatcher::compile_all(matchers).map_err(SourceError::new)?;
        let matches = |labels: &Labels| {
            matchers
                .iter()
                .all(|matcher| matcher.matches(labels.get(matcher.name())))
        };
        let series = self
            .memory
            .series
            .iter()
            .filter(|(labels, _)| matches(labels));
        Ok(Box::new(Selection {
            series: series.collect(),
            start: start_ms,
            end: end_ms.min(self.end_ms),
        }))
    }
}

struct Selection<'a> {
    series: Vec<(&'a Labels, &'a BTreeMap<i64, Stored>)>,
    start: i64,
    end: i64,
}

impl SeriesSet for Selection<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> Labels {
        self.series[series].0.clone()
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        if self.start > self.end {
            return Ok(());
        }
        for (time, stored) in self.series[series].1.range(self.start..=self.end) {
            match &stored.histogram {
                Some(histogram) => into.push_histogram(*time, Arc::clone(histogram)),
                None => into.push(*time, stored.value),
            }
            if stored.start != 0 {
                into.set_start(stored.start);
            }
        }
        debug_assert!(
            into.histograms
                .is_sorted_by_key(|at: &HistogramAt| at.index)
        );
        Ok(())
    }
}
