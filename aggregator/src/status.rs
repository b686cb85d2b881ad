//! How the aggregator fares, in numbers.
//!
//! In: the store's counts, measured every second. Out: snapshots for `weft status`, the web page
//! and `/metrics`.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::intake::Peers;
use crate::query::ResultCache;
use crate::store::{ReplayStatus, Store};

/// Measures; a clone measures the same aggregator.
#[derive(Clone, Debug)]
pub struct StatusBoard {
    pub(crate) store: Arc<Store>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) results: Arc<ResultCache>,
    rates: Arc<Mutex<Rates>>,
}

#[derive(Clone, Copy, Debug)]
struct Rates {
    at: Instant,
    samples: u64,
    lines: u64,
    samples_per_second: f64,
    lines_per_second: f64,
}

/// The aggregator at one moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Series in the head.
    pub series: u64,
    /// Samples stored since the start.
    pub samples: u64,
    /// Samples stored per second, over the last second.
    pub samples_per_second: f64,
    /// Log streams with an open block in memory.
    pub streams: u64,
    /// Lines stored since the start.
    pub lines: u64,
    /// Their bytes.
    pub line_bytes: u64,
    /// Lines stored per second, over the last second.
    pub lines_per_second: f64,
    /// Bytes of the journals.
    pub journal_bytes: u64,
    /// Bytes of the files with samples.
    pub samples_disk_bytes: u64,
    /// Bytes of the files with lines.
    pub lines_disk_bytes: u64,
    /// Batches taken since the start.
    pub batches: u64,
    /// Batches and lines that were stored already when they came.
    pub duplicates: u64,
    /// Damaged records, parts and partitions that were skipped or set aside.
    pub damaged: u64,
    /// Connected peers.
    pub peers: u64,
    /// Range queries that were answered from kept steps, in whole or in part.
    pub query_cache_hits: u64,
    /// Range queries of which no step was kept, or none that still holds.
    pub query_cache_misses: u64,
    /// Bytes of kept steps.
    pub query_cache_bytes: u64,
    /// How far the replay of the journals is.
    pub replay: ReplayStatus,
    /// What was dropped since the start: what, why, how much.
    pub drops: Vec<(String, String, u64)>,
    /// Of the new series that were refused, those refused most: reason, offender, how often.
    pub dropped_series: Vec<(String, String, u64)>,
}

impl StatusBoard {
    pub(crate) fn new(
        store: Arc<Store>,
        peers: Arc<Peers>,
        results: Arc<ResultCache>,
    ) -> StatusBoard {
        let rates = Rates {
            at: Instant::now(),
            samples: 0,
            lines: 0,
            samples_per_second: 0.0,
            lines_per_second: 0.0,
        };
        StatusBoard {
            store,
            peers,
            results,
            rates: Arc::new(Mutex::new(rates)),
        }
    }

    /// Measures the rates since the last call.
    pub(crate) fn measure(&self) {
        let counts = &self.store.counts;
        let (samples, lines) = (counts.samples.load(Relaxed), counts.lines.load(Relaxed));
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = rates.at.elapsed().as_secs_f64().max(0.001);
        *rates = Rates {
            at: Instant::now(),
            samples_per_second: samples.saturating_sub(rates.samples) as f64 / seconds,
            lines_per_second: lines.saturating_sub(rates.lines) as f64 / seconds,
            samples,
            lines,
        };
    }

    /// Returns the present numbers.
    pub fn snapshot(&self) -> Status {
        let store = &self.store;
        let (tsdb, logdb) = (store.tsdb.status(), store.logdb.usage());
        let rates = *self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let drops = store.drops.counts().into_iter();
        let drops = drops.map(|(what, why, count)| (what.as_str().to_owned(), why, count));
        let exemplars = ("exemplars", "outnumbered", tsdb.exemplars_dropped);
        let exemplars = Some(exemplars).filter(|(.., count)| *count > 0);
        let kept = self.results.stats();
        Status {
            series: tsdb.series as u64,
            samples: store.counts.samples.load(Relaxed),
            samples_per_second: rates.samples_per_second,
            streams: logdb.open_blocks as u64,
            lines: store.counts.lines.load(Relaxed),
            line_bytes: store.counts.line_bytes.load(Relaxed),
            lines_per_second: rates.lines_per_second,
            journal_bytes: store.journal_bytes(),
            samples_disk_bytes: tsdb.parts_bytes,
            lines_disk_bytes: logdb.disk_bytes,
            batches: store.counts.batches.load(Relaxed),
            duplicates: store.counts.duplicates.load(Relaxed),
            damaged: store.records_damaged() + tsdb.parts_set_aside,
            peers: self.peers.list().len() as u64,
            query_cache_hits: kept.hits,
            query_cache_misses: kept.misses,
            query_cache_bytes: kept.bytes,
            replay: store.replay_status(),
            dropped_series: dropped_series(&tsdb.drops),
            drops: drops
                .chain(exemplars.map(|(what, why, count)| (what.to_owned(), why.to_owned(), count)))
                .collect(),
        }
    }
}

/// How many offenders are told.
const OFFENDERS_TOLD: usize = 20;

fn dropped_series(drops: &[weft_tsdb::Drop]) -> Vec<(String, String, u64)> {
    let of_series = drops.iter().filter(|drop| drop.reason.is_of_series());
    let told = of_series.take(OFFENDERS_TOLD);
    told.map(|drop| {
        (
            drop.reason.as_str().to_owned(),
            drop.offender.clone(),
            drop.count,
        )
    })
    .collect()
}
