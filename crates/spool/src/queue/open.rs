//! Opens a queue: from what the ledger knows, and from the segments for the rest.
//!
//! In: a directory and a ledger that may be old, empty or from another time. Out: the queue as it
//! was when its last sync returned, or a little later.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use weft_disk::Disk;
use weft_journal::{Journal, Position, Record};
use weft_model::StreamKind;

use super::contents::{Contents, read_contents};
use super::{Queue, State};
use crate::config::QueueConfig;
use crate::entry::EntryId;
use crate::error::OpenError;
use crate::index::{Index, Known, SharedLedger};
use crate::record;

impl Queue {
    /// Opens the queue in `dir`, and returns how many bytes of its journal were cut off.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        stream: StreamKind,
        config: QueueConfig,
        ledger: SharedLedger,
    ) -> Result<(Queue, u64), OpenError> {
        let journal_config = weft_journal::Config {
            segment_bytes: config.segment_bytes,
            ..weft_journal::Config::default()
        };
        let opened = Journal::open(Arc::clone(&disk), dir, journal_config);
        let (journal, report) = opened.map_err(|source| OpenError::Journal {
            path: dir.to_owned(),
            source,
        })?;
        let queue = Queue {
            stream,
            config,
            disk,
            dir: dir.to_owned(),
            journal,
            index: Index::new(ledger, stream),
            state: Mutex::new(State::default()),
        };
        queue.recover().map_err(|source| OpenError::Read {
            path: dir.to_owned(),
            source,
        })?;
        Ok((queue, report.cut_bytes))
    }

    fn recover(&self) -> Result<(), weft_journal::ReplayError> {
        let (start, end) = (self.journal.start(), self.journal.durable());
        let mut known = self.index.load();
        if known.marks.covered > end {
            // The segments lost their end, or the ledger belongs to others.
            self.index.clear();
            known = Known {
                sessions: known.sessions,
                ..Known::default()
            };
        }
        let mut state = self.state();
        state.sessions = known.sessions;
        state.segments = known.segments.split_off(&start.segment);
        state.snapshot = known.marks.snapshot;
        state.cursor = known.marks.acked_to.max(EntryId {
            position: start,
            index: 0,
        });
        state.changed_segments.extend(known.segments.into_keys());
        self.scan(&mut state, known.marks.covered)?;
        state.unacked = self.count_unacked(&state)?;
        let everything: Vec<_> = state.sessions.iter().map(|(session, _)| session).collect();
        state.changed_sessions.extend(everything);
        self.save(&mut state);
        // What could not be removed now is removed after the next acknowledgement.
        if let Err(error) = self.release(&mut state) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "acknowledged segments of the spool stay for now");
        }
        Ok(())
    }

    /// Counts what the ledger does not know yet.
    fn scan(&self, state: &mut State, covered: Position) -> Result<(), weft_journal::ReplayError> {
        let from = covered.max(self.journal.start());
        let report = self.journal.replay(from, |record: Record<'_>| {
            if record.kind == record::SESSIONS {
                state.sessions.read_record(record.payload);
                state.snapshot = record.position;
            } else if let Some(contents) = read_contents(self.stream, &record)
                && let Some(counted) = contents.as_counted(record.position)
            {
                state.count(&counted);
            }
            ControlFlow::Continue(())
        })?;
        state.damaged_bytes += report.damage.bytes;
        Ok(())
    }

    /// Counts the entries from the first that is not acknowledged.
    fn count_unacked(&self, state: &State) -> Result<u64, weft_journal::ReplayError> {
        let first = state.cursor;
        let later = state.segments.range(first.position.segment + 1..);
        let mut count: u64 = later.map(|(_, segment)| segment.entries).sum();
        self.journal.replay(first.position, |record: Record<'_>| {
            if record.position.segment > first.position.segment {
                return ControlFlow::Break(());
            }
            let skip = if record.position == first.position {
                first.index
            } else {
                0
            };
            count += match read_contents(self.stream, &record) {
                Some(Contents::Batch(..)) => 1,
                Some(Contents::Gaps { notes, .. }) => {
                    (notes.len() as u64).saturating_sub(skip.into())
                }
                Some(Contents::Sessions) | None => 0,
            };
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}
