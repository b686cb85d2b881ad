//! Files in memory, with power cuts, full disks and flipped bits, all from a seed.
//!
//! A crash keeps what was synced. Of every file it keeps, besides, any subset of the 512-byte
//! sectors written since the last sync; of every directory any prefix-free subset of the names
//! changed since it was synced. This is what a disk with a volatile cache may do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, Entry, File, Space};

const SECTOR: usize = 512;

/// What goes wrong when a file is written or synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space is left for more than this many bytes in all files together.
    Full {
        /// The size of the disk.
        bytes: u64,
    },
    /// Every sync fails.
    Sync,
}

/// A disk in memory; a clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    /// The names as running programs see them.
    names: BTreeMap<PathBuf, usize>,
    /// The names as they are after a crash.
    durable_names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    fault: Option<Fault>,
    writes: u64,
    /// After this many writes and syncs every operation fails, until the crash.
    power_ends_at: Option<u64>,
}

#[derive(Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

impl SimDisk {
    /// Returns an empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// Sets or clears a fault.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Lets the power fail after `operations` more writes, syncs and name changes: everything
    /// then fails until [`SimDisk::crash`].
    pub fn cut_power_after(&self, operations: u64) {
        let mut state = self.state();
        state.power_ends_at = Some(state.writes + operations);
    }

    /// Returns how many writes, syncs and name changes there were.
    pub fn operations(&self) -> u64 {
        self.state().writes
    }

    /// Cuts the power and switches it on again: a part of what was not synced is lost, chosen by
    /// `seed`. Open files must not be used any longer.
    pub fn crash(&self, seed: u64) {
        let mut random = Random(seed | 1);
        let mut state = self.state();
        let state = &mut *state;
        state.power_ends_at = None;
        let all: BTreeSet<_> = state
            .names
            .keys()
            .chain(state.durable_names.keys())
            .cloned()
            .collect();
        for path in all {
            let now = state.names.get(&path).copied();
            if now != state.durable_names.get(&path).copied() && random.below(2) == 0 {
                match now {
                    Some(inode) => state.durable_names.insert(path, inode),
                    None => state.durable_names.remove(&path),
                };
            }
        }
        for inode in &mut state.inodes {
            inode.crash(&mut random);
        }
        state.names = state.durable_names.clone();
    }

    /// Flips one bit of a file, durably. Returns whether the file has such a byte.
    pub fn flip_bit(&self, path: &Path, byte: u64, bit: u8) -> bool {
        let mut state = self.state();
        let Some(&inode) = state.names.get(path) else {
            return false;
        };
        let inode = &mut state.inodes[inode];
        let Some(at) = usize::try_from(byte)
            .ok()
            .filter(|at| *at < inode.bytes.len())
        else {
            return false;
        };
        inode.bytes[at] ^= 1 << (bit % 8);
        if at < inode.durable.len() {
            inode.durable[at] ^= 1 << (bit % 8);
        }
        true
    }

    /// Returns all files with their sizes.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        let sized = |(path, inode): (&PathBuf, &usize)| {
            (path.clone(), state.inodes[*inode].bytes.len() as u64)
        };
        state.names.iter().map(sized).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inode {
    fn crash(&mut self, random: &mut Random) {
        if self.bytes != self.durable {
            let len_changed = self.bytes.len() != self.durable.len();
            if len_changed && random.below(2) == 0 {
                self.durable.resize(self.bytes.len(), 0);
            }
            for start in (0..self.durable.len().min(self.bytes.len())).step_by(SECTOR) {
                let end = (start + SECTOR)
                    .min(self.durable.len())
                    .min(self.bytes.len());
                if random.below(2) == 0 {
                    self.durable[start..end].copy_from_slice(&self.bytes[start..end]);
                }
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

impl State {
    /// Counts an operation that changes the disk; fails when the power is gone.
    fn change(&mut self) -> io::Result<()> {
        self.writes += 1;
        match self.power_ends_at {
            Some(end) if self.writes > end => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .map(|inode| self.inodes[*inode].bytes.len() as u64)
            .sum()
    }

    fn require_space(&self, more: u64) -> io::Result<()> {
        match self.fault {
            Some(Fault::Full { bytes }) if self.used() + more > bytes => {
                Err(io::Error::from(ErrorKind::StorageFull))
            }
            _ => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.change()?;
        let parent = path.parent().unwrap_or(Path::new("")).to_owned();
        if !parent.as_os_str().is_empty() && !state.dirs.contains(&parent) {
            return Err(ErrorKind::NotFound.into());
        }
        state.inodes.push(Inode::default());
        let inode = state.inodes.len() - 1;
        state.names.insert(path.to_owned(), inode);
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let inode = *self.state().names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        let below = |path: &PathBuf| path.parent() == Some(dir);
        let entry = |path: &PathBuf, bytes, is_dir| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some(Entry {
                path: path.clone(),
                name,
                bytes,
                is_dir,
            })
        };
        let size = |inode: &usize| state.inodes[*inode].bytes.len() as u64;
        let files = state.names.iter().filter(|(path, _)| below(path));
        let mut entries: Vec<_> = files
            .filter_map(|(path, i)| entry(path, size(i), false))
            .collect();
        let dirs = state.dirs.iter().filter(|path| below(path));
        entries.extend(dirs.filter_map(|path| entry(path, 0, true)));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        if let Some(inode) = state.names.remove(from) {
            state.names.insert(to.to_owned(), inode);
            return Ok(());
        }
        if !state.dirs.contains(from) {
            return Err(ErrorKind::NotFound.into());
        }
        let moved = |path: &PathBuf| path.strip_prefix(from).ok().map(|rest| join(to, rest));
        let state = &mut *state;
        state.dirs = state
            .dirs
            .iter()
            .map(|dir| moved(dir).unwrap_or_else(|| dir.clone()))
            .collect();
        for names in [&mut state.names, &mut state.durable_names] {
            let renamed = |(path, inode): (&PathBuf, &usize)| {
                (moved(path).unwrap_or_else(|| path.clone()), *inode)
            };
            *names = names.iter().map(renamed).collect();
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let inode = *state.names.get(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.remove(path);
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.retain(|path, _| !path.starts_with(dir));
        state.dirs.retain(|path| !path.starts_with(dir));
        Ok(())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        for ancestor in dir.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            state.dirs.insert(ancestor.to_owned());
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        if state.fault == Some(Fault::Sync) {
            return Err(io::Error::other("sync failed"));
        }
        let state = &mut *state;
        state
            .durable_names
            .retain(|path, _| path.parent() != Some(dir));
        for (path, inode) in state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir))
        {
            state.durable_names.insert(path.clone(), *inode);
        }
        Ok(())
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.state();
        let total = match state.fault {
            Some(Fault::Full { bytes }) => bytes,
            _ => 1 << 40,
        };
        Ok(Space {
            total,
            free: total.saturating_sub(state.used()),
        })
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.names.contains_key(path) || state.dirs.contains(path)
    }
}

fn join(to: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() {
        to.to_owned()
    } else {
        to.join(rest)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl File for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = &state.inodes[self.inode].bytes;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let n = into.len().min(bytes.len() - start);
        into[..n].copy_from_slice(&bytes[start..start + n]);
        Ok(n)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        let grown = end.saturating_sub(state.inodes[self.inode].bytes.len());
        state.require_space(grown as u64)?;
        let content = &mut state.inodes[self.inode].bytes;
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].bytes.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        state.inodes[self.inode].bytes.resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        if state.fault == Some(Fault::Sync) {
            return Err(io::Error::other("sync failed"));
        }
        let inode = &mut state.inodes[self.inode];
        inode.durable.clone_from(&inode.bytes);
        Ok(())
    }
}

/// A xorshift generator: equal seeds, equal faults.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_every_crash() {
        for seed in 0..200 {
            let disk = SimDisk::new();
            let dir = Path::new("/d");
            disk.create_dir(dir).unwrap();
            let path = dir.join("f");
            let file = disk.create(&path).unwrap();
            file.write_at(0, b"safe").unwrap();
            file.sync().unwrap();
            disk.sync_dir(dir).unwrap();
            file.write_at(4, &[7; 2000]).unwrap();
            disk.crash(seed);
            let bytes = disk.read(&path).unwrap();
            assert_eq!(&bytes[..4], b"safe", "seed {seed}");
        }
    }

    #[test]
    fn some_crash_loses_what_was_not_synced() {
        let lost = (0..50).filter(|seed| {
            let disk = SimDisk::new();
            disk.create_dir(Path::new("/d")).unwrap();
            disk.create(Path::new("/d/f"))
                .unwrap()
                .write_at(0, b"gone")
                .unwrap();
            disk.crash(*seed);
            !disk.exists(Path::new("/d/f"))
        });
        assert!((10..40).contains(&lost.count()));
    }

    #[test]
    fn an_atomic_write_is_old_or_new() {
        for operations in 0..8 {
            for seed in 0..20 {
                let disk = SimDisk::new();
                let path = Path::new("/d/f");
                disk.create_dir(Path::new("/d")).unwrap();
                disk.write_atomic(path, b"old").unwrap();
                disk.cut_power_after(operations);
                let done = disk.write_atomic(path, b"new").is_ok();
                disk.crash(seed);
                let found = disk.read(path).unwrap();
                assert!(
                    found == b"new" || (!done && found == b"old"),
                    "{operations} {seed}"
                );
            }
        }
    }
}
