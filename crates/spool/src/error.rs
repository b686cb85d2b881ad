//! Why the spool did not do what it was asked, one enum for each thing to ask.

use std::path::PathBuf;

pub use weft_journal::SyncError;
use weft_journal::{AppendError as JournalAppendError, ReplayError, TrimError};

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its segments cannot be opened.
    #[error("open spool at {path}")]
    Journal {
        /// The queue's directory.
        path: PathBuf,
        /// What went wrong.
        source: weft_journal::OpenError,
    },
    /// Its segments cannot be read.
    #[error("read spool at {path}")]
    Read {
        /// The queue's directory.
        path: PathBuf,
        /// What went wrong.
        source: ReplayError,
    },
}

/// Why a batch is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue is full and the sender must keep the batch.
    #[error("append batch to a full spool")]
    Full,
    /// It is larger than a segment.
    #[error("append batch of {bytes} bytes, over {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is allowed.
        bytes_max: u64,
    },
    /// The number is 0, or the last one there is.
    #[error("append batch number {0}, which is none")]
    Seq(u64),
    /// The disk does not take more.
    #[error("append batch")]
    Sync(#[source] SyncError),
    /// Old segments cannot be read or removed to make room.
    #[error("make room in the spool")]
    Read(#[from] ReadError),
}

impl From<JournalAppendError> for AppendError {
    fn from(error: JournalAppendError) -> AppendError {
        match error {
            JournalAppendError::TooLarge { bytes, bytes_max } => {
                AppendError::TooLarge { bytes, bytes_max }
            }
            JournalAppendError::Sync(source) => AppendError::Sync(source),
        }
    }
}

/// Why entries cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read spool")]
pub struct ReadError(#[from] pub ReplayError);

/// Why segments that are acknowledged are still there. The acknowledgement itself is noted.
#[derive(Debug, thiserror::Error)]
#[error("remove acknowledged segments")]
pub struct AckError(#[from] pub TrimError);

/// Why the ledger did not do what it was asked. It is a cache, so the spool goes on without.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database says so.
    #[error("use ledger")]
    Sled(#[from] sled::Error),
    /// The database has panicked, as it does on some damage.
    #[error("use ledger: the database gave up")]
    Panic,
    /// Another owner has the database open.
    #[error("use ledger: the database is in use")]
    InUse,
}
