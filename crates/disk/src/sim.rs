//! Files in memory, with power cuts, full disks and flipped bits, all from a seed.
//!
//! A crash keeps what was synced. Of every file it keeps, besides, any subset of the 512-byte
//! sectors written since the last sync; of every directory any subset of the names changed since
//! it was synced. This is what a disk with a volatile cache may do. A sync that fails forgets what
//! it should have written: the next one does not write it either, though it succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, Entry, File, Space};

mod inode;

use inode::Inode;

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

#[derive(Clone, Debug, Default)]
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
    /// This change fails, and no other.
    fails_at: Option<(u64, ErrorKind)>,
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

    /// Lets one operation fail with an error: the one after `operations` more writes, syncs and
    /// name changes. A write that fails has written the first half.
    pub fn fail_after(&self, operations: u64, kind: ErrorKind) {
        let mut state = self.state();
        state.fails_at = Some((state.writes + operations + 1, kind));
    }

    /// Takes back [`SimDisk::fail_after`]. Returns whether the operation had failed already.
    pub fn fail_no_more(&self) -> bool {
        self.state().fails_at.take().is_none()
    }

    /// Returns another disk with the same content.
    pub fn copy(&self) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(self.state().clone())))
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
        state.fails_at = None;
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
        state.inodes[inode].flip_bit(byte, bit)
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

impl State {
    /// Counts an operation that changes the disk; fails when the power is gone.
    fn change(&mut self) -> io::Result<()> {
        self.writes += 1;
        match self.power_ends_at {
            Some(end) if self.writes > end => return Err(io::Error::other("the power is gone")),
            _ => {}
        }
        match self.fails_at.take_if(|(at, _)| *at <= self.writes) {
            Some((_, kind)) => Err(kind.into()),
            None => Ok(()),
        }
    }

    /// Tells whether the power is gone.
    fn is_off(&self) -> bool {
        self.power_ends_at.is_some_and(|end| self.writes > end)
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
        if state.names.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
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
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        let grown = end.saturating_sub(state.inodes[self.inode].bytes.len());
        let result = state
            .change()
            .and_then(|()| state.require_space(grown as u64));
        let taken = match result {
            Ok(()) => bytes,
            Err(_) if state.is_off() => &[],
            Err(_) => &bytes[..bytes.len() / 2],
        };
        state.inodes[self.inode].write(start, taken);
        result
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].bytes.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        state.inodes[self.inode].set_len(len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut result = state.change();
        if result.is_ok() && state.fault == Some(Fault::Sync) {
            result = Err(io::Error::other("sync failed"));
        }
        let inode = &mut state.inodes[self.inode];
        match result {
            Ok(()) => inode.sync(),
            Err(_) => inode.forget_unsynced(),
        }
        result
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
mod tests;
