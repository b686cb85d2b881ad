//! Remote-write requests into the TSDB.
//!
//! In: a request's bytes. Out: samples in the head; what breaks a rule is left out and reported.
//! A series that was met before is found by the bytes of its labels: nothing is parsed or sorted.

use weft_api::prometheus::Written;
use weft_exposition::remote_write::{Request, Series, Version};
use weft_exposition::{Malformed, Problem};
use weft_model::{Labels, MetricMetadata, Millis};
use weft_tsdb::{Rejected, SeriesRef, Tsdb};

use crate::drops::Drops;

/// Samples are appended in runs of this many.
const RUN: usize = 1024;

/// Stores all that a request holds.
pub(crate) fn store(
    version: Version,
    body: &[u8],
    tsdb: &Tsdb,
    drops: &Drops,
) -> Result<Written, Malformed> {
    let request = Request::parse(version, body)?;
    let mut writing = Writing {
        tsdb,
        drops,
        written: Written::default(),
        run: Vec::with_capacity(RUN),
    };
    let mut scratch = Vec::new();
    for (item, series) in request.series().enumerate() {
        writing.series(item, &series, &mut scratch);
    }
    writing.append_run();
    request.for_each_metadata(|metadata| {
        let known = MetricMetadata {
            kind: metadata.kind,
            help: metadata.help.to_owned(),
            unit: metadata.unit.to_owned(),
        };
        tsdb.set_metadata(metadata.name, known);
    });
    Ok(writing.written)
}

struct Writing<'a> {
    tsdb: &'a Tsdb,
    drops: &'a Drops,
    written: Written,
    run: Vec<(SeriesRef, Millis, f64)>,
}

impl Writing<'_> {
    fn series(&mut self, item: usize, series: &Series<'_, '_>, scratch: &mut Vec<u8>) {
        let at = match self.find(series, scratch) {
            Ok(at) => at,
            Err(refusal) => return self.refuse(item, series, refusal),
        };
        for sample in series.samples() {
            self.run.push((at, sample.time, sample.value));
            if self.run.len() == RUN {
                self.append_run();
            }
        }
        for histogram in series.histograms() {
            match histogram.decode() {
                Ok((time, histogram)) => match self.tsdb.append_histogram(at, time, histogram) {
                    Ok(()) => self.written.histograms += 1,
                    Err(reason) => self.reject(reason, 1),
                },
                Err(problem) => self.fault(item, problem),
            }
        }
        for exemplar in series.exemplars() {
            match exemplar.decode() {
                Ok(exemplar) => {
                    if self.tsdb.append_exemplar(at, exemplar).is_ok() {
                        self.written.exemplars += 1;
                    }
                }
                Err(problem) => self.fault(item, problem),
            }
        }
    }

    fn find(&self, series: &Series<'_, '_>, scratch: &mut Vec<u8>) -> Result<SeriesRef, Refusal> {
        let key = series.key(scratch).map_err(Refusal::Problem)?;
        let mut problem = None;
        let labels = || match series.labels() {
            Ok(labels) => labels,
            Err(found) => {
                problem = Some(found);
                Labels::empty()
            }
        };
        let found = self.tsdb.intern_raw(key, labels);
        match (problem, found) {
            (Some(problem), _) => Err(Refusal::Problem(problem)),
            (None, found) => found.map_err(Refusal::Rejected),
        }
    }

    fn refuse(&mut self, item: usize, series: &Series<'_, '_>, refusal: Refusal) {
        match refusal {
            Refusal::Problem(problem) => self.fault(item, problem),
            Refusal::Rejected(reason) => {
                let samples = series.samples().count() + series.histograms().count();
                self.reject(reason, samples as u64);
            }
        }
    }

    fn fault(&mut self, item: usize, problem: Problem) {
        self.drops.samples(problem.reason(), 1);
        self.written.faults.push(item, problem);
    }

    fn reject(&mut self, reason: Rejected, samples: u64) {
        if samples > 0 {
            self.drops.samples(reason.as_str(), samples);
            self.written.refuse(reason.to_string(), samples);
        }
    }

    fn append_run(&mut self) {
        let report = self.tsdb.append_many(&self.run);
        self.written.samples += report.taken;
        for (_, reason) in report.rejected {
            self.reject(reason, 1);
        }
        self.run.clear();
    }
}

enum Refusal {
    Problem(Problem),
    Rejected(Rejected),
}
