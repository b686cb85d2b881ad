//! What a query holds, counted against its limits and those of all queries together.
//!
//! In: charges of bytes and samples by whoever holds them. Out: a fault once a limit is passed.
//! A charge is given back when its holder is dropped.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::Budget;
use crate::error::QueryError;
use crate::options::{Limits, StatsDetail};
use crate::value::{Stats, Timings};

/// What a charge may hold before the ledger hears of it.
const PENDING_BYTES_MAX: usize = 64 << 10;
const PENDING_SAMPLES_MAX: usize = 8 << 10;

/// What is held now and was held at most.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    budget: Option<Arc<Budget>>,
    bytes: AtomicUsize,
    samples: AtomicUsize,
    bytes_peak: AtomicUsize,
    samples_peak: AtomicUsize,
    series: AtomicU64,
    /// Nanoseconds that selections took.
    prepare: AtomicU64,
    /// How many subqueries are being evaluated around what is counted.
    within: AtomicUsize,
    counts: Mutex<Counts>,
}

/// What was looked at so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    read: u64,
    seen: u64,
    /// For each step of the query; empty unless it is asked for.
    by_step: Vec<u64>,
}

impl Ledger {
    /// Returns a ledger for a query with so many steps.
    pub(crate) fn new(
        limits: Limits,
        budget: Option<Arc<Budget>>,
        (detail, steps): (StatsDetail, usize),
    ) -> Arc<Ledger> {
        let by_step = match detail {
            StatsDetail::Totals => Vec::new(),
            StatsDetail::EachStep => vec![0; steps],
        };
        Arc::new(Ledger {
            limits,
            budget,
            bytes: AtomicUsize::new(0),
            samples: AtomicUsize::new(0),
            bytes_peak: AtomicUsize::new(0),
            samples_peak: AtomicUsize::new(0),
            series: AtomicU64::new(0),
            prepare: AtomicU64::new(0),
            within: AtomicUsize::new(0),
            counts: Mutex::new(Counts {
                by_step,
                ..Counts::default()
            }),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
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

    pub(crate) fn count_prepare(&self, nanos: u64) {
        self.prepare.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Adds what a task has looked at. What a subquery looks at within its own steps does not
    /// count as seen: its result does, when a window is laid over it.
    pub(crate) fn count(&self, read: u64, seen: u64, by_step: &[u64]) {
        self.with_counts(|counts| {
            counts.read += read;
            if self.within.load(Ordering::Relaxed) > 0 {
                return;
            }
            counts.seen += seen;
            let pairs = counts.by_step.iter_mut().zip(by_step);
            pairs.for_each(|(all, seen)| *all += seen);
        });
    }

    /// Tells whether a task with so many steps has to count each of them.
    pub(super) fn counts_by_step(&self, steps: usize) -> bool {
        let outside = self.within.load(Ordering::Relaxed) == 0;
        outside && self.with_counts(|counts| counts.by_step.len() == steps)
    }

    /// Evaluates what a subquery looks at.
    pub(super) fn inside<T>(&self, evaluate: impl FnOnce() -> T) -> T {
        self.within.fetch_add(1, Ordering::Relaxed);
        let value = evaluate();
        self.within.fetch_sub(1, Ordering::Relaxed);
        value
    }

    pub(super) fn counts(&self) -> Counts {
        self.with_counts(|counts| counts.clone())
    }

    /// Counts what was seen since [`Ledger::counts`] was asked for each of so many steps, of which
    /// one was evaluated.
    pub(super) fn repeat(&self, since: &Counts, steps: usize) {
        self.with_counts(|now| {
            let seen = now.seen - since.seen;
            now.seen = since.seen + seen * steps as u64;
            now.by_step.iter_mut().for_each(|step| *step += seen);
        });
    }

    /// Forgets what was counted since [`Ledger::counts`] was asked.
    pub(super) fn recount(&self, counts: Counts) {
        self.with_counts(|now| *now = counts);
    }

    fn with_counts<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn stats(&self) -> Stats {
        let counts = self.counts();
        Stats {
            series: self.series.load(Ordering::Relaxed),
            samples_read: counts.read,
            samples_queryable: counts.seen,
            samples_queryable_by_step: counts.by_step,
            samples_peak: self.samples_peak.load(Ordering::Relaxed) as u64,
            bytes_peak: self.bytes_peak.load(Ordering::Relaxed) as u64,
            timings: Timings {
                prepare: self.prepare.load(Ordering::Relaxed),
                ..Timings::default()
            },
        }
    }

    /// Fails when a query would have to look at more than its limit allows: so many series with so
    /// many samples or steps each.
    pub(super) fn expect_work(&self, series: usize, each: usize) -> Result<(), QueryError> {
        let work = series.saturating_mul(each);
        let limit = self.limits.work_max;
        if work <= limit {
            return Ok(());
        }
        Err(QueryError::Execution(format!(
            "query would look at about {work} samples of {series} series, more than {limit}: \
             select fewer series, a shorter range or a longer step"
        )))
    }

    /// Fails when a table of so many rows and steps cannot be held, unless most rows turn out to
    /// be empty.
    pub(super) fn expect_table(&self, rows: usize, steps: usize) -> Result<(), QueryError> {
        // Series without any value in the range are selected too; they take no place.
        const FULL_SHARE: usize = 4;
        let cells = rows.saturating_mul(steps);
        if cells / FULL_SHARE > self.limits.samples_max {
            return Err(too_many_samples());
        }
        if cells.saturating_mul(size_of::<f64>()) / FULL_SHARE > self.limits.bytes_max {
            return Err(too_many_bytes(self.limits.bytes_max));
        }
        Ok(())
    }

    fn add(&self, held: Held) -> Result<(), QueryError> {
        let bytes = self.bytes.fetch_add(held.bytes, Ordering::Relaxed) + held.bytes;
        let samples = self.samples.fetch_add(held.samples, Ordering::Relaxed) + held.samples;
        self.bytes_peak.fetch_max(bytes, Ordering::Relaxed);
        self.samples_peak.fetch_max(samples, Ordering::Relaxed);
        let shared = self.budget.as_ref();
        let over = shared.filter(|budget| !budget.take(held.bytes));
        if samples > self.limits.samples_max {
            return Err(too_many_samples());
        }
        if bytes > self.limits.bytes_max {
            return Err(too_many_bytes(self.limits.bytes_max));
        }
        over.map_or(Ok(()), |budget| Err(over_budget(budget.bytes_max())))
    }

    fn remove(&self, held: Held) {
        if held.bytes == 0 && held.samples == 0 {
            return;
        }
        self.bytes.fetch_sub(held.bytes, Ordering::Relaxed);
        self.samples.fetch_sub(held.samples, Ordering::Relaxed);
        if let Some(budget) = &self.budget {
            budget.give_back(held.bytes);
        }
    }
}

fn too_many_samples() -> QueryError {
    let message = "query processing would load too many samples into memory in query execution";
    QueryError::Execution(message.to_owned())
}

fn too_many_bytes(limit: usize) -> QueryError {
    QueryError::Execution(format!(
        "query processing would hold more than {limit} bytes in memory: select fewer series, a \
         shorter range or a longer step"
    ))
}

fn over_budget(limit: usize) -> QueryError {
    QueryError::Overloaded(format!(
        "all running queries together would hold more than {limit} bytes in memory: try again \
         later, or select fewer series, a shorter range or a longer step"
    ))
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
        self.ledger.add(pending)
    }

    /// Adds room for so many items of a type; fails when a limit is passed.
    pub(crate) fn hold<T>(&mut self, items: usize) -> Result<(), QueryError> {
        self.grow(items.saturating_mul(size_of::<T>()), 0)
    }

    /// Takes over another charge; fails when a limit is passed.
    pub(crate) fn absorb(&mut self, mut other: Charge) -> Result<(), QueryError> {
        self.told.add(std::mem::take(&mut other.told));
        let pending = std::mem::take(&mut other.pending);
        self.grow(pending.bytes, pending.samples)
    }

    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        self.pending = Held::default();
        self.ledger.remove(std::mem::take(&mut self.told));
    }

    /// Returns an empty charge on the same ledger.
    pub(crate) fn sibling(&self) -> Charge {
        self.ledger.charge()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.ledger.remove(self.told);
    }
}
