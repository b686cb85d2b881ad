//! Queries for lines: the newest or oldest ones that pass, up to a limit.
//!
//! The best lines so far wait in a heap whose top is the first to give way. Reading ends when the
//! heap is full and the source's horizon lies beyond its top.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use hashbrown::HashMap;
use weft_model::{Labels, Nanos};

use super::Engine;
use super::watch::Watch;
use crate::ast::LogExpr;
use crate::pipeline::Pipeline;
use crate::pipeline::row::{Row, Scratch};
use crate::query::{Answer, QueryError, RangeParams};
use crate::source::{Direction, Found, Selection, TimeRange};
use crate::value::{Stream, StreamEntry, Value};

impl Engine<'_> {
    /// Answers an expression that asks for lines.
    pub(super) fn streams(
        &self,
        log: &LogExpr,
        params: &RangeParams,
    ) -> Result<Answer, QueryError> {
        self.check_limit(params)?;
        let pipeline = Pipeline::compile(log).map_err(QueryError::Params)?;
        let mut watch = Watch::new(self);
        let mut best = Best::new(params, self.limits.result_bytes_max);
        let mut scratch = Scratch::default();
        let selection = Selection {
            matchers: pipeline.matchers(),
            range: TimeRange {
                start: params.start,
                end: params.end,
            },
            needles: pipeline.needles(),
            direction: params.direction,
        };
        let stats = self.source.select(&selection, &mut |found| match found {
            Found::Horizon(time) if best.is_settled(time) => ControlFlow::Break(()),
            Found::Horizon(_) => watch.check(),
            Found::Entry(stream, entry) => {
                watch.line(&entry)?;
                if !best.wants(entry.time) {
                    return ControlFlow::Continue(());
                }
                let mut row = Row::new(stream, entry, &mut scratch);
                if !pipeline.run(&mut row) {
                    return ControlFlow::Continue(());
                }
                watch.keep_going(best.add(row))
            }
        })?;
        watch.finish()?;
        Ok(Answer {
            truncated: best.truncated,
            value: Value::Streams(best.into_streams()),
            stats,
        })
    }

    fn check_limit(&self, params: &RangeParams) -> Result<(), QueryError> {
        let (limit, most) = (params.limit, self.limits.entries_max);
        if limit <= most {
            return Ok(());
        }
        Err(QueryError::Params(format!(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query \
             ({limit} > {most})"
        )))
    }
}

/// The best lines so far.
struct Best {
    heap: BinaryHeap<Ranked>,
    limit: usize,
    direction: Direction,
    arrived: u64,
    bytes: usize,
    bytes_max: usize,
    /// Whether a line was left out for a better one, or may have been.
    truncated: bool,
}

struct Ranked {
    rank: Rank,
    stream: Labels,
    entry: StreamEntry,
}

/// A line's place: ascending from the one wanted most. Of lines of the same time, the first to
/// arrive is wanted more.
type Rank = (i64, u64);

impl Best {
    fn new(params: &RangeParams, bytes_max: usize) -> Best {
        Best {
            heap: BinaryHeap::new(),
            limit: params.limit,
            direction: params.direction,
            arrived: 0,
            bytes: 0,
            bytes_max,
            truncated: false,
        }
    }

    fn rank(&self, time: Nanos) -> i64 {
        match self.direction {
            Direction::Forward => time.0,
            // The complement turns the order around and cannot overflow.
            Direction::Backward => !time.0,
        }
    }

    fn is_full(&self) -> bool {
        self.heap.len() >= self.limit
    }

    fn worst(&self) -> Option<i64> {
        self.heap.peek().map(|ranked| ranked.rank.0)
    }

    /// Tells whether a line of this time would be kept.
    fn wants(&mut self, time: Nanos) -> bool {
        let wanted = !self.is_full() || self.worst().is_some_and(|worst| self.rank(time) < worst);
        // Whether the line would have passed is not known, so the answer may be cut.
        self.truncated |= !wanted;
        wanted
    }

    /// Tells whether no line at or beyond the horizon would be kept.
    fn is_settled(&mut self, horizon: Nanos) -> bool {
        let settled =
            self.is_full() && self.worst().is_none_or(|worst| self.rank(horizon) >= worst);
        self.truncated |= settled;
        settled
    }

    fn add(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let (stream, entry) = row.into_entry();
        self.arrived += 1;
        self.bytes += entry.line.len();
        let rank = (self.rank(entry.time), self.arrived);
        self.heap.push(Ranked {
            rank,
            stream,
            entry,
        });
        if self.heap.len() > self.limit
            && let Some(dropped) = self.heap.pop()
        {
            self.bytes -= dropped.entry.line.len();
            self.truncated = true;
        }
        if self.bytes > self.bytes_max {
            return Err(QueryError::Limit(format!(
                "the query response is larger than {} bytes; consider a smaller limit",
                self.bytes_max
            )));
        }
        Ok(())
    }

    /// Groups the lines by stream, the stream of the most wanted line first.
    fn into_streams(self) -> Vec<Stream> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut streams: Vec<Stream> = Vec::new();
        for ranked in self.heap.into_sorted_vec() {
            let place = *places.entry(ranked.stream).or_insert_with_key(|labels| {
                streams.push(Stream {
                    labels: labels.clone(),
                    entries: Vec::new(),
                });
                streams.len() - 1
            });
            streams[place].entries.push(ranked.entry);
        }
        streams
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}
