//! What a query holds, counted against its limits.
//!
//! In: charges of bytes and samples by whoever holds them. Out: a fault once a limit is passed.
//! A charge is given back when its holder is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::QueryError;
use crate::options::Limits;
use crate::value::Stats;

/// What is held now and was held at most.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    bytes: AtomicUsize,
    samples: AtomicUsize,
    bytes_peak: AtomicUsize,
    series: AtomicU64,
    samples_read: AtomicU64,
    samples_queryable: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(limits: Limits) -> Arc<Ledger> {
        Arc::new(Ledger {
            limits,
            bytes: AtomicUsize::new(0),
            samples: AtomicUsize::new(0),
            bytes_peak: AtomicUsize::new(0),
            series: AtomicU64::new(0),
            samples_read: AtomicU64::new(0),
            samples_queryable: AtomicU64::new(0),
        })
    }

    pub(crate) fn charge(self: &Arc<Ledger>) -> Charge {
        Charge {
            ledger: Arc::clone(self),
            bytes: 0,
            samples: 0,
        }
    }

    pub(crate) fn count_series(&self, series: usize) {
        self.series.fetch_add(series as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_samples(&self, read: usize, queryable: u64) {
        self.samples_read.fetch_add(read as u64, Ordering::Relaxed);
        self.samples_queryable
            .fetch_add(queryable, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            series: self.series.load(Ordering::Relaxed),
            samples_read: self.samples_read.load(Ordering::Relaxed),
            samples_queryable: self.samples_queryable.load(Ordering::Relaxed),
            bytes_peak: self.bytes_peak.load(Ordering::Relaxed) as u64,
        }
    }

    fn add(&self, bytes: usize, samples: usize) -> Result<(), QueryError> {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let samples = self.samples.fetch_add(samples, Ordering::Relaxed) + samples;
        self.bytes_peak.fetch_max(bytes, Ordering::Relaxed);
        if samples > self.limits.samples_max {
            let message =
                "query processing would load too many samples into memory in query execution";
            return Err(QueryError::Execution(message.to_owned()));
        }
        if bytes > self.limits.bytes_max {
            let limit = self.limits.bytes_max;
            let message = format!("query processing would hold more than {limit} bytes in memory");
            return Err(QueryError::Execution(message));
        }
        Ok(())
    }
}

/// A part of what is held.
#[derive(Debug)]
pub(crate) struct Charge {
    ledger: Arc<Ledger>,
    bytes: usize,
    samples: usize,
}

impl Charge {
    /// Adds to the charge; fails when a limit is passed.
    pub(crate) fn grow(&mut self, bytes: usize, samples: usize) -> Result<(), QueryError> {
        self.bytes += bytes;
        self.samples += samples;
        self.ledger.add(bytes, samples)
    }

    /// Takes over another charge.
    pub(crate) fn absorb(&mut self, mut other: Charge) {
        self.bytes += std::mem::take(&mut other.bytes);
        self.samples += std::mem::take(&mut other.samples);
    }

    /// Returns an empty charge on the same ledger.
    pub(crate) fn sibling(&self) -> Charge {
        self.ledger.charge()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.ledger.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.ledger
            .samples
            .fetch_sub(self.samples, Ordering::Relaxed);
    }
}
