//! What a scrape of node_exporter would tell of itself: `up`, `scrape_*`, the fate of collectors.

use std::time::Duration;

use weft_model::MetricKind;

use super::TickReport;
use super::recorder::{Recorder, Series};
use super::sampler::SampleError;

const COLLECTOR_SECONDS: &str = "node_scrape_collector_duration_seconds";
const COLLECTOR_SECONDS_HELP: &str = "Duration of a collector scrape.";
const COLLECTOR_SUCCESS: &str = "node_scrape_collector_success";
const COLLECTOR_SUCCESS_HELP: &str = "Whether a collector succeeded.";

/// The metrics of the tick itself, with what they mean.
const WHOLE: [(&str, &str); 5] = [
    ("up", "Whether the target could be read."),
    (
        "scrape_duration_seconds",
        "How long it took to read the target.",
    ),
    ("scrape_samples_scraped", "How many samples the target had."),
    (
        "scrape_samples_post_metric_relabeling",
        "How many samples were kept.",
    ),
    ("scrape_series_added", "How many series were new."),
];

/// Reports on the ticks of one target.
#[derive(Debug)]
pub(super) struct Scrape {
    collectors: Vec<Collector>,
    whole: Vec<Series>,
}

#[derive(Debug)]
struct Collector {
    name: &'static str,
    series: Option<[Series; 2]>,
    failing: bool,
}

impl Scrape {
    /// Returns a report on the collectors of these names.
    pub(super) fn new(names: impl Iterator<Item = &'static str>) -> Scrape {
        let collectors = names.map(|name| Collector {
            name,
            series: None,
            failing: false,
        });
        Scrape {
            collectors: collectors.collect(),
            whole: Vec::new(),
        }
    }

    /// Notes how the collector number `at` fared; logs when that changes.
    pub(super) fn note(
        &mut self,
        out: &mut Recorder,
        at: usize,
        took: Duration,
        result: Result<(), SampleError>,
    ) {
        let collector = &mut self.collectors[at];
        let [seconds, success] = collector.series.get_or_insert_with(|| {
            let labels = [("collector", collector.name)];
            let mut gauge = |name, help| out.define(name, MetricKind::Gauge, help, &labels);
            [
                gauge(COLLECTOR_SECONDS, COLLECTOR_SECONDS_HELP),
                gauge(COLLECTOR_SUCCESS, COLLECTOR_SUCCESS_HELP),
            ]
        });
        out.set(seconds, took.as_secs_f64());
        out.set(success, f64::from(u8::from(result.is_ok())));
        log_change(collector.name, collector.failing, &result);
        collector.failing = result.is_err();
    }

    /// Ends the report on a tick.
    pub(super) fn finish(&mut self, out: &mut Recorder, report: &TickReport) {
        if self.whole.is_empty() {
            let define =
                |(name, help): &(&str, &str)| out.define(name, MetricKind::Gauge, help, &[]);
            self.whole = WHOLE.iter().map(define).collect();
        }
        let samples = report.samples as f64;
        let values = [
            1.0,
            report.took.as_secs_f64(),
            samples,
            samples,
            report.added as f64,
        ];
        for (series, value) in self.whole.iter().zip(values) {
            out.set(series, value);
        }
    }
}

fn log_change(collector: &str, was_failing: bool, result: &Result<(), SampleError>) {
    match result {
        Err(error @ SampleError::Absent { .. }) if !was_failing => {
            tracing::debug!(collector, %error, "nothing to sample");
        }
        Err(error) if !was_failing => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(collector, %error, cause, "sampler fails");
        }
        Ok(()) if was_failing => tracing::info!(collector, "sampler works again"),
        _ => {}
    }
}
