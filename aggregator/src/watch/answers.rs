//! The store as rules use it: PromQL over its samples, and a way in for what rules make.
//!
//! What rules make is written as a remote-write request, so that it is journaled, replayed and
//! counted like any other. Bound: [`WRITE_MAX`] samples in a request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use weft_alert::{Evaluate, EvaluateError, Found, Sample, SampleValue};
use weft_api::prometheus::Received;
use weft_exposition::remote_write::{Outgoing, Version};
use weft_matcher::LabelMatcher;
use weft_model::{Labels, Matcher, Millis};
use weft_promql::{Budget, Cancel, Engine, Interrupt, Limits, Options, QueryOptions, Value};
use weft_tsdb::Newest;

use crate::config::Config;
use crate::query::SampleSource;
use crate::store::{Store, chain};

/// The most samples of one write.
const WRITE_MAX: usize = 5000;

/// Answers from a store.
pub(super) struct Answers {
    store: Arc<Store>,
    engine: Engine,
    limits: Limits,
    budget: Arc<Budget>,
    timeout: Duration,
    stopping: Arc<AtomicBool>,
}

impl Answers {
    pub(super) fn new(
        (store, budget): (Arc<Store>, Arc<Budget>),
        config: &Config,
        stopping: Arc<AtomicBool>,
    ) -> Answers {
        let query = &config.query;
        let lookback_ms = i64::try_from(query.lookback.as_millis()).unwrap_or(i64::MAX);
        Answers {
            store,
            engine: Engine::new(Options {
                lookback_ms,
                ..Options::default()
            }),
            limits: Limits {
                samples_max: query.samples_max,
                bytes_max: query.bytes_max,
                ..Limits::default()
            },
            budget,
            timeout: query.timeout,
            stopping,
        }
    }

    /// Tells whether what was stored before the start is still being read.
    pub(super) fn is_replaying(&self) -> bool {
        self.store.replaying()
    }
}

impl Evaluate for Answers {
    fn query(&self, query: &str, at: Millis) -> Result<Vec<Found>, EvaluateError> {
        let deadline = Deadline {
            at: Instant::now() + self.timeout,
            stopping: &self.stopping,
        };
        let options = QueryOptions {
            limits: self.limits,
            budget: Some(Arc::clone(&self.budget)),
            cancel: &deadline,
            ..QueryOptions::default()
        };
        let source = SampleSource::new(&self.store.tsdb);
        let answer = self.engine.instant(&source, query, at.0, &options);
        rule_result(answer.map_err(|error| failed(&error))?.value)
    }

    fn newest(
        &self,
        matchers: &[Matcher],
        from: Millis,
        to: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError> {
        let compiled = LabelMatcher::compile_all(matchers).map_err(|error| failed(&error))?;
        let selected = self.store.tsdb.select(&compiled, from, to);
        let selection = selected.map_err(|error| failed(&error))?;
        let mut found = Vec::new();
        for series in 0..selection.len() {
            let newest = selection
                .newest(series, to, from)
                .map_err(|error| failed(&error))?;
            let (time, value) = match newest {
                Newest::None => continue,
                Newest::Float(time, value) | Newest::Started(time, value) => (time, value),
                Newest::Histogram(time) => (time, f64::NAN),
            };
            let labels = selection.labels(series).map_err(|error| failed(&error))?;
            found.push((labels, Millis(time), value));
        }
        Ok(found)
    }

    fn store(&self, samples: &[Sample]) -> Result<(), EvaluateError> {
        for run in samples.chunks(WRITE_MAX) {
            let mut request = Outgoing::default();
            for sample in run {
                match &sample.value {
                    SampleValue::Float(value) => {
                        request.push(&sample.labels, sample.time, *value);
                    }
                    SampleValue::Histogram(histogram) => {
                        request.push_histogram(&sample.labels, sample.time, histogram);
                    }
                }
            }
            self.write(run.len(), request)?;
        }
        Ok(())
    }
}

impl Answers {
    fn write(&self, samples: usize, request: Outgoing) -> Result<(), EvaluateError> {
        let received = Received {
            version: Version::One,
            body: Bytes::from(request.into_bytes()),
            snappy: None,
        };
        let written = self.store.take_remote_write(received);
        let written = written.map_err(|error| failed(&error))?;
        let taken = written.samples + written.histograms;
        match (samples as u64).checked_sub(taken) {
            None | Some(0) => Ok(()),
            Some(lost) => Err(EvaluateError(format!(
                "{lost} of {samples} samples were not taken by the store"
            ))),
        }
    }
}

/// Returns the elements of a query's value as rules take them.
///
/// Fails for a value that is neither a vector nor a scalar.
pub fn rule_result(value: Value) -> Result<Vec<Found>, EvaluateError> {
    match value {
        Value::Vector(samples) => Ok(samples.into_iter().map(found).collect()),
        Value::Scalar { value, .. } => Ok(vec![Found {
            labels: Labels::empty(),
            value: SampleValue::Float(value),
        }]),
        Value::String { .. } | Value::Matrix(_) => {
            let message = "rule result is not a vector or scalar";
            Err(EvaluateError(message.to_owned()))
        }
    }
}

fn found(sample: weft_promql::VectorSample) -> Found {
    let value = match sample.value {
        weft_promql::SampleValue::Float(value) => SampleValue::Float(value),
        weft_promql::SampleValue::Histogram(histogram) => SampleValue::Histogram(histogram),
    };
    Found {
        labels: sample.labels,
        value,
    }
}

fn failed(error: &dyn std::error::Error) -> EvaluateError {
    EvaluateError(chain(error))
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// Ends a query whose time is over, or when the process stops.
struct Deadline<'a> {
    at: Instant,
    stopping: &'a AtomicBool,
}

impl Cancel for Deadline<'_> {
    fn interrupted(&self) -> Option<Interrupt> {
        if self.stopping.load(Relaxed) {
            return Some(Interrupt::Canceled);
        }
        (Instant::now() >= self.at).then_some(Interrupt::Timeout)
    }
}
