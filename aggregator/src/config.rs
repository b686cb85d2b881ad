//! What an aggregator is told: plain values, checked before they come here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use weft_matcher::LabelMatcher;

/// The whole aggregator.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where `journal/`, `tsdb/`, `logdb/` and `ca/` are kept.
    pub data: PathBuf,
    /// Where the HTTP APIs are served.
    pub http: SocketAddr,
    /// Where collectors and agents connect, over UDP and TCP.
    pub ingest: SocketAddr,
    /// Names and addresses by which peers reach the ingest port, beside `localhost`.
    pub names: Vec<String>,
    /// Samples.
    pub metrics: MetricsConfig,
    /// Log lines.
    pub logs: LogsConfig,
    /// What queries may cost.
    pub query: QueryConfig,
    /// How often agents sample, which clients are told.
    pub scrape_interval: Duration,
    /// What rules are told of where they run.
    pub rules: weft_alert::Origin,
    /// Time between two moves of what is in memory into files; the journal holds at least this.
    pub flush_every: Duration,
    /// Whether series may be deleted and snapshots made over HTTP.
    pub admin_api: bool,
    /// How long certificates of peers live.
    pub certificate_lifetime: Duration,
}

/// How long and how many samples are kept.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// How long samples are kept.
    pub retention: Duration,
    /// How long those of some series are kept instead; the first that a series fulfils counts.
    pub retention_by: Vec<SelectorRetention>,
    /// How many bytes of files they may take; the oldest day goes first. None for no limit.
    pub retention_bytes: Option<u64>,
    /// How many exemplars are kept.
    pub exemplars_max: usize,
    /// How long exemplars are kept; none for as long as their series' samples.
    pub exemplars_retention: Option<Duration>,
    /// Whether whole days are rolled up, and long queries answered from that.
    pub rollups: bool,
    /// How many series may be active.
    pub series_max: usize,
    /// How many bytes of recent samples may be held in memory.
    pub head_bytes_max: usize,
}

/// How long the samples of some series are kept.
#[derive(Clone, Debug)]
pub struct SelectorRetention {
    /// What the series fulfil.
    pub matchers: Vec<LabelMatcher>,
    /// How long their samples are kept.
    pub retention: Duration,
}

impl SelectorRetention {
    /// Returns the retention of the series that a selector such as `{job="batch"}` selects; fails
    /// with what is wrong with the selector.
    pub fn parse(selector: &str, retention: Duration) -> Result<SelectorRetention, String> {
        let matchers = weft_promql::parse::parse_selector(selector).map_err(|e| e.to_string())?;
        let matchers = LabelMatcher::compile_all(&matchers).map_err(|e| e.to_string())?;
        Ok(SelectorRetention {
            matchers,
            retention,
        })
    }
}

/// How long and how many log lines are kept.
#[derive(Clone, Debug)]
pub struct LogsConfig {
    /// How long lines are kept.
    pub retention: Duration,
    /// How many bytes of files they may take; the oldest partition goes first. None for no limit.
    pub retention_bytes: Option<u64>,
}

/// What queries may cost.
#[derive(Clone, Debug)]
pub struct QueryConfig {
    /// The longest a query may take.
    pub timeout: Duration,
    /// Queries at one time; more wait.
    pub at_once_max: usize,
    /// Queries that wait; more are refused.
    pub waiting_max: usize,
    /// Samples that one query may hold.
    pub samples_max: usize,
    /// Bytes that one query may hold.
    pub bytes_max: usize,
    /// Bytes of answers to range queries that are kept to be extended; 0 to keep none.
    pub cache_bytes: usize,
    /// How far back an instant selector looks.
    pub lookback: Duration,
}

impl Config {
    /// Returns the documented defaults for this data directory.
    pub fn new(data: PathBuf) -> Config {
        Config {
            data,
            http: SocketAddr::from(([127, 0, 0, 1], 7700)),
            ingest: SocketAddr::from(([127, 0, 0, 1], 7710)),
            names: Vec::new(),
            metrics: MetricsConfig::default(),
            logs: LogsConfig::default(),
            query: QueryConfig::default(),
            scrape_interval: Duration::from_secs(15),
            rules: weft_alert::Origin::default(),
            flush_every: Duration::from_secs(30),
            admin_api: false,
            certificate_lifetime: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> MetricsConfig {
        let retention = Duration::from_secs(15 * 24 * 3600);
        MetricsConfig {
            retention,
            retention_by: Vec::new(),
            retention_bytes: None,
            exemplars_max: 1_000_000,
            exemplars_retention: None,
            rollups: true,
            series_max: 3_000_000,
            head_bytes_max: 2 << 30,
        }
    }
}

impl Default for LogsConfig {
    fn default() -> LogsConfig {
        let retention = Duration::from_secs(7 * 24 * 3600);
        LogsConfig {
            retention,
            retention_bytes: None,
        }
    }
}

impl Default for QueryConfig {
    fn default() -> QueryConfig {
        QueryConfig {
            timeout: Duration::from_secs(120),
            at_once_max: 20,
            waiting_max: 500,
            samples_max: 50_000_000,
            bytes_max: 1 << 30,
            cache_bytes: 64 << 20,
            lookback: Duration::from_secs(300),
        }
    }
}
