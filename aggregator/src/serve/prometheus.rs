//! Prometheus's API over the TSDB.

mod read;
mod rules;
mod settings;
mod targets;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use weft_api::prometheus::status::{
    Block, BlockCompaction, BlockStats, BuildInfo, Count, DroppedSeries, Flag, HeadStats, Replay,
    RuntimeInfo, TsdbStatus, WalReplay,
};
use weft_api::prometheus::watch::{Alert, RuleGroup, Target};
use weft_api::prometheus::{
    Backend, ExemplarQuery, InstantQuery, RangeQuery, Received, Selection, SeriesExemplars,
    SeriesSamples, Written,
};
use weft_api::{Cancel, Error, ErrorKind};
use weft_exposition::remote_read;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, Matcher, MetricMetadata, Millis};
use weft_promql::{
    Answer, Budget, Engine, Limits, Options, QueryError, QueryOptions, StatsDetail, Watch,
};
use weft_stdx::text;
use weft_tsdb::{PartStatus, ReadError};

use crate::config::Config;
use crate::query::{Asked, ResultCache, SampleSource, Threads, selectors};
use crate::store::{Store, TakeError, chain};
use crate::watch::RuleBoard;

/// The version of Prometheus whose API is spoken; clients derive from it what they may ask.
const SPOKEN: &str = "3.14.0";

/// Answers Prometheus's clients.
#[derive(Debug)]
pub(crate) struct PrometheusBackend {
    store: Arc<Store>,
    config: Arc<Config>,
    rules: RuleBoard,
    engine: Engine,
    threads: Threads,
    budget: Arc<Budget>,
    results: Arc<ResultCache>,
}

impl PrometheusBackend {
    pub(crate) fn new(
        store: Arc<Store>,
        config: Arc<Config>,
        results: Arc<ResultCache>,
        rules: RuleBoard,
        budget: Arc<Budget>,
    ) -> PrometheusBackend {
        let lookback_ms = i64::try_from(config.query.lookback.as_millis()).unwrap_or(i64::MAX);
        let engine = Engine::new(Options {
            lookback_ms,
            ..Options::default()
        });
        PrometheusBackend {
            store,
            config,
            rules,
            engine,
            threads: Threads::of_this_machine(),
            budget,
            results,
        }
    }

    fn options<'a>(
        &'a self,
        (lookback_ms, stats): (Option<i64>, StatsDetail),
        watch: &'a Stopwatch,
        cancel: &'a Cancel,
    ) -> QueryOptions<'a> {
        let query = &self.config.query;
        let limits = Limits {
            samples_max: query.samples_max,
            bytes_max: query.bytes_max,
            ..Limits::default()
        };
        QueryOptions {
            lookback_ms,
            limits,
            budget: Some(Arc::clone(&self.budget)),
            stats,
            watch: Some(watch),
            cancel,
            pool: &self.threads,
        }
    }

    /// Asks the store once for each selector, and returns all distinct answers.
    fn gather<T: Ord>(
        &self,
        selection: &Selection,
        ask: impl Fn(&[LabelMatcher], usize) -> Result<Vec<T>, ReadError>,
    ) -> Result<Vec<T>, Error> {
        let limit = selection.limit.unwrap_or(usize::MAX);
        if selection.selectors.is_empty() {
            return ask(&[], limit).map_err(|error| read_error(&error));
        }
        let mut found = Vec::new();
        for selector in &selection.selectors {
            let matchers = compile(selector)?;
            found.extend(ask(&matchers, limit).map_err(|error| read_error(&error))?);
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }
}

/// Tells how much time has passed since it was made.
struct Stopwatch(Instant);

impl Watch for Stopwatch {
    fn nanos(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Backend for PrometheusBackend {
    fn caveat(&self) -> Option<String> {
        self.store.replay_warning()
    }

    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let warning = self.store.replay_warning();
        let source = SampleSource::new(&self.store.tsdb);
        let watch = Stopwatch(Instant::now());
        let options = self.options((query.lookback_ms, query.stats), &watch, cancel);
        let answer = self
            .engine
            .instant(&source, &query.query, query.time.0, &options)?;
        Ok(with_warning(answer, warning))
    }

    fn query_range(&self, query: &RangeQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let warning = self.store.replay_warning();
        let source = SampleSource::new(&self.store.tsdb);
        let watch = Stopwatch(Instant::now());
        let options = self.options((query.lookback_ms, query.stats), &watch, cancel);
        let text = &query.query;
        let expr = weft_promql::parse(text).map_err(QueryError::from)?;
        let asked = Asked {
            expr: &expr,
            range: query.range,
            lookback_ms: query
                .lookback_ms
                .unwrap_or(self.engine.options().lookback_ms),
            now: self.store.now(),
        };
        let evaluate = |range| {
            self.engine
                .range_expr(&source, &expr, text, range, &options)
        };
        if warning.is_some() || query.stats == StatsDetail::EachStep {
            // What may lack something is not kept; what is kept has no count of each step.
            return Ok(with_warning(evaluate(query.range)?, warning));
        }
        Ok(self.results.range(&self.store.tsdb, asked, evaluate)?)
    }

    fn labels(&self, selection: &Selection, _cancel: &Cancel) -> Result<Vec<String>, Error> {
        let (start, end) = (selection.start, selection.end);
        self.gather(selection, |matchers, limit| {
            self.store.tsdb.label_names(matchers, start, end, limit)
        })
    }

    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
        _cancel: &Cancel,
    ) -> Result<Vec<String>, Error> {
        let (start, end) = (selection.start, selection.end);
        self.gather(selection, |matchers, limit| {
            self.store
                .tsdb
                .label_values(name, matchers, start, end, limit)
        })
    }

    fn series(&self, selection: &Selection, _cancel: &Cancel) -> Result<Vec<Labels>, Error> {
        let (start, end) = (selection.start, selection.end);
        self.gather(selection, |matchers, limit| {
            self.store.tsdb.series(matchers, start, end, limit)
        })
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<(String, Vec<MetricMetadata>)>, Error> {
        let known = self
            .store
            .tsdb
            .metadata(metric, limit.unwrap_or(usize::MAX));
        Ok(known
            .into_iter()
            .map(|(name, metadata)| (name, vec![metadata]))
            .collect())
    }

    fn exemplars(
        &self,
        query: &ExemplarQuery,
        _cancel: &Cancel,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        let expression = weft_promql::parse::parse(&query.query)
            .map_err(|error| Error::bad_data(error.to_string()))?;
        let mut found = Vec::new();
        for selector in selectors(&expression) {
            let matchers = compile(&selector)?;
            let series = self
                .store
                .tsdb
                .exemplars(&matchers, query.start, query.end)
                .map_err(|error| read_error(&error))?;
            let answers = series.into_iter();
            found.extend(answers.map(|(labels, exemplars)| SeriesExemplars { labels, exemplars }));
        }
        Ok(found)
    }

    fn read(
        &self,
        query: &remote_read::Query,
        cancel: &Cancel,
        take: &mut dyn FnMut(SeriesSamples) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        read::series(&self.store.tsdb, query, cancel, take)
    }

    fn write(&self, received: Received) -> Result<Written, Error> {
        self.store.take_remote_write(received).map_err(take_error)
    }

    fn tsdb_status(&self, limit: usize) -> Result<TsdbStatus, Error> {
        let status = self.store.tsdb.status();
        let counts = |list: &[(String, usize)]| -> Vec<Count> {
            let count = |(name, value): &(String, usize)| Count {
                name: name.clone(),
                value: *value as u64,
            };
            list.iter().take(limit).map(count).collect()
        };
        let extent = self.store.tsdb.head_extent();
        // As Prometheus tells it of a head without samples.
        let (min_time, max_time) = extent.range.unwrap_or((i64::MAX, i64::MIN));
        Ok(TsdbStatus {
            head_stats: HeadStats {
                num_series: status.series as u64,
                num_label_pairs: status.label_pairs as u64,
                chunk_count: extent.chunks,
                min_time,
                max_time,
            },
            series_count_by_metric_name: counts(&status.top_metrics),
            label_value_count_by_label_name: counts(&status.top_labels),
            memory_in_bytes_by_label_name: counts(&status.top_label_bytes),
            series_count_by_label_value_pair: counts(&status.top_pairs),
            dropped_series: dropped_series(&status.drops, limit),
        })
    }

    fn blocks(&self) -> Result<Vec<Block>, Error> {
        Ok(self.store.tsdb.parts().into_iter().map(block).collect())
    }

    fn runtime_info(&self) -> Result<RuntimeInfo, Error> {
        let usage = weft_runtime::process::usage();
        let started = Millis((usage.start_seconds * 1000.0) as i64);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cwd = std::env::current_dir()
            .map(|it| it.display().to_string())
            .unwrap_or_default();
        Ok(RuntimeInfo {
            start_time: started.to_string(),
            cwd,
            hostname: self.store.host_name.clone(),
            server_time: self.store.now().to_string(),
            reload_config_success: true,
            last_config_time: started.to_string(),
            corruption_count: self.store.records_damaged(),
            goroutine_count: usage.threads,
            cores: cores as u64,
            memory_bytes_max: i64::MAX,
            gogc: "",
            godebug: "",
            storage_retention: text::duration(self.config.metrics.retention),
        })
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo {
            version: SPOKEN.to_owned(),
            revision: format!("weft-{}", env!("CARGO_PKG_VERSION")),
            ..BuildInfo::default()
        }
    }

    fn flags(&self) -> Vec<Flag> {
        settings::flags(&self.config)
    }

    fn config(&self) -> String {
        settings::yaml(&self.config)
    }

    fn wal_replay(&self) -> WalReplay {
        let status = self.store.replay_status();
        WalReplay {
            min: status.segments.0,
            max: status.segments.1,
            current: status.segment,
            progress: match status.running {
                true => Replay::Running,
                false => Replay::Done,
            },
        }
    }

    fn rules(&self) -> Vec<RuleGroup> {
        let groups = self.rules.groups();
        groups.iter().map(|view| rules::group(view)).collect()
    }

    fn alerts(&self) -> Vec<Alert> {
        let groups = self.rules.groups();
        groups.iter().flat_map(|view| rules::alerts(view)).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let lookback = self.config.query.lookback;
        targets::recent(&self.store.tsdb, self.store.now(), lookback).unwrap_or_else(|error| {
            tracing::warn!(%error, "targets cannot be listed");
            Vec::new()
        })
    }

    fn delete_series(&self, selection: &Selection) -> Result<(), Error> {
        for selector in &selection.selectors {
            let matchers = compile(selector)?;
            self.store
                .delete_samples(&matchers, selection.start, selection.end)
                .map_err(take_error)?;
        }
        Ok(())
    }

    fn clean_tombstones(&self) -> Result<(), Error> {
        self.store.flush().map_err(take_error)
    }

    fn snapshot(&self) -> Result<String, Error> {
        self.store.snapshot().map_err(take_error)
    }
}

fn block(part: PartStatus) -> Block {
    let name = |file: u64| format!("{file:016x}");
    let sources = match part.replaces.is_empty() {
        true => vec![name(part.file)],
        false => part.replaces.iter().copied().map(name).collect(),
    };
    Block {
        ulid: name(part.file),
        min_time: part.min_time,
        max_time: part.max_time.saturating_add(1),
        stats: BlockStats {
            num_samples: part.samples,
            num_series: part.series,
            num_bytes: part.bytes,
        },
        compaction: BlockCompaction {
            level: part.level + 1,
            sources,
        },
        version: 1,
    }
}

/// Tells with an answer what may be missing from it.
fn with_warning(mut answer: Answer, warning: Option<String>) -> Answer {
    answer.warnings.extend(warning);
    answer.warnings.sort();
    answer
}

fn compile(matchers: &[Matcher]) -> Result<Vec<LabelMatcher>, Error> {
    LabelMatcher::compile_all(matchers).map_err(|error| Error::bad_data(error.to_string()))
}

fn read_error(error: &ReadError) -> Error {
    match error {
        ReadError::TooManySeries { .. } => Error::new(ErrorKind::Execution, error.to_string()),
        ReadError::Part(_) => Error::internal(error),
    }
}

/// Puts a refusal of the store into the terms of HTTP.
pub(super) fn take_error(error: TakeError) -> Error {
    let failure = match &error {
        TakeError::Malformed(what) => Error::bad_data(what.clone()),
        TakeError::Unavailable(_) | TakeError::Busy(_) => {
            Error::new(ErrorKind::Unavailable, chain(&error))
        }
        TakeError::Internal(_) => Error::internal(&error),
    };
    match error.retry_after() {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

/// Returns the refusals of new series, most first.
fn dropped_series(drops: &[weft_tsdb::Drop], limit: usize) -> Vec<DroppedSeries> {
    let of_series = drops.iter().filter(|drop| drop.reason.is_of_series());
    let dropped = |drop: &weft_tsdb::Drop| DroppedSeries {
        reason: drop.reason.as_str().to_owned(),
        offender: drop.offender.clone(),
        count: drop.count,
    };
    of_series.take(limit).map(dropped).collect()
}
