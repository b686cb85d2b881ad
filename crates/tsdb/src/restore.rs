//! Brings a snapshot back: its files are verified, then copied into a new store's directory.
//!
//! In: a snapshot, and where the store is to be. Out: a directory that opens as a store, or an
//! error and nothing. The snapshot is only read. Bound: a buffer, and what a check needs.

use std::io;
use std::path::{Path, PathBuf};

use weft_disk::{Disk, Entry};

use crate::check::check_each;
use crate::db::{FINISHED, ends};
use crate::deletion;
use crate::error::{OpenError, PartError};
use crate::side_files::{EXEMPLARS_FILE, METADATA_FILE};

/// How much is copied at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Why a snapshot was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no part in the directory.
    #[error("restore from {0}: it holds no parts, so it is no snapshot")]
    NoSnapshot(PathBuf),
    /// The snapshot does not hold; the first fault is told.
    #[error("restore from {path}: {faults} of its files are damaged")]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// How many files.
        faults: usize,
        /// The first of them.
        source: PartError,
    },
    /// There is something where the store is to be.
    #[error("restore to {0}: it is not empty; choose another directory or move this one away")]
    NotEmpty(PathBuf),
    /// The snapshot cannot be read.
    #[error("read snapshot")]
    Read(#[from] OpenError),
    /// A file cannot be copied.
    #[error("copy {path}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// What was brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Parts.
    pub parts: usize,
    /// Their samples.
    pub samples: u64,
    /// Bytes that were copied.
    pub bytes: u64,
}

/// Copies the snapshot into `dir`, which must be empty or missing. `each` is told the path and the
/// size of each file before it is verified and again before it is copied.
pub fn restore(
    disk: &dyn Disk,
    snapshot: &Path,
    dir: &Path,
    each: &mut dyn FnMut(&Path, u64),
) -> Result<RestoreReport, RestoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::Copy { path, source }
    };
    if !disk.list(dir).map_err(failed(dir))?.is_empty() {
        return Err(RestoreError::NotEmpty(dir.to_owned()));
    }
    let mut checked = check_each(disk, snapshot, each)?;
    if checked.parts == 0 {
        return Err(RestoreError::NoSnapshot(snapshot.to_owned()));
    }
    if !checked.faults.is_empty() {
        return Err(RestoreError::Damaged {
            path: snapshot.to_owned(),
            faults: checked.faults.len(),
            source: checked.faults.swap_remove(0).error,
        });
    }
    let mut unfinished = dir.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = Path::new(&unfinished);
    disk.remove_dir(unfinished).map_err(failed(unfinished))?;
    let copied = copy_all(disk, snapshot, unfinished, each);
    let done = copied.and_then(|bytes| {
        disk.remove_dir(dir).map_err(failed(dir))?;
        disk.rename(unfinished, dir).map_err(failed(dir))?;
        let above = dir.parent().unwrap_or(Path::new("."));
        disk.sync_dir(above).map_err(failed(above))?;
        Ok(bytes)
    });
    let bytes = done.inspect_err(|_| {
        // What cannot be removed now is removed by the next try.
        let _ = disk.remove_dir(unfinished);
    })?;
    Ok(RestoreReport {
        parts: checked.parts,
        samples: checked.samples,
        bytes,
    })
}

fn belongs(entry: &Entry) -> bool {
    let small = [METADATA_FILE, EXEMPLARS_FILE, deletion::FILE];
    !entry.is_dir && (ends(entry, FINISHED) || small.contains(&entry.name.as_str()))
}

fn copy_all(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    each: &mut dyn FnMut(&Path, u64),
) -> Result<u64, RestoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::Copy { path, source }
    };
    disk.create_dir(to).map_err(failed(to))?;
    let entries = disk.list(from).map_err(failed(from))?;
    let mut bytes = 0;
    for entry in entries.iter().filter(|entry| belongs(entry)) {
        each(&entry.path, entry.bytes);
        let copied = copy(disk, &entry.path, &to.join(&entry.name));
        bytes += copied.map_err(failed(&entry.path))?;
    }
    disk.sync_dir(to).map_err(failed(to))?;
    Ok(bytes)
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<u64> {
    let (from, to) = (disk.open(from)?, disk.create(to)?);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut at = 0;
    loop {
        match from.read_at(at, &mut buffer)? {
            0 => break,
            more => {
                to.write_at(at, &buffer[..more])?;
                at += more as u64;
            }
        }
    }
    to.sync()?;
    Ok(at)
}
