//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "Exit codes:\n  \
    0  done; for health: well\n  \
    1  failed; for health: degraded\n  \
    2  wrong usage or configuration; for health: broken or not running";

const DATA_EXIT_CODES: &str = "Exit codes:\n  \
    0  sound, or with traces of an interrupted write that a start removes\n  \
    1  something does not hold\n  \
    2  not checked: no data directory, or a process is using it";

const RULES_EXIT_CODES: &str = "Exit codes:\n  \
    0  all files are good, all tests pass\n  \
    1  a test fails\n  \
    2  a file is wrong or missing";

/// Metrics, logs, alerts and self-healing of a fleet, in one binary.
#[derive(Debug, Parser)]
#[command(name = "weft", version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: agent, collector and aggregator in one process
    Up(Run),
    /// Run this node's agent: sample the host, tail logs, send both to a collector
    Agent(Run),
    /// Run a region's collector: take in agents, buffer, forward to aggregators
    Collector(Run),
    /// Run the aggregator: store metrics and logs, answer queries
    Aggregator(Run),
    /// Tell how the weft process on this node fares
    Health(Health),
    /// Tell what the weft process on this node is doing, in numbers
    Status(Health),
    /// Ask a question in PromQL
    Query(Query),
    /// Search logs: LogQL, or just words
    Logs(Logs),
    /// Make, list or revoke join tokens for agents and collectors
    #[command(subcommand)]
    Token(Token),
    /// Check files without running anything
    #[command(subcommand)]
    Check(Check),
    /// Make a data directory from a snapshot of the samples
    Restore(Restore),
}

/// What the roles have in common.
#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Read settings from this YAML file (see docs/config.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep data in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Serve the HTTP APIs here (aggregator and up)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<String>,
    /// Take in agents or collectors here, over UDP and TCP
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ingest: Option<String>,
    /// Serve the admin port here
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<String>,
    /// Send to these, separated by commas: collectors (agent) or aggregators (collector)
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) to: Option<String>,
    /// Enrol with this join token (agent and collector)
    #[arg(long, value_name = "TOKEN", env = "WEFT_JOIN", hide_env_values = true)]
    pub(crate) join: Option<String>,
    /// Use this transport: auto, quic or grpc
    #[arg(long, value_name = "KIND")]
    pub(crate) transport: Option<String>,
    /// Sample the host this often, such as 15s
    #[arg(long, value_name = "DURATION")]
    pub(crate) interval: Option<String>,
    /// Tail these files or globs, separated by commas
    #[arg(long, value_name = "PATHS")]
    pub(crate) logs: Option<String>,
    /// Log at this level: error, warn, info, debug
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask the process whose admin port is here
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7701")]
    pub(crate) admin: SocketAddr,
}

/// Where an aggregator is, and how its answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    /// Ask the aggregator here
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7700",
        env = "WEFT_URL"
    )]
    pub(crate) url: String,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The question, such as 'sum by (mode) (rate(node_cpu_seconds_total[1m]))'
    pub(crate) promql: String,
    /// Ask for a range that begins this long ago; without it, for now only
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// Evaluate the range at this distance
    #[arg(long, value_name = "DURATION", requires = "since")]
    pub(crate) step: Option<String>,
    /// Ask for this time, or a range that ends then: 2026-11-20T12:00:00Z, or 2h for that long ago
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Print the answer as CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// LogQL such as '{job="nginx"} |= "error"', or words that a line must contain
    #[arg(default_value = "")]
    pub(crate) query: Vec<String>,
    /// Begin this long ago
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub(crate) since: String,
    /// Print at most this many lines, the newest
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 100)]
    pub(crate) limit: u32,
    /// Keep printing new lines until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, once
    Create {
        /// The role that may join with it: agent or collector
        #[arg(long, default_value = "agent")]
        role: String,
        /// How long it can be used
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        ttl: String,
        /// How often it can be used
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// The aggregator's data directory
        #[arg(long, value_name = "DIR", default_value = "weft-data")]
        data: PathBuf,
    },
    /// List the tokens that can still be used
    List {
        /// The aggregator's data directory
        #[arg(long, value_name = "DIR", default_value = "weft-data")]
        data: PathBuf,
    },
    /// Make a token useless
    Revoke {
        /// The token's id, as `weft token list` shows it
        id: String,
        /// The aggregator's data directory
        #[arg(long, value_name = "DIR", default_value = "weft-data")]
        data: PathBuf,
    },
}

/// Where samples are brought back from, and where to.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The snapshot: a directory below snapshots/ of a data directory, or a copy of one
    pub(crate) snapshot: PathBuf,
    /// The data directory to make; it may exist, but must hold no data
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// Check a configuration file, and print every fault in it
    Config {
        /// The YAML file
        file: PathBuf,
    },
    /// Check rule files, or run tests of rules, and print every fault
    Rules(CheckRules),
    /// Check a data directory at rest: every checksum and invariant, and what a start would do
    #[command(after_help = DATA_EXIT_CODES)]
    Data {
        /// The aggregator's data directory; no process may be using it
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which rule files are checked, or whose tests are run.
#[derive(Debug, Args)]
#[command(after_help = RULES_EXIT_CODES)]
pub(crate) struct CheckRules {
    /// Rule files as Prometheus has them, or patterns such as 'rules/*.yaml'
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The files are tests of rules, as promtool has them: run them
    #[arg(long)]
    pub(crate) test: bool,
    /// Also write what came of the tests to this file, as JUnit's XML
    #[arg(long, value_name = "FILE", requires = "test")]
    pub(crate) junit: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
