//! What goes wrong with logs at rest.

use std::io;
use std::path::PathBuf;

use weft_disk::LockError;
use weft_matcher::PatternError;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or the lock could not be made.
    #[error("lock log database")]
    Lock(#[from] LockError),
    /// The directory could not be read or made.
    #[error("open log database {path}", path = path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The settings contradict themselves.
    #[error("open log database: {0}")]
    Config(&'static str),
}

/// Why lines were not taken. None of the call's lines were.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Lines wait in memory because they cannot be written; try again later.
    #[error("append log lines: {bytes} bytes wait to be written, at most {bytes_max} may")]
    Full {
        /// How many bytes wait.
        bytes: usize,
        /// How many may.
        bytes_max: usize,
    },
    /// The labels of a stream take more than an index can hold.
    #[error("append log lines: labels of {bytes} bytes, at most {bytes_max} are allowed")]
    Labels {
        /// How many bytes the labels take.
        bytes: usize,
        /// How many they may.
        bytes_max: usize,
    },
}

/// Why lines could not be made durable. They stay in memory and searchable; try again later.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file could not be written.
    #[error("write log blocks")]
    Io(#[from] io::Error),
    /// The index could not be written.
    #[error("write log index")]
    Index(#[from] IndexError),
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A matcher's pattern is no regular expression.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// An index could not be read.
    #[error("read log index")]
    Index(#[from] IndexError),
}

/// What an index could not do.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The index said so.
    #[error("use index")]
    Index(#[from] tantivy::TantivyError),
    /// A file of the index could not be read.
    #[error("read index")]
    Io(#[from] io::Error),
    /// The index panicked, which it does on some corruptions.
    #[error("use index: it panicked: {0}")]
    Panicked(String),
    /// The index holds what this program never writes.
    #[error("read index: {0}")]
    Malformed(&'static str),
}
