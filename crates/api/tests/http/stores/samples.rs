//! Three series, and answers to the queries that the golden files ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use weft_api::prometheus::status::{
    BuildInfo, Count, Flag, HeadStats, Replay, RuntimeInfo, TsdbStatus, WalReplay,
};
use weft_api::prometheus::watch::{Alert, AlertState, Health, Rule, RuleGroup, RuleKind, Target};
use weft_api::prometheus::{
    Backend, ExemplarQuery, InstantQuery, RangeQuery, Selection, SeriesExemplars, Written,
};
use weft_api::{Cancel, Error, ErrorKind};
use weft_exposition::Faults;
use weft_exposition::remote_write::{Request, Version};
use weft_model::{
    Exemplar, FloatHistogram, Labels, MatchOp, MetricKind, MetricMetadata, Millis, Nanos, Span,
};
use weft_promql::{Answer, SampleValue, Series, Stats, Value, VectorSample};

use super::NOW;

/// The query `endless` has begun.
pub(crate) const RUNNING: usize = 1;

/// The query `endless` was told to give up.
pub(crate) const CANCELED: usize = 2;

#[derive(Default)]
pub(crate) struct Samples {
    endless: AtomicUsize,
}

impl Samples {
    /// Waits until the query `endless` has come so far.
    pub(crate) async fn endless_is(&self, state: usize) {
        while self.endless.load(Ordering::SeqCst) != state {
            tokio::task::yield_now().await;
        }
    }

    /// Runs until it is told to give up.
    fn run_endlessly(&self, cancel: &Cancel) -> Error {
        self.endless.store(RUNNING, Ordering::SeqCst);
        while !cancel.is_canceled() {
            std::thread::yield_now();
        }
        self.endless.store(CANCELED, Ordering::SeqCst);
        weft_promql::QueryError::Canceled.into()
    }
}

fn stored() -> Vec<Labels> {
    let series = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
    vec![
        series(&[("__name__", "up"), ("job", "node"), ("instance", "b")]),
        series(&[("__name__", "up"), ("job", "node"), ("instance", "a")]),
        series(&[
            ("__name__", "http_requests_total"),
            ("job", "web"),
            ("http.status", "2\"xx"),
        ]),
    ]
}

fn selected(selection: &Selection) -> Vec<Labels> {
    let fulfils = |labels: &Labels| {
        let any = selection.selectors.iter().any(|matchers| {
            matchers.iter().all(|matcher| {
                assert_eq!(matcher.op, MatchOp::Equal, "the store only compares");
                labels.get(&matcher.name) == matcher.value
            })
        });
        any || selection.selectors.is_empty()
    };
    stored().into_iter().filter(fulfils).collect()
}

fn answer(value: Value) -> Answer {
    Answer {
        value,
        warnings: Vec::new(),
        infos: Vec::new(),
        stats: Stats {
            series: 2,
            samples_read: 20,
            samples_queryable: 10,
            bytes_peak: 4096,
        },
    }
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

impl Backend for Samples {
    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let time_ms = query.time.0;
        let sample = |labels, value| VectorSample {
            labels,
            time_ms,
            value,
        };
        let value = match query.query.as_str() {
            "1+1" => Value::Scalar {
                time_ms,
                value: 2.0,
            },
            "\"text\"" => Value::String {
                time_ms,
                text: "text".to_owned(),
            },
            "up" => {
                let numbers = [1.0, f64::NAN].into_iter().map(SampleValue::Float);
                let pairs = stored().into_iter().zip(numbers);
                Value::Vector(pairs.map(|(labels, value)| sample(labels, value)).collect())
            }
            "latency_seconds" => {
                let value = SampleValue::Histogram(histogram());
                Value::Vector(vec![sample(Labels::from_pairs([("job", "web")]), value)])
            }
            "slow" => return Err(weft_promql::QueryError::Timeout.into()),
            "up * on () up" => {
                let message =
                    "found duplicate series for the match group {} on the right hand-side";
                return Err(weft_promql::QueryError::Execution(message.to_owned()).into());
            }
            "endless" => return Err(self.run_endlessly(cancel)),
            "broken" => panic!("a query that panics"),
            other => {
                weft_promql::parse(other).map_err(weft_promql::QueryError::from)?;
                Value::Vector(Vec::new())
            }
        };
        Ok(answer(value))
    }

    fn query_range(&self, query: &RangeQuery, _cancel: &Cancel) -> Result<Answer, Error> {
        let range = query.range;
        let steps = (range.start_ms..=range.end_ms).step_by(range.step_ms as usize);
        let mut floats: Vec<_> = steps
            .enumerate()
            .map(|(i, time)| (time, i as f64 / 4.0))
            .collect();
        let mut matrix = vec![Series {
            labels: stored().remove(0),
            floats: floats.clone(),
            histograms: Vec::new(),
        }];
        if query.query == "mixed" {
            let (last, _) = floats.pop().unwrap();
            matrix.push(Series {
                labels: Labels::empty(),
                floats,
                histograms: vec![(last, histogram())],
            });
        }
        let mut answer = answer(Value::Matrix(matrix));
        if query.query.starts_with("rate(up") {
            let info = "metric might not be a counter: \"up\" (1:6)";
            answer.infos.push(info.to_owned());
        }
        Ok(answer)
    }

    fn labels(&self, selection: &Selection, _cancel: &Cancel) -> Result<Vec<String>, Error> {
        let names = |labels: Labels| labels.iter().map(|(n, _)| n.to_owned()).collect::<Vec<_>>();
        Ok(selected(selection).into_iter().flat_map(names).collect())
    }

    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
        _cancel: &Cancel,
    ) -> Result<Vec<String>, Error> {
        let values = selected(selection)
            .into_iter()
            .map(|labels| labels.get(name).to_owned());
        Ok(values.filter(|value| !value.is_empty()).collect())
    }

    fn series(&self, selection: &Selection, _cancel: &Cancel) -> Result<Vec<Labels>, Error> {
        Ok(selected(selection))
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        _limit: Option<usize>,
    ) -> Result<Vec<(String, Vec<MetricMetadata>)>, Error> {
        let known = MetricMetadata {
            kind: MetricKind::Gauge,
            help: "Whether the \"target\" answers.".to_owned(),
            unit: String::new(),
        };
        let all = vec![("up".to_owned(), vec![known])];
        Ok(all
            .into_iter()
            .filter(|(name, _)| metric.is_none_or(|metric| metric == name))
            .collect())
    }

    fn exemplars(
        &self,
        _query: &ExemplarQuery,
        _cancel: &Cancel,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", "EpTxMJ40fUus7aGY")]),
            value: 6.0,
            time: Millis(1_600_096_945_479),
        };
        Ok(vec![SeriesExemplars {
            labels: stored().remove(2),
            exemplars: vec![exemplar],
        }])
    }

    fn write(&self, version: Version, body: &Bytes) -> Result<Written, Error> {
        let request = Request::parse(version, body)?;
        let mut written = Written::default();
        let mut faults = Faults::default();
        for (item, series) in request.series().enumerate() {
            match series.labels() {
                Ok(labels) if labels.get("job") == "too-much" => {
                    let wait = std::time::Duration::from_millis(1500);
                    let error =
                        Error::new(ErrorKind::Overloaded, "job \"too-much\" is over its budget");
                    return Err(error.retry_after(wait));
                }
                Ok(_) => written.samples += series.samples().count() as u64,
                Err(problem) => faults.push(item, problem),
            }
        }
        written.faults = faults;
        Ok(written)
    }

    fn tsdb_status(&self, limit: usize) -> Result<TsdbStatus, Error> {
        let count = |name: &str, value| Count {
            name: name.to_owned(),
            value,
        };
        let mut by_name = vec![count("up", 2), count("http_requests_total", 1)];
        by_name.truncate(limit);
        Ok(TsdbStatus {
            head_stats: HeadStats {
                num_series: 3,
                num_label_pairs: 7,
                chunk_count: 3,
                min_time: 0,
                max_time: NOW * 1000,
            },
            series_count_by_metric_name: by_name,
            ..TsdbStatus::default()
        })
    }

    fn runtime_info(&self) -> Result<RuntimeInfo, Error> {
        Ok(RuntimeInfo {
            start_time: Nanos(NOW * 1_000_000_000).to_string(),
            reload_config_success: true,
            storage_retention: "15d".to_owned(),
            ..RuntimeInfo::default()
        })
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo {
            version: "3.14.0".to_owned(),
            ..BuildInfo::default()
        }
    }

    fn flags(&self) -> Vec<Flag> {
        let flag = |name: &str, value: &str| Flag {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        vec![
            flag("storage.tsdb.retention.time", "15d"),
            flag("query.timeout", "2m"),
        ]
    }

    fn config(&self) -> String {
        "retention: 15d\n".to_owned()
    }

    fn wal_replay(&self) -> WalReplay {
        WalReplay {
            min: 2,
            max: 5,
            current: 4,
            progress: Replay::Running,
        }
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target {
            labels: Labels::from_pairs([("job", "node")]),
            discovered_labels: Labels::from_pairs([("__address__", "a:9100")]),
            pool: "node".to_owned(),
            url: "http://a:9100/metrics".to_owned(),
            health: Health::Bad,
            last_error: "connection refused".to_owned(),
            last_scrape: Nanos(NOW * 1_000_000_000),
            last_scrape_seconds: 0.25,
            interval: "15s".to_owned(),
            timeout: "10s".to_owned(),
        }]
    }

    fn rules(&self) -> Vec<RuleGroup> {
        let rule = |name: &str, kind| Rule {
            name: name.to_owned(),
            query: "up == 0".to_owned(),
            labels: Labels::empty(),
            health: Health::Good,
            last_error: String::new(),
            last_evaluation: Nanos(NOW * 1_000_000_000),
            evaluation_seconds: 0.001,
            kind,
        };
        let alerting = RuleKind::Alerting {
            for_seconds: 300.0,
            keep_firing_for_seconds: 0.0,
            annotations: Labels::from_pairs([("summary", "It is down.")]),
            alerts: self.alerts(),
        };
        vec![RuleGroup {
            name: "node".to_owned(),
            file: "node.yml".to_owned(),
            interval_seconds: 60.0,
            last_evaluation: Nanos(NOW * 1_000_000_000),
            evaluation_seconds: 0.002,
            rules: vec![
                rule("TargetDown", alerting),
                rule("job:up:sum", RuleKind::Recording),
            ],
        }]
    }

    fn alerts(&self) -> Vec<Alert> {
        vec![Alert {
            labels: Labels::from_pairs([("alertname", "TargetDown")]),
            annotations: Labels::empty(),
            state: AlertState::Firing,
            active_at: Nanos(NOW * 1_000_000_000),
            value: 0.0,
        }]
    }

    fn delete_series(&self, _selection: &Selection) -> Result<(), Error> {
        Ok(())
    }

    fn clean_tombstones(&self) -> Result<(), Error> {
        Ok(())
    }

    fn snapshot(&self) -> Result<String, Error> {
        Ok("20231114T221320Z-0001".to_owned())
    }
}
