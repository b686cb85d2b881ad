//! Remote-write requests into the TSDB.
//!
//! In: a request's bytes. Out: first its series as the store numbers them, which several threads
//! can do at once; then, in the order of the journal, samples in the head. What breaks a rule is
//! left out and reported. A series that was met before is found by the bytes of its labels:
//! nothing is parsed or sorted.
//! Bound: about three times the bytes of the request, between the two steps.

use weft_api::prometheus::Written;
use weft_exposition::remote_write::{Request, Sample, Series, Version};
use weft_exposition::{Faults, Malformed, Problem};
use weft_model::{Exemplar, FloatHistogram, Labels, MetricMetadata, Millis};
use weft_tsdb::{Rejected, SeriesRef, Tsdb};

use crate::drops::{Drops, LeftOut};

/// So many series are looked up together.
const GROUP: usize = 256;

/// What their keys take mostly.
const KEYS_BYTES: usize = GROUP * 256;

/// A request whose series the store knows; appending it twice changes nothing.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    samples: Vec<(SeriesRef, Millis, f64)>,
    /// Those with a start timestamp, behind their times.
    started: Vec<(SeriesRef, Millis, Millis, f64)>,
    /// With times and start timestamps.
    histograms: Vec<(SeriesRef, (Millis, Millis), FloatHistogram)>,
    exemplars: Vec<(SeriesRef, Exemplar)>,
    metadata: Vec<(String, MetricMetadata)>,
    faults: Faults,
    /// Why items with faults are left out.
    left_out: LeftOut,
    refused: Refused,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    written: Written,
    left_out: LeftOut,
    refused: Refused,
}

/// Samples and histograms that the store did not take, by reason.
#[derive(Clone, Debug, Default)]
struct Refused(Vec<(Rejected, u64)>);

impl Refused {
    fn add(&mut self, reason: Rejected, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, counted)) => *counted += count,
            None if count > 0 => self.0.push((reason, count)),
            None => {}
        }
    }
}

impl Appended {
    /// Tells whether the store refused something for this reason.
    pub(crate) fn has(&self, reason: Rejected) -> bool {
        self.refused.0.iter().any(|(known, _)| *known == reason)
    }

    /// Counts what was left out, and returns what was written.
    pub(crate) fn count(mut self, drops: &Drops) -> Written {
        self.left_out.count(drops);
        for (reason, count) in self.refused.0 {
            drops.samples(reason.as_str(), count);
            self.written.refuse(reason.to_string(), count);
        }
        self.written
    }
}

/// Looks up the series of a request, making those that are new.
pub(crate) fn prepare(version: Version, body: &[u8], tsdb: &Tsdb) -> Result<Prepared, Malformed> {
    let request = Request::parse(version, body)?;
    let counts = request.counts();
    let mut preparing = Preparing {
        tsdb,
        has_others: counts.histograms + counts.exemplars > 0,
        prepared: Prepared::default(),
        keys: Vec::with_capacity(KEYS_BYTES),
        ends: Vec::with_capacity(GROUP),
        found: Vec::with_capacity(GROUP),
        scratch: Vec::new(),
    };
    preparing.prepared.samples.reserve_exact(counts.samples);
    let mut series = request.series();
    let mut group = Vec::with_capacity(GROUP.min(counts.series));
    let mut first = 0;
    loop {
        group.clear();
        group.extend(series.by_ref().take(GROUP));
        if group.is_empty() {
            break;
        }
        preparing.group(first, &group);
        first += group.len();
    }
    let mut prepared = preparing.prepared;
    request.for_each_metadata(|metadata| {
        let known = MetricMetadata {
            kind: metadata.kind,
            help: metadata.help.to_owned(),
            unit: metadata.unit.to_owned(),
        };
        prepared.metadata.push((metadata.name.to_owned(), known));
    });
    Ok(prepared)
}

/// Tells what a request holds without storing it: what the store would not take, for whatever
/// reason of its own, is not known yet.
pub(crate) fn inspect(version: Version, body: &[u8]) -> Result<Written, Malformed> {
    let request = Request::parse(version, body)?;
    let mut written = Written::default();
    for (item, series) in request.series().enumerate() {
        if let Err(problem) = series.labels() {
            written.faults.push(item, problem);
            continue;
        }
        written.samples += series.samples().count() as u64;
        for histogram in series.histograms() {
            match histogram.decode() {
                Ok(_) => written.histograms += 1,
                Err(problem) => written.faults.push(item, problem),
            }
        }
        for exemplar in series.exemplars() {
            match exemplar.decode() {
                Ok(_) => written.exemplars += 1,
                Err(problem) => written.faults.push(item, problem),
            }
        }
    }
    Ok(written)
}

struct Preparing<'t> {
    tsdb: &'t Tsdb,
    /// Whether the request holds more than floats.
    has_others: bool,
    prepared: Prepared,
    /// The keys of a group of series, one after the other, and where each ends.
    keys: Vec<u8>,
    ends: Vec<Result<usize, Problem>>,
    found: Vec<Result<SeriesRef, Rejected>>,
    scratch: Vec<u8>,
}

impl Preparing<'_> {
    fn group(&mut self, first: usize, group: &[Series<'_, '_>]) {
        let problems = self.look_up(group);
        for (at, series) in group.iter().enumerate() {
            let problem = problems.iter().find(|(place, _)| *place == at);
            match (problem, self.found[at]) {
                (Some((_, problem)), _) => self.fault(first + at, *problem),
                (None, Ok(found)) => self.series(first + at, found, series),
                (None, Err(reason)) => {
                    let samples = series.samples().count() + series.histograms().count();
                    self.prepared.refused.add(reason, samples as u64);
                }
            }
        }
    }

    /// Finds the series of a group; returns the places of those whose labels break a rule.
    fn look_up(&mut self, group: &[Series<'_, '_>]) -> Vec<(usize, Problem)> {
        self.keys.clear();
        self.ends.clear();
        self.found.clear();
        for series in group {
            let end = series.key(&mut self.scratch).map(|key| {
                self.keys.extend_from_slice(key);
                self.keys.len()
            });
            self.ends.push(end);
        }
        let mut problems = Vec::new();
        let labels = |at: usize| match (self.ends[at], group[at].labels()) {
            (Ok(_), Ok(labels)) => labels,
            (Err(problem), _) | (_, Err(problem)) => {
                problems.push((at, problem));
                Labels::empty()
            }
        };
        let mut start = 0;
        let keys = self.ends.iter().map(|end| {
            let end = end.unwrap_or(start);
            let key = &self.keys[start..end];
            start = end;
            key
        });
        self.tsdb.intern_raw_many(keys, labels, &mut self.found);
        problems
    }

    fn series(&mut self, item: usize, found: SeriesRef, series: &Series<'_, '_>) {
        for sample in series.samples() {
            let Sample { time, start, value } = sample;
            if start == Millis(0) {
                self.prepared.samples.push((found, time, value));
            } else {
                self.prepared.started.push((found, time, start, value));
            }
        }
        if !self.has_others {
            return;
        }
        for histogram in series.histograms() {
            match histogram.decode() {
                Ok((time, decoded)) => {
                    let times = (time, histogram.start());
                    self.prepared.histograms.push((found, times, decoded));
                }
                Err(problem) => self.fault(item, problem),
            }
        }
        for exemplar in series.exemplars() {
            match exemplar.decode() {
                Ok(exemplar) => self.prepared.exemplars.push((found, exemplar)),
                Err(problem) => self.fault(item, problem),
            }
        }
    }

    fn fault(&mut self, item: usize, problem: Problem) {
        self.prepared.left_out.add(problem.reason(), 1);
        self.prepared.faults.push(item, problem);
    }
}

impl Prepared {
    /// Appends all that the store takes.
    pub(crate) fn append(&self, tsdb: &Tsdb) -> Appended {
        let mut appended = Appended {
            left_out: self.left_out.clone(),
            refused: self.refused.clone(),
            ..Appended::default()
        };
        appended.written.faults = self.faults.clone();
        let reports = [
            tsdb.append_many(&self.samples),
            tsdb.append_many_since(&self.started),
        ];
        for report in reports {
            appended.written.samples += report.taken;
            for (_, reason) in report.rejected {
                appended.refused.add(reason, 1);
            }
        }
        for (series, (time, start), histogram) in &self.histograms {
            match tsdb.append_histogram_since(*series, *time, *start, histogram.clone()) {
                Ok(()) => appended.written.histograms += 1,
                Err(reason) => appended.refused.add(reason, 1),
            }
        }
        for (series, exemplar) in &self.exemplars {
            let taken = tsdb.append_exemplar(*series, exemplar.clone());
            appended.written.exemplars += u64::from(taken.is_ok());
        }
        for (name, metadata) in &self.metadata {
            tsdb.set_metadata(name, metadata.clone());
        }
        appended
    }
}
