//! The journal of series dictionaries: what must be known to read a session's samples.
//!
//! In: dictionary payloads as they came. Out: the same again after a restart, in order. They are
//! kept apart from the samples' journal because they are needed for as long as the session lives.
//! Bound: [`Kept::compact`] keeps of each live session what its last two full statements define;
//! it is due when the journal is twice as large as after the last time.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_disk::Disk;
use weft_journal::{
    AppendError, Config, Journal, OpenError, Position, Record, ReplayError, ReplayReport, SyncError,
};
use weft_model::{Labels, SessionId};
use weft_proto::convert;
use weft_proto::payload::{DictPart, decode_dict};

/// The kind of the journal's records.
const KIND: u8 = 5;

/// Below this size the journal is left alone.
const COMPACT_BYTES_MIN: u64 = 64 << 20;

/// The journal.
#[derive(Debug)]
pub(crate) struct Kept {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    /// The size after the last compaction.
    compact_bytes: u64,
}

/// One dictionary payload of a session.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) session: SessionId,
    /// Labels that collectors added on the way.
    pub(crate) added: Labels,
    pub(crate) payload: &'a [u8],
}

/// Why the journal was not made smaller; it stays as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompactError {
    /// It cannot be read.
    #[error("read dictionaries")]
    Read(#[from] ReplayError),
    /// The new one cannot be opened.
    #[error("open dictionaries")]
    Open(#[from] OpenError),
    /// The new one cannot be written.
    #[error("write dictionaries")]
    Append(#[from] AppendError),
    /// The new one cannot be made durable.
    #[error("sync dictionaries")]
    Sync(#[from] SyncError),
    /// The new one cannot take the old one's place.
    #[error("replace dictionaries")]
    Replace(#[from] io::Error),
}

impl Kept {
    /// Opens the journal in `dir`, or makes one; finishes or undoes an interrupted compaction.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Kept, OpenError> {
        let io = |source| OpenError::Io {
            path: dir.to_owned(),
            source,
        };
        if !disk.exists(dir) && disk.exists(&beside(dir, "old")) {
            disk.rename(&beside(dir, "old"), dir).map_err(io)?;
        }
        for leftover in ["old", "new"] {
            disk.remove_dir(&beside(dir, leftover)).map_err(io)?;
        }
        disk.create_dir(dir).map_err(io)?;
        let (journal, _) = Journal::open(Arc::clone(&disk), dir, Config::default())?;
        let inner = Mutex::new(Inner {
            journal,
            compact_bytes: 0,
        });
        Ok(Kept {
            disk,
            dir: dir.to_owned(),
            inner,
        })
    }

    /// Appends a payload; it is durable after the next [`Kept::sync`].
    pub(crate) fn append(&self, statement: &Statement<'_>) -> Result<(), AppendError> {
        let session = convert::session_bytes(statement.session);
        let added = statement.added.as_bytes();
        let length = (added.len() as u32).to_le_bytes();
        let parts: [&[u8]; 4] = [&session, &length, added, statement.payload];
        self.inner().journal.append(KIND, &parts).map(|_| ())
    }

    /// Makes all that was appended durable.
    pub(crate) fn sync(&self) -> Result<(), SyncError> {
        self.inner().journal.sync().map(|_| ())
    }

    /// Visits all payloads in order.
    pub(crate) fn replay(
        &self,
        mut visit: impl FnMut(&Statement<'_>),
    ) -> Result<ReplayReport, ReplayError> {
        self.inner().journal.replay(Position::default(), |record| {
            if let Some(statement) = read(&record) {
                visit(&statement);
            }
            ControlFlow::Continue(())
        })
    }

    /// Makes the journal smaller when that is due: sessions that are not live go, and of the
    /// others what their last two full statements made obsolete.
    pub(crate) fn compact(&self, is_live: impl Fn(SessionId) -> bool) -> Result<(), CompactError> {
        let mut inner = self.inner();
        let due = (2 * inner.compact_bytes).max(COMPACT_BYTES_MIN);
        if inner.journal.bytes() < due {
            return Ok(());
        }
        self.rewrite(&mut inner, is_live)
    }

    fn rewrite(
        &self,
        inner: &mut Inner,
        is_live: impl Fn(SessionId) -> bool,
    ) -> Result<(), CompactError> {
        inner.journal.sync()?;
        let keep_from = keep_from(&inner.journal)?;
        let (old, new) = (beside(&self.dir, "old"), beside(&self.dir, "new"));
        self.disk.remove_dir(&new)?;
        self.disk.create_dir(&new)?;
        let (rewritten, _) = Journal::open(Arc::clone(&self.disk), &new, Config::default())?;
        let mut failed = None;
        inner.journal.replay(Position::default(), |record| {
            let Some(statement) = read(&record) else {
                return ControlFlow::Continue(());
            };
            let from = keep_from
                .get(&statement.session)
                .map_or(Position::default(), |it| it.0);
            if !is_live(statement.session) || record.position < from {
                return ControlFlow::Continue(());
            }
            match rewritten.append(KIND, &[record.payload]) {
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        rewritten.sync()?;
        drop(rewritten);
        self.disk.rename(&self.dir, &old)?;
        self.disk.rename(&new, &self.dir)?;
        self.disk
            .sync_dir(self.dir.parent().unwrap_or(Path::new(".")))?;
        let (journal, _) = Journal::open(Arc::clone(&self.disk), &self.dir, Config::default())?;
        self.disk.remove_dir(&old)?;
        inner.compact_bytes = journal.bytes();
        inner.journal = journal;
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns for each session where its last full statement but one begins, and its last.
fn keep_from(journal: &Journal) -> Result<HashMap<SessionId, (Position, Position)>, ReplayError> {
    let mut statements: HashMap<SessionId, (Position, Position)> = HashMap::new();
    journal.replay(Position::default(), |record| {
        if let Some(statement) = read(&record)
            && let Ok(DictPart::Series(part)) = decode_dict(statement.payload)
            && part.first == 0
        {
            let (before, last) = statements.entry(statement.session).or_default();
            (*before, *last) = (*last, record.position);
        }
        ControlFlow::Continue(())
    })?;
    Ok(statements)
}

fn read<'a>(record: &Record<'a>) -> Option<Statement<'a>> {
    let (session, rest) = record.payload.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (added, payload) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let is_ours = record.kind == KIND;
    let session = convert::session_id(session).ok().filter(|_| is_ours)?;
    Some(Statement {
        session,
        added: Labels::from_bytes(added)?,
        payload,
    })
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    dir.with_extension(suffix)
}

#[cfg(test)]
mod tests {
    use weft_disk::SimDisk;
    use weft_model::{MetricMetadata, Millis};
    use weft_proto::payload::MetricsEncoder;
    use weft_proto::v1::Encoding;

    use super::*;

    /// Returns the payloads of a session that states its dictionary in several epochs.
    fn payloads(epochs: u32) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        for epoch in 1..=epochs {
            let mut encoder = MetricsEncoder::new(epoch, 1);
            let target = encoder.add_target(Labels::from_pairs([("instance", "a")]));
            let name = Labels::from_pairs([("__name__", "up")]);
            let number = encoder
                .define(target, name, &MetricMetadata::default(), 1.0)
                .unwrap();
            encoder.push(Millis(1), target, &[number], &[1.0]).unwrap();
            let dictionary = |it: &weft_proto::batch::Encoded| it.encoding == Encoding::DictV1;
            payloads.extend(
                encoder
                    .finish()
                    .into_iter()
                    .filter(dictionary)
                    .map(|it| it.payload.to_vec()),
            );
        }
        payloads
    }

    fn kept(journal: &Kept) -> Vec<(u128, Vec<u8>)> {
        let mut kept = Vec::new();
        journal
            .replay(|it| kept.push((it.session.0, it.payload.to_vec())))
            .unwrap();
        kept
    }

    #[test]
    fn only_what_live_sessions_may_still_need_is_kept() {
        let (disk, dir) = (SimDisk::new(), Path::new("/journal/dictionaries"));
        let journal = Kept::open(Arc::new(disk.clone()), dir).unwrap();
        let payloads = payloads(5);
        for session in [SessionId(1), SessionId(2)] {
            for payload in &payloads {
                let added = Labels::from_pairs([("region", "eu")]);
                journal
                    .append(&Statement {
                        session,
                        added,
                        payload,
                    })
                    .unwrap();
            }
        }
        journal
            .rewrite(&mut journal.inner(), |session| session == SessionId(2))
            .unwrap();
        let last_two: Vec<_> = payloads[3..].iter().map(|it| (2, it.clone())).collect();
        assert_eq!(kept(&journal), last_two);
        drop(journal);
        disk.crash(7);
        let reopened = Kept::open(Arc::new(disk), dir).unwrap();
        assert_eq!(kept(&reopened), last_two);
    }

    #[test]
    fn a_compaction_that_is_cut_off_loses_nothing() {
        for operations in 0..24 {
            let (disk, dir) = (SimDisk::new(), Path::new("/journal/dictionaries"));
            let journal = Kept::open(Arc::new(disk.clone()), dir).unwrap();
            let payloads = payloads(3);
            for payload in &payloads {
                let (session, added) = (SessionId(1), Labels::empty());
                journal
                    .append(&Statement {
                        session,
                        added,
                        payload,
                    })
                    .unwrap();
            }
            journal.sync().unwrap();
            disk.cut_power_after(operations);
            let _ = journal.rewrite(&mut journal.inner(), |_| true);
            drop(journal);
            disk.crash(operations);
            let reopened = Kept::open(Arc::new(disk), dir).unwrap();
            let found = kept(&reopened);
            let last_two = &payloads[1..];
            let ends_so = found
                .iter()
                .map(|it| &it.1)
                .rev()
                .zip(last_two.iter().rev());
            assert!(found.len() >= 2, "{operations}: {} left", found.len());
            assert!(ends_so.into_iter().all(|(a, b)| a == b), "{operations}");
        }
    }
}
