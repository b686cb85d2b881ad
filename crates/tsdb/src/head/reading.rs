//! Sealed samples in order of time, for a reader that goes through series one after another.
//!
//! In: the chain of a series' chunks. Out: the samples of a stretch of time, appended to a run.
//! Series that were scraped together share their times: those met last stay decoded, so that they
//! are decoded once for all these series. Bound: [`TIMES_MAX`] columns of times, and while it reads
//! a place for each chunk of a series.

use super::SHARDS;
use super::chunk::{Chain, Chunk};
use super::log::Log;
use crate::run::Run;

/// How many columns of times stay decoded.
const TIMES_MAX: usize = 32;

/// How many chunks series mostly have.
const CHUNKS_EXPECTED: usize = 8;

/// What a reader keeps from one series to the next.
#[derive(Default)]
pub(crate) struct ChunkReader {
    known: Vec<KnownTimes>,
    /// Which times were met last; the next chunk mostly has those that follow.
    last: usize,
    integers: Vec<i64>,
}

/// A column of times. Positions are never used again, so that it holds for as long as it is kept.
struct KnownTimes {
    key: u64,
    times: Vec<i64>,
}

impl ChunkReader {
    /// Appends the samples from `start` to `end` of the series whose newest chunk is at
    /// `block.chain`, ascending; the log is that of a shard. Returns how many of those read are
    /// after `end`.
    pub(crate) fn read(
        &mut self,
        (shard, log): (usize, &Log),
        newest: u64,
        (start, end): (i64, i64),
        out: &mut Run,
    ) -> usize {
        let mut later = 0;
        // The chain has the newest chunk first.
        let mut chunks = Vec::with_capacity(CHUNKS_EXPECTED);
        let mut chain = Chain::new(log, newest);
        while let Some(chunk) = chain.next() {
            let first = self.times(shard, &chunk)[0];
            if first > end {
                later += chunk.len();
            } else {
                chunks.push(chunk);
            }
            if first <= start {
                break;
            }
        }
        for chunk in chunks.iter().rev() {
            later += self.append(shard, chunk, (start, end), out);
        }
        later
    }

    /// Appends what a chunk has of a stretch; returns how many of its samples are after that.
    fn append(
        &mut self,
        shard: usize,
        chunk: &Chunk<'_>,
        (start, end): (i64, i64),
        out: &mut Run,
    ) -> usize {
        let times = self.times(shard, chunk);
        let whole = times.first() >= Some(&start) && times.last() <= Some(&end);
        let (from, to) = if whole {
            (0, times.len())
        } else {
            let from = times.partition_point(|time| *time < start);
            (from, times.partition_point(|time| *time <= end).max(from))
        };
        out.times.extend_from_slice(&times[from..to]);
        let before = out.values.len();
        chunk.values(&mut out.values, &mut self.integers);
        if !whole {
            out.values.truncate(before + to);
            out.values.drain(before..before + from);
        }
        chunk.len() - to
    }

    fn times(&mut self, shard: usize, chunk: &Chunk<'_>) -> &[i64] {
        let key = chunk.times_position() * SHARDS as u64 + shard as u64;
        // A series' chunks are met from the newest on, then from the oldest on.
        let near = [self.last, self.last + 1, self.last.wrapping_sub(1)];
        let is_it = |at: &usize| self.known.get(*at).is_some_and(|known| known.key == key);
        let found = near.into_iter().find(is_it);
        self.last = match found.or_else(|| (0..self.known.len()).find(is_it)) {
            Some(found) => found,
            None => self.decode(key, chunk),
        };
        &self.known[self.last].times
    }

    /// Decodes times into a new place or that of the times met longest ago; returns it.
    fn decode(&mut self, key: u64, chunk: &Chunk<'_>) -> usize {
        let place = if self.known.len() < TIMES_MAX {
            let times = Vec::new();
            self.known.push(KnownTimes { key, times });
            self.known.len() - 1
        } else {
            (self.last + 1) % TIMES_MAX
        };
        let known = &mut self.known[place];
        known.key = key;
        known.times.clear();
        chunk.times(&mut known.times);
        place
    }
}
