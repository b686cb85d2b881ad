//! The samples of one test, and the rules' way to them: PromQL over a store in memory.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use weft_aggregator::rule_result;
use weft_alert::{Evaluate, EvaluateError, Found, Sample, SampleValue};
use weft_model::{Labels, Matcher, Millis};
use weft_promql::{Column, Engine, Options, QueryOptions};
use weft_promqltest::{Memory, Storage};

/// What is stored while a test runs.
pub(super) struct World {
    engine: Engine,
    samples: RefCell<Memory>,
    /// Samples that are later are not seen yet.
    now: Cell<Millis>,
}

impl World {
    /// Returns a store with these series; `interval` is the step of subqueries that name none.
    pub(super) fn new(
        series: &[(Labels, Column)],
        interval: Duration,
    ) -> Result<World, EvaluateError> {
        let mut samples = Memory::new();
        for (labels, column) in series {
            samples.append(labels, column).map_err(failed)?;
        }
        Ok(World {
            engine: Engine::new(Options {
                subquery_step_ms: i64::try_from(interval.as_millis()).unwrap_or(i64::MAX),
                ..Options::default()
            }),
            samples: RefCell::new(samples),
            now: Cell::new(Millis(i64::MIN)),
        })
    }

    /// Lets time go on.
    pub(super) fn advance(&self, now: Millis) {
        self.now.set(now);
    }
}

impl Evaluate for World {
    fn query(&self, query: &str, at: Millis) -> Result<Vec<Found>, EvaluateError> {
        let samples = self.samples.borrow();
        let seen = samples.until(self.now.get().0);
        let options = QueryOptions::default();
        let answer = self.engine.instant(&seen, query, at.0, &options);
        rule_result(answer.map_err(failed)?.value)
    }

    /// Nothing was before a test.
    fn newest(
        &self,
        _: &[Matcher],
        _: Millis,
        _: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError> {
        Ok(Vec::new())
    }

    fn store(&self, samples: &[Sample]) -> Result<(), EvaluateError> {
        let mut stored = self.samples.borrow_mut();
        for sample in samples {
            let mut column = Column::new();
            match &sample.value {
                SampleValue::Float(value) => column.push(sample.time.0, *value),
                SampleValue::Histogram(histogram) => {
                    column.push_histogram(sample.time.0, histogram.clone());
                }
            }
            stored.append(&sample.labels, &column).map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> EvaluateError {
    EvaluateError(error.to_string())
}
