//! The journal: many appenders, one fdatasync for all who wait.
//!
//! In: records. Out: positions, a durable watermark, records in order. It has no thread of its
//! own: of the threads in [`Journal::sync`] one leads and writes for all, the others wait.
//! Bound: [`Config::pending_bytes_max`]; an appender beyond it leads or awaits a sync first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use weft_disk::Disk;

use crate::catalogue::{self, Segments};
use crate::error::{AppendError, OpenError, SyncError, TrimError};
use crate::pending::Pending;
use crate::writer::Writer;
use crate::{Position, record, segment};

/// The sizes of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of a segment; a record must fit into one.
    pub segment_bytes: u64,
    /// Bytes of records that may wait for a sync in memory.
    pub pending_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            segment_bytes: 32 << 20,
            pending_bytes_max: 16 << 20,
        }
    }
}

/// What was found when a journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// How many segments there are.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes after the last sound record, which were cut off.
    pub cut_bytes: u64,
    /// Where the next record goes.
    pub end: Position,
}

/// An append-only sequence of records.
#[derive(Debug)]
pub struct Journal {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    config: Config,
    state: Mutex<State>,
    synced: Condvar,
}

#[derive(Debug)]
struct State {
    /// Where the next record goes.
    end: Position,
    /// Up to here all is on the disk.
    durable: Position,
    pending: Pending,
    /// Sizes as they are once all is written.
    segments: Segments,
    /// Away while a thread leads a sync.
    writer: Option<Writer>,
}

impl Journal {
    /// Opens the journal in `dir`, or makes one.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: Config,
    ) -> Result<(Journal, OpenReport), OpenError> {
        let (segments, end, report) = catalogue::open(disk.as_ref(), dir)?;
        let state = State {
            end,
            durable: end,
            pending: Pending::default(),
            segments,
            writer: Some(Writer::new(Arc::clone(&disk), dir.to_owned())),
        };
        let journal = Journal {
            disk,
            dir: dir.to_owned(),
            config,
            state: Mutex::new(state),
            synced: Condvar::new(),
        };
        Ok((journal, report))
    }

    /// Appends a record whose payload is `parts`, one after the other, and returns where it is.
    /// It is durable once [`Journal::durable`] is past there.
    pub fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Position, AppendError> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let bytes_max = self.record_bytes_max();
        if bytes as u64 > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        let mut state = self.state();
        while state.pending.bytes() > 0
            && state.pending.bytes() + bytes > self.config.pending_bytes_max
        {
            let waiting = state.end;
            state = self.sync_to(state, waiting)?;
        }
        let size = (record::HEADER_BYTES + bytes) as u64;
        let start = state.place(size, self.config.segment_bytes);
        state.pending.put(start, kind, parts);
        Ok(start)
    }

    /// Makes all that was appended before the call durable, together with what others append
    /// meanwhile, and returns the durable watermark.
    pub fn sync(&self) -> Result<Position, SyncError> {
        let state = self.state();
        let end = state.end;
        let state = self.sync_to(state, end)?;
        Ok(state.durable)
    }

    /// Returns the watermark: every record before it is durable.
    pub fn durable(&self) -> Position {
        self.state().durable
    }

    /// Returns where the next record goes, unless a new segment begins with it.
    pub fn end(&self) -> Position {
        self.state().end
    }

    /// Returns the start of the oldest segment that is there.
    pub fn start(&self) -> Position {
        let state = self.state();
        let first = state.segments.first_key_value();
        first.map_or(state.end, |(number, _)| {
            Position::new(*number, segment::HEADER_BYTES as u64)
        })
    }

    /// Returns the segments by number with their sizes in bytes.
    pub fn segments(&self) -> Vec<(u64, u64)> {
        let state = self.state();
        state
            .segments
            .iter()
            .map(|(number, bytes)| (*number, *bytes))
            .collect()
    }

    /// Returns the bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.state().segments.values().sum()
    }

    /// Returns the bytes of what lies after a position, that which is not durable yet included.
    pub fn bytes_from(&self, from: Position) -> u64 {
        let state = self.state();
        let after = |(number, bytes): (&u64, &u64)| match *number == from.segment {
            true => bytes.saturating_sub(from.offset),
            false => *bytes,
        };
        state.segments.range(from.segment..).map(after).sum()
    }

    /// Returns the segments with their sizes, and up to where all is durable.
    pub(crate) fn readable(&self) -> (Segments, Position) {
        let state = self.state();
        (state.segments.clone(), state.durable)
    }

    /// Returns how long a record's payload may be.
    pub fn record_bytes_max(&self) -> u64 {
        let headers = segment::HEADER_BYTES + record::HEADER_BYTES;
        let fits = self.config.segment_bytes.saturating_sub(headers as u64);
        fits.min(u64::from(u32::MAX))
    }

    /// Removes the segments that end before `before`; that of the watermark always stays.
    pub fn trim(&self, before: Position) -> Result<(), TrimError> {
        let mut state = self.state();
        let keep = before.min(state.durable).segment;
        let old: Vec<u64> = state
            .segments
            .range(..keep)
            .map(|(number, _)| *number)
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        for number in old {
            let path = segment::path(&self.dir, number);
            let removed = self.disk.remove(&path);
            removed.map_err(|source| TrimError { path, source })?;
            state.segments.remove(&number);
        }
        drop(state);
        let synced = self.disk.sync_dir(&self.dir);
        synced.map_err(|source| TrimError {
            path: self.dir.clone(),
            source,
        })
    }

    /// Waits until `target` is durable, leading a sync if nobody does.
    fn sync_to<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        target: Position,
    ) -> Result<MutexGuard<'a, State>, SyncError> {
        while state.durable < target {
            let Some(mut writer) = state.writer.take() else {
                let woken = self.synced.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let mut runs = state.pending.take();
            drop(state);
            let (durable, result) = writer.write(&mut runs);
            state = self.state();
            state.pending.put_back(runs);
            state.pending.reuse(writer.take_room());
            state.writer = Some(writer);
            state.durable = durable.unwrap_or(state.durable);
            self.synced.notify_all();
            if let Err(source) = result {
                return Err(self.sync_error(source));
            }
        }
        Ok(state)
    }

    fn sync_error(&self, source: io::Error) -> SyncError {
        let dir = self.dir.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                SyncError::NoSpace { dir, source }
            }
            _ => SyncError::Io { dir, source },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Finds room for a record of `size` bytes, in a new segment if need be.
    fn place(&mut self, size: u64, segment_bytes: u64) -> Position {
        let first = segment::HEADER_BYTES as u64;
        if self.end.offset > first && self.end.offset + size > segment_bytes {
            self.end = Position::new(self.end.segment + 1, first);
        }
        let start = self.end;
        self.end.offset += size;
        self.segments.insert(start.segment, self.end.offset);
        start
    }
}
