//! How the collector fares, for `weft status` and `weft health`.
//!
//! In: each part sets its own fields. Out: a snapshot that is whole at one moment.
//! Bound: a fixed set of fields.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weft_model::Millis;

/// The collector at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Where agents connect; none before there is a certificate.
    pub listen: Option<SocketAddr>,
    /// Sessions that have a channel.
    pub sessions: u64,
    /// Channels that carry data.
    pub channels: u64,
    /// Bytes in the spool.
    pub spool_bytes: u64,
    /// The size of the spool.
    pub spool_bytes_max: u64,
    /// Batches in the spool.
    pub spool_batches: u64,
    /// Whether the spool takes nothing more.
    pub spool_full: bool,
    /// Batches that an aggregator has made durable since the start.
    pub forwarded_batches: u64,
    /// Batches that were dropped since the start, for any reason.
    pub dropped_batches: u64,
    /// How the connection to the aggregator fares.
    pub link: LinkState,
    /// How long agents waited for their acknowledgements, over the last minute or two.
    pub ack_latency: AckLatency,
    /// When the certificate expires.
    pub certificate_expires: Option<Millis>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
}

/// How the connection fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Not tried yet.
    #[default]
    Idle,
    /// Waiting for a certificate.
    Enrolling,
    /// Trying to connect.
    Connecting,
    /// Connected.
    Connected {
        /// Whom to.
        address: String,
        /// Over what: `quic` or `grpc`.
        transport: String,
    },
    /// Waiting before the next try; the text says what failed.
    Waiting(String),
}

/// The time from the arrival of a batch to its acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckLatency {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: Duration,
    /// All but one in a hundred took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// The status, shared by the parts of the collector; a clone is the same status.
#[derive(Clone, Debug, Default)]
pub struct StatusBoard(Arc<Mutex<Status>>);

impl StatusBoard {
    /// Returns the collector as it is now.
    pub fn snapshot(&self) -> Status {
        self.status().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status());
    }

    /// Notes what went wrong, with all its causes.
    pub(crate) fn note_error(&self, error: &(dyn std::error::Error + 'static)) -> String {
        let text = chain(error);
        self.update(|status| status.last_error = Some(text.clone()));
        text
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes an error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
