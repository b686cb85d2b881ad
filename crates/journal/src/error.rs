//! Why the journal did not do what it was asked, one enum for each thing to ask.

use std::io;
use std::path::PathBuf;

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A segment was written by a later version of weft.
    #[error("open segment {path} of unknown version {version}")]
    Version {
        /// The segment's file.
        path: PathBuf,
        /// The version it names.
        version: u32,
    },
    /// A file or the directory cannot be read or written.
    #[error("open journal at {path}")]
    Io {
        /// What could not be used.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// Why a record is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It does not fit into a segment.
    #[error("append record of {bytes} bytes, over {bytes_max}")]
    TooLarge {
        /// Its payload.
        bytes: usize,
        /// The most that is allowed.
        bytes_max: u64,
    },
    /// The memory for waiting records is used up, and they cannot be written.
    #[error("append record while the journal cannot be written")]
    Sync(#[from] SyncError),
}

/// Why records are not durable yet. They stay in memory, and the next sync tries again.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The file system is full.
    #[error("write journal at {dir}: no space left")]
    NoSpace {
        /// The journal's directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("write journal at {dir}")]
    Io {
        /// The journal's directory.
        dir: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// Why old segments are still there.
#[derive(Debug, thiserror::Error)]
#[error("remove old segments at {path}")]
pub struct TrimError {
    /// What could not be removed or synced.
    pub path: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
#[error("read segment {path}")]
pub struct ReplayError {
    /// The segment's file.
    pub path: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}
