//! Recent lines in the order of their arrival, for whoever follows them live.
//!
//! In: what is appended, while someone follows. Out: what came since a cursor. Bound: a number of
//! bytes; a follower that is too slow is told how many lines it missed.

use std::collections::VecDeque;
use std::sync::Arc;

use weft_matcher::LabelMatcher;
use weft_model::{Level, Nanos};

use crate::raw::RawBlock;

/// How long lines are kept for tails after the last one asked, in nanoseconds.
const INTEREST: i64 = 60_000_000_000;

/// Where a follower stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailCursor(u64);

/// What came since a cursor.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The lines, in the order of their arrival.
    pub entries: Vec<TailEntry>,
    /// Where to go on.
    pub next: TailCursor,
    /// How many lines of all streams passed unseen because the follower was too slow.
    pub missed: u64,
}

/// One line as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct TailEntry {
    /// The labels of its stream.
    pub stream: weft_model::Labels,
    /// When it was written.
    pub time: Nanos,
    /// The line.
    pub line: String,
    /// Labels of this line only, sorted by name.
    pub metadata: Vec<(String, String)>,
    /// Its level.
    pub level: Level,
}

/// The recent lines.
pub(crate) struct Tails {
    /// The lines of one call each, with the number of the first.
    recent: VecDeque<(u64, Arc<RawBlock>)>,
    bytes: usize,
    bytes_max: usize,
    /// The number of the next line.
    next: u64,
    wanted_until: Nanos,
}

impl Tails {
    pub(crate) fn new(bytes_max: usize) -> Tails {
        Tails {
            recent: VecDeque::new(),
            bytes: 0,
            bytes_max,
            next: 0,
            wanted_until: Nanos(i64::MIN),
        }
    }

    /// Tells whether anyone follows.
    pub(crate) fn is_wanted(&self, now: Nanos) -> bool {
        now <= self.wanted_until
    }

    /// Adds the lines of one call.
    pub(crate) fn push(&mut self, block: RawBlock) {
        self.bytes += block.weight();
        let first = self.next;
        self.next += block.len() as u64;
        self.recent.push_back((first, Arc::new(block)));
        while self.bytes > self.bytes_max
            && let Some((_, oldest)) = self.recent.pop_front()
        {
            self.bytes -= oldest.weight();
        }
    }

    /// Returns the calls with lines from a cursor on, where they begin and how many were missed.
    pub(crate) fn since(
        &mut self,
        cursor: Option<TailCursor>,
        now: Nanos,
    ) -> (Vec<(u64, Arc<RawBlock>)>, TailCursor, u64) {
        if !self.is_wanted(now) {
            self.recent.clear();
            self.bytes = 0;
        }
        self.wanted_until = now.plus(INTEREST);
        let Some(TailCursor(from)) = cursor else {
            return (Vec::new(), TailCursor(self.next), 0);
        };
        let oldest = self.recent.front().map_or(self.next, |(first, _)| *first);
        let start = from.max(oldest);
        let after = |(first, block): &&(u64, Arc<RawBlock>)| first + block.len() as u64 > start;
        let calls = self.recent.iter().filter(after).cloned().collect();
        (calls, TailCursor(start), start - from)
    }
}

/// Picks at most `limit` lines of matching streams from some calls.
pub(crate) fn pick(
    calls: &[(u64, Arc<RawBlock>)],
    from: TailCursor,
    matchers: &[LabelMatcher],
    limit: usize,
) -> (Vec<TailEntry>, TailCursor) {
    let mut entries = Vec::new();
    let mut next = from;
    let mut metadata = Vec::new();
    for (first, block) in calls {
        let matches = matchers
            .iter()
            .all(|m| m.matches(block.stream.get(m.name())));
        for at in 0..block.len() {
            let number = first + at as u64;
            if number < from.0 {
                continue;
            }
            if entries.len() == limit {
                return (entries, next);
            }
            next = TailCursor(number + 1);
            if matches {
                block.metadata_of(at, &mut metadata);
                entries.push(owned(block, at, &metadata));
            }
        }
        metadata = Vec::new();
    }
    (entries, next)
}

fn owned(block: &RawBlock, at: usize, metadata: &[(&str, &str)]) -> TailEntry {
    let entry = block.entry(at, metadata);
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    TailEntry {
        stream: block.stream.clone(),
        time: entry.time,
        line: entry.line.to_owned(),
        metadata: entry.metadata.iter().map(pair).collect(),
        level: entry.level,
    }
}
