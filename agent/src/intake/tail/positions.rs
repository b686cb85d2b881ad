//! The file of positions: how far every stream was acknowledged.
//!
//! In: states of segments, as acknowledgements arrive. Out: the same states after a restart.
//! The file is appended to, a checksum on every record, and written anew when most of it is
//! superseded; it is synced lazily, since a position that is too old only means that lines are sent
//! again, which the receiver drops. The bytes are described in `docs/format/agent-positions.md`.
//! Bound: [`DONE_MAX`] finished segments for each stream, beside the unfinished ones.

mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::{Disk, File};

use super::position::SegmentState;

/// Finished segments that are remembered for each stream, so that they are not read again.
pub(super) const DONE_MAX: usize = 16;

/// The file is not written anew below this size.
const COMPACT_BYTES_MIN: u64 = 256 * 1024;

/// The positions of all streams.
#[derive(Debug)]
pub(super) struct Positions {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn File>,
    len: u64,
    streams: BTreeMap<String, Vec<SegmentState>>,
    dirty: BTreeSet<String>,
    unsynced: bool,
}

impl Positions {
    /// Opens the file, or makes it; what is torn or damaged at its end is cut off. Returns also
    /// how many bytes were.
    pub(super) fn open(disk: Arc<dyn Disk>, path: &Path) -> io::Result<(Positions, u64)> {
        let known = disk.exists(path);
        let bytes = if known { disk.read(path)? } else { Vec::new() };
        let mut streams = BTreeMap::new();
        let valid = record::read_all(&bytes, |identity, segments| {
            if segments.is_empty() {
                streams.remove(&identity);
            } else {
                streams.insert(identity, segments);
            }
        });
        let file = if known {
            disk.open(path)?
        } else {
            disk.create(path)?
        };
        let (len, cut) = (valid as u64, (bytes.len() - valid) as u64);
        if cut > 0 {
            file.set_len(len)?;
        }
        if !known && let Some(dir) = path.parent() {
            disk.sync_dir(dir)?;
        }
        let positions = Positions {
            disk,
            path: path.to_owned(),
            file,
            len,
            streams,
            dirty: BTreeSet::new(),
            unsynced: false,
        };
        Ok((positions, cut))
    }

    /// Returns the segments of a stream, oldest first.
    pub(super) fn stream(&self, identity: &str) -> &[SegmentState] {
        self.streams.get(identity).map_or(&[], Vec::as_slice)
    }

    /// Returns the identities of all streams.
    pub(super) fn identities(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(String::as_str)
    }

    /// Takes over the states of some segments of a stream.
    pub(super) fn merge(&mut self, identity: &str, states: Vec<SegmentState>) {
        let segments = self.streams.entry(identity.to_owned()).or_default();
        for state in states {
            match segments.iter_mut().find(|known| known.id == state.id) {
                Some(known) => *known = state,
                None => segments.push(state),
            }
        }
        let done = segments.iter().filter(|state| state.done).count();
        let mut surplus = done.saturating_sub(DONE_MAX);
        segments.retain(|state| {
            let dropped = state.done && surplus > 0;
            surplus -= usize::from(dropped);
            !dropped
        });
        self.dirty.insert(identity.to_owned());
    }

    /// Forgets a stream whose files are gone.
    pub(super) fn forget(&mut self, identity: &str) {
        if self.streams.remove(identity).is_some() {
            self.dirty.insert(identity.to_owned());
        }
    }

    /// Writes what changed, without syncing.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.dirty.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for identity in &self.dirty {
            record::append(&mut bytes, identity, self.stream(identity));
        }
        self.file.write_at(self.len, &bytes)?;
        self.len += bytes.len() as u64;
        self.dirty.clear();
        self.unsynced = true;
        Ok(())
    }

    /// Makes what was written durable; writes the file anew when most of it is superseded.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.unsynced) {
            return Ok(());
        }
        let mut live = Vec::new();
        for (identity, segments) in &self.streams {
            record::append(&mut live, identity, segments);
        }
        if self.len < COMPACT_BYTES_MIN.max(4 * live.len() as u64) {
            return self.file.sync();
        }
        self.disk.write_atomic(&self.path, &live)?;
        self.file = self.disk.open(&self.path)?;
        self.len = live.len() as u64;
        Ok(())
    }
}
