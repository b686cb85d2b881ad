//! A handful of series, asked by the real PromQL engine.

mod stored;
mod watched;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use weft_api::prometheus::status::{
    Block, BlockCompaction, BlockStats, BuildInfo, Count, DroppedSeries, Flag, HeadStats, Replay,
    RuntimeInfo, TsdbStatus, WalReplay,
};
use weft_api::prometheus::watch::{Alert, Health, RuleGroup, Target};
use weft_api::prometheus::{
    Backend, ExemplarQuery, InstantQuery, RangeQuery, Received, Selection, SeriesExemplars,
    SeriesSamples, Written,
};
use weft_api::{Cancel, Error, ErrorKind};
use weft_exposition::remote_write::Request;
use weft_exposition::{Faults, remote_read};
use weft_model::{Exemplar, Labels, MetricKind, MetricMetadata, Millis, Nanos};
use weft_promql::{Answer, Engine, QueryOptions, StatsDetail};

use super::NOW;
use stored::{Reader, fulfils, stored};

/// The query `endless` has begun.
pub(crate) const RUNNING: usize = 1;

/// The query `endless` was told to give up.
pub(crate) const CANCELED: usize = 2;

#[derive(Default)]
pub(crate) struct Samples {
    endless: AtomicUsize,
    caveat: Option<String>,
}

impl Samples {
    /// Returns a store that says that something may be missing.
    pub(crate) fn with_caveat(caveat: &str) -> Samples {
        Samples {
            caveat: Some(caveat.to_owned()),
            ..Samples::default()
        }
    }

    fn reader<'a>(&'a self, cancel: &'a Cancel) -> Reader<'a> {
        let endless = &self.endless;
        Reader { endless, cancel }
    }

    /// Waits until the query `endless` does not run, which it may not have begun to.
    pub(crate) async fn endless_is_over(&self) {
        while self.endless.load(Ordering::SeqCst) == RUNNING {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the query `endless` has come so far.
    pub(crate) async fn endless_is(&self, state: usize) {
        while self.endless.load(Ordering::SeqCst) != state {
            tokio::task::yield_now().await;
        }
    }
}

fn options(lookback_ms: Option<i64>, stats: StatsDetail, cancel: &Cancel) -> QueryOptions<'_> {
    QueryOptions {
        lookback_ms,
        stats,
        cancel,
        ..QueryOptions::default()
    }
}

fn selected(selection: &Selection) -> Vec<Labels> {
    let all = stored().into_iter().map(|series| series.labels);
    let any = |labels: &Labels| {
        let mut selectors = selection.selectors.iter();
        selectors.any(|matchers| fulfils(labels, matchers)) || selection.selectors.is_empty()
    };
    all.filter(any).collect()
}

impl Backend for Samples {
    fn caveat(&self) -> Option<String> {
        self.caveat.clone()
    }

    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let reader = self.reader(cancel);
        let options = options(query.lookback_ms, query.stats, cancel);
        Ok(Engine::default().instant(&reader, &query.query, query.time.0, &options)?)
    }

    fn query_range(&self, query: &RangeQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let reader = self.reader(cancel);
        let options = options(query.lookback_ms, query.stats, cancel);
        Ok(Engine::default().range(&reader, &query.query, query.range, &options)?)
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
            labels: stored().remove(2).labels,
            exemplars: vec![exemplar],
        }])
    }

    fn read(
        &self,
        query: &remote_read::Query,
        cancel: &Cancel,
        take: &mut dyn FnMut(SeriesSamples) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let reader = self.reader(cancel);
        let range = query.start.0..=query.end.0;
        reader
            .prepare(&query.matchers[0])
            .map_err(|error| Error::internal(&error))?;
        let mut found = stored();
        found.retain(|series| fulfils(&series.labels, &query.matchers));
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        for series in found {
            if take(series.samples_in(&range)).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, received: Received) -> Result<Written, Error> {
        let request = Request::parse(received.version, &received.body)?;
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
                Ok(labels) if labels.get("job") == "old" => {
                    let count = series.samples().count() as u64;
                    written.refuse("append sample: the time lies before the retention", count);
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
            dropped_series: vec![DroppedSeries {
                reason: "metric_budget".to_owned(),
                offender: "up".to_owned(),
                count: 4,
            }],
            ..TsdbStatus::default()
        })
    }

    fn blocks(&self) -> Result<Vec<Block>, Error> {
        Ok(vec![Block {
            ulid: "0000000000000007".to_owned(),
            min_time: 0,
            max_time: 1001,
            stats: BlockStats {
                num_samples: 12,
                num_series: 3,
                num_bytes: 4096,
            },
            compaction: BlockCompaction {
                level: 2,
                sources: vec!["0000000000000005".to_owned(), "0000000000000006".to_owned()],
            },
            version: 1,
        }])
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
        watched::groups()
    }

    fn alerts(&self) -> Vec<Alert> {
        watched::alerts()
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
