//! Follows a query: a task asks the log store for what is new, several times a second.
//!
//! In: a query. Out: batches of lines, until the receiver is dropped.
//! Bound: [`BATCHES_MAX`] batches wait; lines that do not fit are dropped and told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use weft_api::Error;
use weft_api::loki::backend::{DroppedEntry, TailBatch, TailQuery};
use weft_logql::{
    Engine, Entry, Limits, Pipeline, QueryError, RangeParams, Stream, StreamEntry, Value,
};
use weft_model::{Labels, Nanos};

use crate::query::LineSource;
use crate::store::Store;

/// How many batches wait for a slow reader.
const BATCHES_MAX: usize = 16;

/// How often the log store is asked.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// How many lines are asked for at a time.
const LINES_MAX: usize = 1000;

/// How many dropped lines are named; more are only missing.
const DROPPED_MAX: usize = 100;

/// Returns a task that follows a query, and where its lines come out.
pub(super) fn follow(
    store: &Arc<Store>,
    query: &TailQuery,
) -> Result<(impl Future<Output = ()> + use<>, mpsc::Receiver<TailBatch>), Error> {
    let expression = weft_logql::parse_log(&query.query).map_err(QueryError::from)?;
    let pipeline = Pipeline::compile(&expression).map_err(Error::bad_data)?;
    let (sender, receiver) = mpsc::channel(BATCHES_MAX);
    let begin = store.logdb.tail(None, pipeline.matchers(), 0);
    let cursor = begin.map_err(|error| Error::internal(&error))?.next;
    let past = past(store, query)?;
    let following = Following {
        store: Arc::clone(store),
        pipeline,
        sender,
        dropped: Vec::new(),
    };
    Ok((following.run(cursor, past), receiver))
}

/// Returns the lines of the past that a reader begins with.
fn past(store: &Store, query: &TailQuery) -> Result<Vec<Stream>, Error> {
    let source = LineSource::new(&store.logdb);
    let never = || false;
    let engine = Engine::new(&source, Limits::default(), &never);
    let expression = weft_logql::parse(&query.query).map_err(QueryError::from)?;
    let params = RangeParams {
        start: query.start,
        end: store.now().to_nanos().plus(1),
        step: 1_000_000_000,
        limit: query.limit,
        direction: weft_logql::Direction::Backward,
    };
    if query.limit == 0 || params.end <= params.start {
        return Ok(Vec::new());
    }
    match engine.range(&expression, &params)?.value {
        Value::Streams(streams) => Ok(streams),
        _ => Ok(Vec::new()),
    }
}

struct Following {
    store: Arc<Store>,
    pipeline: Pipeline,
    sender: mpsc::Sender<TailBatch>,
    dropped: Vec<DroppedEntry>,
}

impl Following {
    async fn run(mut self, mut cursor: weft_logdb::TailCursor, past: Vec<Stream>) {
        if !self.hand_over(past) {
            return;
        }
        loop {
            tokio::select! {
                () = self.sender.closed() => return,
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            let tail = self
                .store
                .logdb
                .tail(Some(cursor), self.pipeline.matchers(), LINES_MAX);
            let Ok(tail) = tail else { return };
            cursor = tail.next;
            let streams = self.processed(&tail.entries);
            if !self.hand_over(streams) {
                return;
            }
        }
    }

    fn processed(&self, entries: &[weft_logdb::TailEntry]) -> Vec<Stream> {
        let mut streams: BTreeMap<Labels, Vec<StreamEntry>> = BTreeMap::new();
        for entry in entries {
            let pairs = entry
                .metadata
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let metadata: Vec<(&str, &str)> = pairs.collect();
            let line = Entry {
                time: entry.time,
                line: &entry.line,
                metadata: &metadata,
                level: Some(entry.level),
            };
            if let Some((labels, entry)) = self.pipeline.process(&entry.stream, line) {
                streams.entry(labels).or_default().push(entry);
            }
        }
        streams
            .into_iter()
            .map(|(labels, entries)| Stream { labels, entries })
            .collect()
    }

    /// Hands lines to the reader, or notes them as dropped; tells whether somebody still reads.
    fn hand_over(&mut self, streams: Vec<Stream>) -> bool {
        if streams.is_empty() {
            return !self.sender.is_closed();
        }
        let batch = TailBatch {
            streams,
            dropped: std::mem::take(&mut self.dropped),
        };
        match self.sender.try_send(batch) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(batch)) => {
                self.dropped = batch.dropped;
                let lines = batch.streams.iter().flat_map(|stream| {
                    stream
                        .entries
                        .iter()
                        .map(|entry| (stream.labels.clone(), entry.time))
                });
                let room = DROPPED_MAX.saturating_sub(self.dropped.len());
                let dropped = |(labels, time): (Labels, Nanos)| DroppedEntry { labels, time };
                self.dropped.extend(lines.take(room).map(dropped));
                true
            }
        }
    }
}
