//! The content of one simulated file: as programs see it, and as it is on the disk.
//!
//! In: writes and syncs. Out: bytes, before and after a crash. Bound: the file's size, twice.

use super::Random;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) bytes: Vec<u8>,
    durable: Vec<u8>,
    /// The sectors that the next sync writes.
    dirty: Vec<bool>,
    /// Whether the next sync writes the length.
    len_is_dirty: bool,
}

impl Inode {
    pub(super) fn write(&mut self, start: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        if self.bytes.len() < end {
            self.set_len(end);
        }
        self.bytes[start..end].copy_from_slice(bytes);
        self.dirty[start / SECTOR..end.div_ceil(SECTOR)].fill(true);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.dirty.resize(len.div_ceil(SECTOR), true);
        self.len_is_dirty = true;
    }

    pub(super) fn sync(&mut self) {
        if std::mem::take(&mut self.len_is_dirty) {
            self.durable.resize(self.bytes.len(), 0);
        }
        let len = self.bytes.len().min(self.durable.len());
        for (sector, _) in self.dirty.iter().enumerate().filter(|(_, dirty)| **dirty) {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(len);
            if start < end {
                self.durable[start..end].copy_from_slice(&self.bytes[start..end]);
            }
        }
        self.dirty.fill(false);
    }

    /// Does what a kernel does with pages that it could not write: they count as written.
    pub(super) fn forget_unsynced(&mut self) {
        self.dirty.fill(false);
        self.len_is_dirty = false;
    }

    pub(super) fn flip_bit(&mut self, byte: u64, bit: u8) -> bool {
        let at = usize::try_from(byte).unwrap_or(usize::MAX);
        let Some(seen) = self.bytes.get_mut(at) else {
            return false;
        };
        *seen ^= 1 << (bit % 8);
        if let Some(durable) = self.durable.get_mut(at) {
            *durable ^= 1 << (bit % 8);
        }
        true
    }

    /// Keeps of what was not synced what chance keeps.
    pub(super) fn crash(&mut self, random: &mut Random) {
        if self.bytes != self.durable {
            if self.bytes.len() != self.durable.len() && random.below(2) == 0 {
                self.durable.resize(self.bytes.len(), 0);
            }
            let len = self.durable.len().min(self.bytes.len());
            for start in (0..len).step_by(SECTOR) {
                let end = (start + SECTOR).min(len);
                if random.below(2) == 0 {
                    self.durable[start..end].copy_from_slice(&self.bytes[start..end]);
                }
            }
        }
        self.bytes.clone_from(&self.durable);
        self.dirty.clear();
        self.dirty.resize(self.bytes.len().div_ceil(SECTOR), false);
        self.len_is_dirty = false;
    }
}
