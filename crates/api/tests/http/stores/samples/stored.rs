//! A handful of series in memory, as a source of the PromQL engine.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weft_api::Cancel;
use weft_api::prometheus::SeriesSamples;
use weft_model::{FloatHistogram, Labels, MatchOp, Matcher, Span};
use weft_promql::{Column, SelectHints, SeriesSet, Source, SourceError};

use super::{CANCELED, RUNNING};
use crate::stores::NOW;

/// A series with its samples.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) labels: Labels,
    /// Times in milliseconds and values, ascending.
    samples: Vec<(i64, Sample)>,
}

impl Stored {
    /// Returns the samples within a stretch of time.
    pub(super) fn samples_in(&self, range: &RangeInclusive<i64>) -> SeriesSamples {
        let mut found = SeriesSamples {
            labels: self.labels.clone(),
            times: Vec::new(),
            values: Vec::new(),
            histograms: Vec::new(),
        };
        for (time, sample) in self.samples.iter().filter(|(time, _)| range.contains(time)) {
            match sample {
                Sample::Float(value) => {
                    found.times.push(*time);
                    found.values.push(*value);
                }
                Sample::Histogram(value) => found.histograms.push((*time, (**value).clone())),
            }
        }
        found
    }
}

#[derive(Clone)]
enum Sample {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// Returns all series.
pub(super) fn stored() -> Vec<Stored> {
    let every_15_s = |value: fn(i64) -> f64| -> Vec<_> {
        let ticks = -20..=4;
        ticks
            .map(|tick| ((NOW + tick * 15) * 1000, Sample::Float(value(tick))))
            .collect()
    };
    let series = |pairs: &[(&str, &str)], samples| Stored {
        labels: Labels::from_pairs(pairs.iter().copied()),
        samples,
    };
    let histogram = Sample::Histogram(histogram());
    let mixed = vec![
        (0, Sample::Float(0.25)),
        (1000, Sample::Float(1e-7)),
        (2000, histogram.clone()),
    ];
    let requests = [
        ("__name__", "http_requests_total"),
        ("job", "web"),
        ("http.status", "2\"xx"),
    ];
    vec![
        series(
            &[("__name__", "up"), ("job", "node"), ("instance", "b")],
            every_15_s(|_| 1.0),
        ),
        series(
            &[("__name__", "up"), ("job", "node"), ("instance", "a")],
            every_15_s(|_| f64::NAN),
        ),
        series(&requests, every_15_s(|tick| 1000.0 + 3.0 * tick as f64)),
        series(
            &[("__name__", "latency_seconds"), ("job", "web")],
            vec![(0, histogram)],
        ),
        series(&[("__name__", "mixed")], mixed),
    ]
}

fn histogram() -> Arc<FloatHistogram> {
    Arc::new(FloatHistogram {
        count: 5.0,
        sum: 7.5,
        zero_threshold: 0.001,
        zero_count: 1.0,
        positive_spans: vec![Span { offset: 0, len: 2 }],
        positive: vec![1.0, 3.0],
        ..FloatHistogram::default()
    })
}

/// Tells whether a series fulfils all conditions; this store only compares.
pub(super) fn fulfils(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| {
        let is_equal = labels.get(&matcher.name) == matcher.value;
        match matcher.op {
            MatchOp::Equal => is_equal,
            MatchOp::NotEqual => !is_equal,
            _ => panic!("the store only compares"),
        }
    })
}

/// The store as one query sees it.
pub(super) struct Reader<'a> {
    pub(super) endless: &'a AtomicUsize,
    pub(super) cancel: &'a Cancel,
}

impl Reader<'_> {
    /// Does what the name of a metric says.
    pub(super) fn prepare(&self, name: &Matcher) -> Result<(), SourceError> {
        match name.value.as_str() {
            "endless" => self.hang(),
            "unreadable" => return Err(SourceError::new("checksum of page 7 is wrong")),
            "broken" => panic!("a store that panics"),
            _ => {}
        }
        Ok(())
    }

    /// Hangs until the query is told to give up.
    fn hang(&self) {
        self.endless.store(RUNNING, Ordering::SeqCst);
        while !self.cancel.is_canceled() {
            std::thread::yield_now();
        }
        self.endless.store(CANCELED, Ordering::SeqCst);
    }
}

impl Source for Reader<'_> {
    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        self.prepare(&matchers[0])?;
        let selected = stored()
            .into_iter()
            .filter(|series| fulfils(&series.labels, matchers));
        Ok(Box::new(Selected {
            series: selected.collect(),
            start_ms,
            end_ms,
        }))
    }
}

struct Selected {
    series: Vec<Stored>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> Labels {
        self.series[series].labels.clone()
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        let range = self.start_ms..=self.end_ms;
        for (time, sample) in self.series[series]
            .samples
            .iter()
            .filter(|s| range.contains(&s.0))
        {
            match sample {
                Sample::Float(value) => into.push(*time, *value),
                Sample::Histogram(value) => into.push_histogram(*time, Arc::clone(value)),
            }
        }
        Ok(())
    }
}
