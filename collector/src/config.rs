//! What a collector is told: plain values, checked before they come here.
//!
//! In: the binary's configuration. Out: one struct per part of the collector.
//! Bound: every buffer of the collector has its limit in here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use weft_link::TransportChoice;

/// The whole collector.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name it asks for when it enrols.
    pub name: String,
    /// Where the identity is kept.
    pub state: PathBuf,
    /// Where agents connect.
    pub intake: IntakeConfig,
    /// How much each agent may send.
    pub admit: AdmitConfig,
    /// Labels added to every batch, such as region and cluster.
    pub labels: Vec<(String, String)>,
    /// What is kept on disk until an aggregator has it.
    pub spool: SpoolConfig,
    /// Where batches go.
    pub outlet: OutletConfig,
}

/// The way in.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// The address for both UDP (QUIC) and TCP (gRPC).
    pub listen: SocketAddr,
    /// Connections at one time; more are refused.
    pub connections_max: usize,
    /// Payload bytes in flight on one channel.
    pub window_bytes: u64,
    /// Payload bytes in memory that are not yet durable, of all channels together.
    pub memory_bytes: usize,
}

/// What each agent may send.
#[derive(Clone, Debug)]
pub struct AdmitConfig {
    /// Payload bytes per second of one agent, over all its channels; more waits. No limit when
    /// absent.
    pub agent_bytes_per_second: Option<u64>,
    /// Sessions remembered at one time; the ones without a connection are forgotten first.
    pub sessions_max: usize,
}

/// The buffer on disk.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    /// Its directory.
    pub dir: PathBuf,
    /// Its size; when it is full, agents wait.
    pub bytes_max: u64,
    /// Space of the file system that stays free, but no more than a tenth of it.
    pub free_bytes_min: u64,
    /// Batches that waited longer are dropped, counted and told; no limit when absent.
    pub age_max: Option<Duration>,
}

/// The way out.
#[derive(Clone, Debug)]
pub struct OutletConfig {
    /// Aggregators as `host:port`, in order of preference.
    pub addresses: Vec<String>,
    /// How to reach them.
    pub transport: TransportChoice,
    /// A join token, needed only until there is a certificate.
    pub join_token: Option<String>,
    /// Payload bytes in flight on one channel, whatever the receiver grants.
    pub window_bytes: u64,
    /// The longest wait between two tries to connect.
    pub reconnect_max: Duration,
}

impl Config {
    /// Returns a configuration with the documented defaults that keeps everything below `dir` and
    /// sends to `addresses`.
    pub fn new(name: &str, dir: &std::path::Path, addresses: Vec<String>) -> Config {
        Config {
            name: name.to_owned(),
            state: dir.join("state"),
            intake: IntakeConfig::default(),
            admit: AdmitConfig::default(),
            labels: Vec::new(),
            spool: SpoolConfig::new(dir.join("spool")),
            outlet: OutletConfig::new(addresses),
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> IntakeConfig {
        IntakeConfig {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7710)),
            connections_max: 20_000,
            window_bytes: 8 << 20,
            memory_bytes: 64 << 20,
        }
    }
}

impl Default for AdmitConfig {
    fn default() -> AdmitConfig {
        AdmitConfig {
            agent_bytes_per_second: None,
            sessions_max: 100_000,
        }
    }
}

impl SpoolConfig {
    /// Returns the defaults for a spool in `dir`.
    pub fn new(dir: PathBuf) -> SpoolConfig {
        SpoolConfig {
            dir,
            bytes_max: 10 << 30,
            free_bytes_min: 512 << 20,
            age_max: None,
        }
    }
}

impl OutletConfig {
    /// Returns the defaults for these aggregators.
    pub fn new(addresses: Vec<String>) -> OutletConfig {
        OutletConfig {
            addresses,
            transport: TransportChoice::Auto,
            join_token: None,
            window_bytes: 16 << 20,
            reconnect_max: Duration::from_secs(15),
        }
    }
}
