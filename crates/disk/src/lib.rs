//! Files behind a trait, so that a test can stop time, cut the power and corrupt bytes.
//!
//! Engines reach their files only through [`Disk`]. [`RealDisk`] is the machine's; [`SimDisk`]
//! lives in memory and forgets, on [`SimDisk::crash`], what was not synced.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

mod lock;
mod real;
mod sim;

pub use lock::{DirLock, LockError};
pub use real::RealDisk;
pub use sim::{Fault, SimDisk};

/// Where an engine keeps its files. All paths are absolute or relative to the process.
pub trait Disk: Send + Sync + Debug {
    /// Makes an empty file for reading and writing; one that is there already is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Returns the files and directories right below `dir`, sorted by name; none if there is no
    /// such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Gives a file or directory another name, in place of a file that has it already.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name (a hard link).
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; it is no error if there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all below it; it is no error if there is none.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes a directory and those above it.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable: what was created, renamed or removed.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Returns the space of the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// Tells whether there is a file or directory of this name.
    fn exists(&self, path: &Path) -> bool;

    /// Returns the whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(filled as u64, &mut bytes[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Writes a file so that after a crash there is the old content or the new one, never a
    /// mixture: a temporary file, synced, then renamed, then the directory synced.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let file = self.create(&temporary)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}

/// An open file. Positions are bytes from its start.
pub trait File: Send + Sync + Debug {
    /// Reads at most `into.len()` bytes from `offset`; fewer at the end, 0 past it.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, growing the file if need be.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns the size in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Tells whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends the file to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the content durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole path.
    pub path: PathBuf,
    /// The last part of the path; names that are not UTF-8 are not listed.
    pub name: String,
    /// Its size in bytes, 0 for a directory.
    pub bytes: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// The space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What it holds in all.
    pub total: u64,
    /// What this process may still use.
    pub free: u64,
}
