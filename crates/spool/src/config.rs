//! The bounds of a spool, and what happens at them.

use std::time::Duration;

use weft_model::StreamKind;

/// What a queue does when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Refuses more, so that the sender keeps it.
    Backpressure,
    /// Drops its oldest segment and tells so by gaps.
    DropOldest,
}

/// The bounds of one spool. Each of the three queues has its own share of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of the queue for samples.
    pub metrics_bytes_max: u64,
    /// Bytes of the queue for log lines.
    pub logs_bytes_max: u64,
    /// Bytes of the queue for events.
    pub events_bytes_max: u64,
    /// What the queue for samples does when it is full.
    pub metrics_full: Full,
    /// What the queue for log lines does when it is full.
    pub logs_full: Full,
    /// What the queue for events does when it is full.
    pub events_full: Full,
    /// Bytes of a segment, the unit of dropping; at most an eighth of a queue is used.
    pub segment_bytes: u64,
    /// With less space than this on the file system a queue counts as full.
    pub free_bytes_min: u64,
    /// Batches that waited longer than this are dropped, whatever the queue does when full.
    pub age_max: Option<Duration>,
    /// Sessions that were not heard of for longer than this are forgotten.
    pub session_age_max: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            metrics_bytes_max: 2 << 30,
            logs_bytes_max: 8 << 30,
            events_bytes_max: 256 << 20,
            metrics_full: Full::DropOldest,
            logs_full: Full::Backpressure,
            events_full: Full::DropOldest,
            segment_bytes: 32 << 20,
            free_bytes_min: 1 << 30,
            age_max: None,
            session_age_max: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl Config {
    /// Returns the bounds of one queue.
    pub(crate) fn queue(&self, stream: StreamKind) -> QueueConfig {
        let (bytes_max, full) = match stream {
            StreamKind::Metrics => (self.metrics_bytes_max, self.metrics_full),
            StreamKind::Logs => (self.logs_bytes_max, self.logs_full),
            StreamKind::Events => (self.events_bytes_max, self.events_full),
        };
        let millis = |age: Duration| i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        QueueConfig {
            bytes_max,
            full,
            segment_bytes: self.segment_bytes.min(bytes_max / 8).max(SEGMENT_BYTES_MIN),
            free_bytes_min: self.free_bytes_min,
            age_max_ms: self.age_max.map(millis),
            session_age_max_ms: millis(self.session_age_max),
        }
    }
}

/// Segments are not made smaller than this, or they would be nothing but their header.
const SEGMENT_BYTES_MIN: u64 = 1024;

/// The bounds of one queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueConfig {
    pub(crate) bytes_max: u64,
    pub(crate) full: Full,
    pub(crate) segment_bytes: u64,
    pub(crate) free_bytes_min: u64,
    pub(crate) age_max_ms: Option<i64>,
    pub(crate) session_age_max_ms: i64,
}
