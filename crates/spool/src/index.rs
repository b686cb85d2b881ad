//! What the ledger knows of one queue.
//!
//! In: how far all is acknowledged, what each segment holds, what was seen of sessions. Out: the
//! same when the queue is opened again. All of it can be found in the segments, too, so a ledger
//! that fails is counted and otherwise ignored.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use weft_journal::Position;
use weft_model::{Millis, SessionId, StreamKind};

use crate::LedgerError;
use crate::entry::EntryId;
use crate::ledger::{Change, Ledger};
use crate::record::{take_millis, take_session, take_u32, take_u64};
use crate::sessions::{Session, Sessions};

/// The ledger that the queues of a spool share.
pub(crate) type SharedLedger = Arc<Mutex<Box<dyn Ledger>>>;

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) entries: u64,
    /// When the first entry was appended.
    pub(crate) oldest: Millis,
    /// When the last entry was appended.
    pub(crate) newest: Millis,
}

/// How far the ledger knows the segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// All entries before are acknowledged.
    pub(crate) acked_to: EntryId,
    /// Segments and sessions are known up to here.
    pub(crate) covered: Position,
    /// The last record with all sessions.
    pub(crate) snapshot: Position,
}

/// All that the ledger knows of a queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) marks: Marks,
    pub(crate) segments: BTreeMap<u64, Segment>,
    pub(crate) sessions: Sessions,
}

#[derive(Debug)]
pub(crate) struct Index {
    ledger: SharedLedger,
    stream: u8,
    failures: AtomicU64,
}

const MARKS: u8 = b'm';
const SEGMENT: u8 = b's';
const SESSION: u8 = b'k';

impl Index {
    pub(crate) fn new(ledger: SharedLedger, stream: StreamKind) -> Index {
        let stream = StreamKind::ALL.iter().position(|kind| *kind == stream);
        Index {
            ledger,
            stream: stream.expect("the list of streams is complete") as u8,
            failures: AtomicU64::new(0),
        }
    }

    /// Returns what is known; nothing when the ledger fails or makes no sense.
    pub(crate) fn load(&self) -> Known {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        match self.read(ledger.as_ref()) {
            Ok(Some(known)) => known,
            Ok(None) => Known::default(),
            Err(error) => {
                self.note_failure(&error);
                Known::default()
            }
        }
    }

    /// Forgets all, because it contradicts the segments.
    pub(crate) fn clear(&self) {
        self.with(|ledger| {
            let mut changes = Vec::new();
            for kind in [MARKS, SEGMENT, SESSION] {
                let found = ledger.scan(&[self.stream, kind])?;
                changes.extend(found.into_iter().map(|(key, _)| (key, None)));
            }
            ledger.apply(changes)
        });
    }

    /// Saves marks together with the segments and sessions that have changed; those without a
    /// value are removed.
    pub(crate) fn save<'a>(
        &self,
        marks: Marks,
        segments: impl Iterator<Item = (u64, Option<Segment>)>,
        sessions: impl Iterator<Item = (SessionId, Option<&'a Session>)>,
    ) {
        let mut changes = vec![(self.key(MARKS, &[]), Some(write_marks(marks)))];
        changes.extend(segments.map(|(number, segment)| {
            (
                self.key(SEGMENT, &number.to_be_bytes()),
                segment.map(write_segment),
            )
        }));
        changes.extend(sessions.map(|(session, known)| -> Change {
            let value = known.map(|known| {
                let mut out = Vec::new();
                known.write(&mut out);
                out
            });
            (self.key(SESSION, &session.0.to_be_bytes()), value)
        }));
        self.with(|ledger| ledger.apply(changes));
    }

    /// Lets what was saved survive the process.
    pub(crate) fn flush(&self) {
        self.with(|ledger| ledger.flush());
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn with(&self, change: impl FnOnce(&dyn Ledger) -> Result<(), LedgerError>) {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = change(ledger.as_ref()) {
            self.note_failure(&error);
        }
    }

    fn note_failure(&self, error: &LedgerError) {
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            let error: &dyn std::error::Error = error;
            tracing::warn!(
                error,
                "spool ledger fails; the next start reads all segments"
            );
        }
    }

    fn key(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        [&[self.stream, kind], rest].concat()
    }

    fn read(&self, ledger: &dyn Ledger) -> Result<Option<Known>, LedgerError> {
        let marks = ledger.scan(&self.key(MARKS, &[]))?;
        let segments = ledger.scan(&self.key(SEGMENT, &[]))?;
        let sessions = ledger.scan(&self.key(SESSION, &[]))?;
        let parse = || {
            let mut known = Known::default();
            if let Some((_, value)) = marks.first() {
                known.marks = read_marks(value)?;
            }
            for (key, value) in &segments {
                let number = u64::from_be_bytes(key[2..].try_into().ok()?);
                known.segments.insert(number, read_segment(value)?);
            }
            for (key, value) in &sessions {
                let session = take_session(&mut &key[2..])?;
                known
                    .sessions
                    .join(session, &Session::take(&mut value.as_slice())?);
            }
            Some(known)
        };
        Ok(parse())
    }
}

fn write_marks(marks: Marks) -> Vec<u8> {
    let mut out = marks.acked_to.position.to_bytes().to_vec();
    out.extend_from_slice(&marks.acked_to.index.to_le_bytes());
    out.extend_from_slice(&marks.covered.to_bytes());
    out.extend_from_slice(&marks.snapshot.to_bytes());
    out
}

fn read_marks(mut value: &[u8]) -> Option<Marks> {
    let rest = &mut value;
    Some(Marks {
        acked_to: EntryId {
            position: take_position(rest)?,
            index: take_u32(rest)?,
        },
        covered: take_position(rest)?,
        snapshot: take_position(rest)?,
    })
}

fn take_position(rest: &mut &[u8]) -> Option<Position> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(Position::from_bytes(*bytes))
}

fn write_segment(segment: Segment) -> Vec<u8> {
    let mut out = segment.entries.to_le_bytes().to_vec();
    out.extend_from_slice(&segment.oldest.0.to_le_bytes());
    out.extend_from_slice(&segment.newest.0.to_le_bytes());
    out
}

fn read_segment(mut value: &[u8]) -> Option<Segment> {
    let rest = &mut value;
    Some(Segment {
        entries: take_u64(rest)?,
        oldest: take_millis(rest)?,
        newest: take_millis(rest)?,
    })
}
