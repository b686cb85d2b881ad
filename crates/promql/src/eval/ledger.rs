//! What a query holds, counted against its limits.
//!
//! In: charges of bytes and samples by whoever holds them. Out: a fault once a limit is passed.
//! A charge is given back when its holder is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::QueryError;
use crate::options::Limits;
use crate::value::Stats;

/// What a charge may hold before the ledger hears of it.
const PENDING_BYTES_MAX: usize = 64 << 10;
const PENDING_SAMPLES_MAX: usize = 8 << 10;

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
            told: Held::default(),
            pending: Held::default(),
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

/// A part of what is held. Small amounts are gathered before the ledger hears of them.
#[derive(Debug)]
pub(crate) struct Charge {
    ledger: Arc<Ledger>,
    /// What the ledger knows of.
    told: Held,
    /// What it does not know of yet.
    pending: Held,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    bytes: usize,
    samples: usize,
}

impl Held {
    fn add(&mut self, other: Held) {
        self.bytes += other.bytes;
        self.samples += other.samples;
    }
}

impl Charge {
    /// Adds to the charge; fails when a limit is passed.
    pub(crate) fn grow(&mut self, bytes: usize, samples: usize) -> Result<(), QueryError> {
        self.pending.add(Held { bytes, samples });
        let limits = &self.ledger.limits;
        let few_bytes = self.pending.bytes < PENDING_BYTES_MAX.min(limits.bytes_max / 64);
        let few_samples = self.pending.samples < PENDING_SAMPLES_MAX.min(limits.samples_max / 64);
        if few_bytes && few_samples {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.told.add(pending);
        self.ledger.add(pending.bytes, pending.samples)
    }

    /// Takes over another charge; fails when a limit is passed.
    pub(crate) fn absorb(&mut self, mut other: Charge) -> Result<(), QueryError> {
        self.told.add(std::mem::take(&mut other.told));
        let pending = std::mem::take(&mut other.pending);
        self.grow(pending.bytes, pending.samples)
    }

    /// Returns an empty charge on the same ledger.
    pub(crate) fn sibling(&self) -> Charge {
        self.ledger.charge()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Held { bytes, samples } = self.told;
        self.ledger.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.ledger.samples.fetch_sub(samples, Ordering::Relaxed);
    }
}
