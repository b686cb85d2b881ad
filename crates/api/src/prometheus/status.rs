//! The answers below `/api/v1/status/`, shaped as Prometheus shapes them.

use serde::Serialize;

/// Statistics of the store.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TsdbStatus {
    /// What the head holds.
    pub head_stats: HeadStats,
    /// The metrics with the most series.
    pub series_count_by_metric_name: Vec<Count>,
    /// The labels with the most values.
    pub label_value_count_by_label_name: Vec<Count>,
    /// The labels whose values take the most bytes.
    pub memory_in_bytes_by_label_name: Vec<Count>,
    /// The pairs `name=value` with the most series.
    pub series_count_by_label_value_pair: Vec<Count>,
    /// New series that were refused, most first; Prometheus does not tell.
    pub dropped_series: Vec<DroppedSeries>,
}

/// How often new series were refused.
#[derive(Clone, Debug, Serialize)]
pub struct DroppedSeries {
    /// Why, in a word.
    pub reason: String,
    /// The metric or target that is over its budget; empty where nobody in particular is.
    pub offender: String,
    /// How often.
    pub count: u64,
}

/// What the head holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadStats {
    /// Active series.
    pub num_series: u64,
    /// Pairs of label name and value.
    pub num_label_pairs: u64,
    /// Runs of samples in memory.
    pub chunk_count: u64,
    /// The oldest time in memory, in milliseconds.
    pub min_time: i64,
    /// The newest time in memory, in milliseconds.
    pub max_time: i64,
}

/// A name and how often it occurs.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    /// The name.
    pub name: String,
    /// How often it occurs.
    pub value: u64,
}

/// A part of the store, told as Prometheus tells a block.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Its name, unique in the store. Prometheus has ULIDs here.
    pub ulid: String,
    /// The earliest time, in milliseconds.
    pub min_time: i64,
    /// The first millisecond after the latest time.
    pub max_time: i64,
    /// What it holds.
    pub stats: BlockStats,
    /// Where it comes from.
    pub compaction: BlockCompaction,
    /// The version of this description.
    pub version: u32,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStats {
    /// Samples.
    pub num_samples: u64,
    /// Series.
    pub num_series: u64,
    /// Its bytes on the disk, which Prometheus does not tell.
    pub num_bytes: u64,
}

/// Where a block comes from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BlockCompaction {
    /// 1 for what came from memory; merges raise it.
    pub level: u32,
    /// The blocks that it was merged from, or its own name.
    pub sources: Vec<String>,
}

/// Facts about the running process.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// When it started, as RFC 3339.
    pub start_time: String,
    /// The working directory.
    #[serde(rename = "CWD")]
    pub cwd: String,
    /// The machine's name.
    pub hostname: String,
    /// The time on the server, as RFC 3339.
    pub server_time: String,
    /// Whether the configuration was last read without errors.
    pub reload_config_success: bool,
    /// When it was last read, as RFC 3339.
    pub last_config_time: String,
    /// How many records of the journal were broken.
    pub corruption_count: u64,
    /// Threads, where Prometheus counts goroutines.
    pub goroutine_count: u64,
    /// How many threads can run at one time.
    #[serde(rename = "GOMAXPROCS")]
    pub cores: u64,
    /// Bytes of memory that the process keeps below; the largest number where there is no limit.
    #[serde(rename = "GOMEMLIMIT")]
    pub memory_bytes_max: i64,
    /// A setting of Go's garbage collector; there is none.
    #[serde(rename = "GOGC")]
    pub gogc: &'static str,
    /// Debug settings of Go's runtime; there are none.
    #[serde(rename = "GODEBUG")]
    pub godebug: &'static str,
    /// How long samples are kept, as people write it.
    pub storage_retention: String,
}

/// Facts about the build. There is no `features` field: Grafana takes one as a sign of Mimir.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// The version of Prometheus's API that is spoken, which clients derive features from.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When it was built.
    pub build_date: String,
    /// The compiler, where Prometheus has Go's version.
    pub go_version: String,
}

/// A setting and its value.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The name, without dashes in front.
    pub name: String,
    /// The value as text.
    pub value: String,
}

/// How far the replay of the journal is.
#[derive(Clone, Copy, Debug, Default)]
pub struct WalReplay {
    /// The first segment.
    pub min: u64,
    /// The last segment.
    pub max: u64,
    /// The segment that is being read.
    pub current: u64,
    /// How far it is.
    pub progress: Replay,
}

/// Where the replay stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// It has not begun.
    Waiting,
    /// It is going on.
    Running,
    /// There is nothing left to read.
    #[default]
    Done,
}
