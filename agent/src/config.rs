//! What an agent is told: plain values, checked before they come here.
//!
//! In: the binary's configuration. Out: one struct per part of the agent.
//! Bound: every buffer of the agent has its limit in here.

use std::path::PathBuf;
use std::time::Duration;

/// The whole agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's name: its `instance` label, and the name it asks for when it enrols.
    pub name: String,
    /// Where positions, the identity and the spool are kept.
    pub state: PathBuf,
    /// What is measured of this machine; nothing when absent.
    pub host: Option<HostConfig>,
    /// Which log files are followed.
    pub tail: TailConfig,
    /// Where batches go.
    pub outlet: OutletConfig,
}

/// The samplers of this machine.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Time between ticks, which fall on multiples of it.
    pub interval: Duration,
    /// Where the kernel's files are.
    pub roots: Roots,
    /// The `job` label; node dashboards expect `node-exporter`.
    pub job: String,
    /// Labels on every host series, such as `namespace` and `pod` of the agent itself.
    pub labels: Vec<(String, String)>,
    /// Samplers that are left out, by the name of their collector.
    pub disabled: Vec<String>,
    /// How long a tick waits for the file systems to answer.
    pub mount_deadline: Duration,
    /// Live series; what is beyond is dropped and counted.
    pub series_max: usize,
}

/// Where the kernel's files are; a container finds them under `/host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`, or where the host's is mounted.
    pub proc: PathBuf,
    /// `/sys`, or where the host's is mounted.
    pub sys: PathBuf,
    /// `/`, or where the host's is mounted.
    pub root: PathBuf,
}

/// The followed log files.
#[derive(Clone, Debug)]
pub struct TailConfig {
    /// Directories laid out as `/var/log/pods`.
    pub pods: Vec<PathBuf>,
    /// Plain files, one line an entry.
    pub files: Vec<FileSource>,
    /// Where to begin with files that are there when the agent first runs.
    pub start: Start,
    /// A batch of lines is sealed at this size, before compression.
    pub batch_bytes: usize,
    /// A batch of lines is sealed at this age.
    pub batch_age: Duration,
    /// Bytes of sealed batches that are not acknowledged; reading pauses there.
    pub in_flight_bytes: usize,
    /// Followed streams; more are refused and counted.
    pub streams_max: usize,
    /// Bytes of deleted files that are held open to be read; the oldest are let go beyond.
    pub pinned_bytes_max: u64,
    /// Time between rescans of all directories, beside the events of the kernel.
    pub rescan: Duration,
}

/// A set of plain log files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// A path whose last parts may hold `*` and `?`.
    pub glob: String,
    /// The `job` label.
    pub job: String,
    /// More labels on every stream.
    pub labels: Vec<(String, String)>,
}

/// Where a file is begun that was never read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its first byte, rotated predecessors included.
    Beginning,
    /// At its end, if it was there when the agent started.
    End,
}

/// The way out.
#[derive(Clone, Debug)]
pub struct OutletConfig {
    /// Collectors or aggregators as `host:port`, in order of preference.
    pub addresses: Vec<String>,
    /// How to reach them.
    pub transport: Transport,
    /// A join token, needed only until there is a certificate.
    pub join_token: Option<String>,
    /// Bytes of metrics kept while nobody takes them; the oldest go first.
    pub spool_bytes_max: u64,
    /// Age of metrics beyond which they are dropped.
    pub spool_age_max: Duration,
    /// Payload bytes that may be in flight on one channel, whatever the receiver grants.
    pub window_bytes: usize,
    /// The longest wait between two tries to connect.
    pub reconnect_max: Duration,
}

/// How to reach a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC, and gRPC where UDP is blocked.
    Auto,
    /// Only QUIC.
    Quic,
    /// Only gRPC.
    Grpc,
}

impl Config {
    /// Returns a configuration with the documented defaults: this machine is measured every 15 s,
    /// no logs are followed, and batches go to `addresses`.
    pub fn new(name: &str, state: PathBuf, addresses: Vec<String>) -> Config {
        Config {
            name: name.to_owned(),
            state,
            host: Some(HostConfig::default()),
            tail: TailConfig::default(),
            outlet: OutletConfig::new(addresses),
        }
    }
}

impl Default for HostConfig {
    fn default() -> HostConfig {
        HostConfig {
            interval: Duration::from_secs(15),
            roots: Roots::default(),
            job: "node-exporter".to_owned(),
            labels: Vec::new(),
            disabled: Vec::new(),
            mount_deadline: Duration::from_millis(50),
            series_max: 20_000,
        }
    }
}

impl Default for Roots {
    fn default() -> Roots {
        Roots {
            proc: "/proc".into(),
            sys: "/sys".into(),
            root: "/".into(),
        }
    }
}

impl Default for TailConfig {
    fn default() -> TailConfig {
        TailConfig {
            pods: Vec::new(),
            files: Vec::new(),
            start: Start::Beginning,
            batch_bytes: 512 * 1024,
            batch_age: Duration::from_millis(200),
            in_flight_bytes: 4 * 1024 * 1024,
            streams_max: 4096,
            pinned_bytes_max: 1024 * 1024 * 1024,
            rescan: Duration::from_secs(10),
        }
    }
}

impl OutletConfig {
    /// Returns the defaults for these addresses.
    pub fn new(addresses: Vec<String>) -> OutletConfig {
        OutletConfig {
            addresses,
            transport: Transport::Auto,
            join_token: None,
            spool_bytes_max: 256 * 1024 * 1024,
            spool_age_max: Duration::from_secs(24 * 3600),
            window_bytes: 4 * 1024 * 1024,
            reconnect_max: Duration::from_secs(15),
        }
    }
}
