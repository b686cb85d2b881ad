//! Answers of range queries, kept to be extended: a dashboard that refreshes asks for steps of
//! which all but the newest were answered before.
//!
//! In: parsed range queries. Out: answers, of which only the steps are evaluated whose samples have
//! changed since. Bound: the bytes it is given; what was used longest ago goes first.
//!
//! An answer is kept with the place in the store's order of changes at which it was read. Steps
//! are used again only if nothing has changed since in the time that they look at, and nothing in
//! it is about to age out. What depends on more than single steps is not kept: see [`Reach`].

mod reach;
mod stored;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use weft_model::Millis;
use weft_promql::ast::Expr;
use weft_promql::{Answer, QueryError, Stats, TimeRange, Value};
use weft_tsdb::Tsdb;

use reach::Reach;
use stored::Stored;

/// An answer may take this share of all bytes.
const SHARE_MAX: usize = 8;

/// Bytes of an entry beside its text and series.
const ENTRY_BYTES: usize = 256;

/// Answers of range queries.
pub(crate) struct ResultCache {
    bytes_max: usize,
    kept: Mutex<Kept>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How well a cache does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheStats {
    /// Queries that were answered from kept steps, all or some.
    pub(crate) hits: u64,
    /// Queries that could have been, but were not kept.
    pub(crate) misses: u64,
    /// Bytes that are kept.
    pub(crate) bytes: u64,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    uses: u64,
}

/// What must be equal for steps to be the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The query as it is printed, without what does not matter.
    query: String,
    step_ms: i64,
    /// Where the steps lie between multiples of the step.
    phase_ms: i64,
    lookback_ms: i64,
}

struct Entry {
    stored: Arc<Stored>,
    bytes: usize,
    /// The number of the last use.
    used: u64,
}

/// A range query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) expr: &'a Expr,
    pub(crate) range: TimeRange,
    pub(crate) lookback_ms: i64,
    pub(crate) now: Millis,
}

impl fmt::Debug for ResultCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultCache")
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}

impl ResultCache {
    /// Returns a cache that keeps so many bytes; with 0 it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> ResultCache {
        ResultCache {
            bytes_max,
            kept: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Returns how well it does.
    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: self.kept().bytes as u64,
        }
    }

    /// Answers a range query; `evaluate` gives the answer for a range of its steps.
    pub(crate) fn range(
        &self,
        tsdb: &Tsdb,
        asked: Asked<'_>,
        evaluate: impl Fn(TimeRange) -> Result<Answer, QueryError>,
    ) -> Result<Answer, QueryError> {
        let range = asked.range;
        let reach = Reach::of(asked.expr, asked.lookback_ms)
            .filter(|_| self.bytes_max > 0 && range.step_ms > 0 && range.end_ms > range.start_ms);
        let Some(reach) = reach else {
            return evaluate(range);
        };
        if reach.first(range.start_ms) < tsdb.horizon(asked.now).0 {
            return evaluate(range);
        }
        let key = Key::of(&asked);
        // Taken before anything is read: what changes later is after it.
        let mark = tsdb.change_mark();
        let last = last_step(range);
        let stored = self.find(&key);
        let good_to = stored
            .as_ref()
            .and_then(|stored| stored.good_to(tsdb, (range.start_ms, last, range.step_ms), reach));
        let (Some(stored), Some(good_to)) = (stored, good_to) else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            let answer = evaluate(range)?;
            self.keep(key, Stored::of(&answer, range.start_ms, last, mark));
            return Ok(answer);
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        if good_to == last {
            return Ok(from_series(stored.cut(range.start_ms, last)));
        }
        let fresh = evaluate(TimeRange {
            start_ms: good_to.saturating_add(range.step_ms),
            ..range
        })?;
        let answer = stored.extended(range.start_ms, good_to, fresh);
        self.keep(key, Stored::of(&answer, range.start_ms, last, mark));
        Ok(answer)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Arc<Stored>> {
        let mut kept = self.kept();
        kept.uses += 1;
        let uses = kept.uses;
        let entry = kept.entries.get_mut(key)?;
        entry.used = uses;
        Some(Arc::clone(&entry.stored))
    }

    /// Keeps an answer in the place of an earlier one, if it is fit and not too large.
    fn keep(&self, key: Key, stored: Option<Stored>) {
        let Some(stored) = stored else {
            return;
        };
        let bytes = stored.bytes + key.query.len() + ENTRY_BYTES;
        if bytes > self.bytes_max / SHARE_MAX {
            return;
        }
        let mut kept = self.kept();
        kept.uses += 1;
        let entry = Entry {
            stored: Arc::new(stored),
            bytes,
            used: kept.uses,
        };
        kept.bytes += bytes;
        if let Some(before) = kept.entries.insert(key, entry) {
            kept.bytes -= before.bytes;
        }
        while kept.bytes > self.bytes_max {
            kept.drop_oldest();
        }
    }
}

impl Kept {
    fn drop_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            self.bytes = 0;
            return;
        };
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }
}

impl Key {
    fn of(asked: &Asked<'_>) -> Key {
        let TimeRange {
            start_ms, step_ms, ..
        } = asked.range;
        Key {
            query: asked.expr.to_string(),
            step_ms,
            phase_ms: start_ms.rem_euclid(step_ms),
            lookback_ms: asked.lookback_ms,
        }
    }
}

fn last_step(range: TimeRange) -> i64 {
    let length = range.end_ms.saturating_sub(range.start_ms);
    range.end_ms - length % range.step_ms
}

fn from_series(series: Vec<weft_promql::Series>) -> Answer {
    Answer {
        value: Value::Matrix(series),
        warnings: Vec::new(),
        infos: Vec::new(),
        stats: Stats::default(),
    }
}

#[cfg(test)]
mod tests;
