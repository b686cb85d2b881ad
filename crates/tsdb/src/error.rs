//! What can go wrong, by operation.

use std::io;
use std::path::{Path, PathBuf};

use weft_codec::CodecError;

/// Why a series or a sample was not taken. Each refusal is counted by its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Rejected {
    /// The series left the head since it was interned; intern it again.
    #[error("append sample: the series was interned too long ago")]
    Stale,
    /// The store has as many series as it may.
    #[error("intern series: the store's series budget is used up")]
    StoreBudget,
    /// The metric has as many series as it may.
    #[error("intern series: the metric's series budget is used up")]
    MetricBudget,
    /// The target has as many series as it may.
    #[error("intern series: the target's series budget is used up")]
    TargetBudget,
    /// The labels are none, too many or too long.
    #[error("intern series: the labels are empty, too many or too long")]
    Labels,
    /// The sample is older than the retention.
    #[error("append sample: the time lies before the retention")]
    TooOld,
    /// The sample is further ahead than allowed.
    #[error("append sample: the time lies too far in the future")]
    TooNew,
    /// The head is full, because parts cannot be written.
    #[error("append sample: the head is full")]
    HeadFull,
    /// The histogram contradicts itself or has too many buckets.
    #[error("append histogram: the buckets contradict the spans")]
    Histogram,
}

impl Rejected {
    /// Tells whether it speaks of a series that was not made, rather than of a sample.
    pub fn is_of_series(self) -> bool {
        use Rejected::{Labels, MetricBudget, StoreBudget, TargetBudget};
        matches!(self, StoreBudget | MetricBudget | TargetBudget | Labels)
    }

    /// Returns the word under which the refusal is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Rejected::Stale => "stale_reference",
            Rejected::StoreBudget => "store_budget",
            Rejected::MetricBudget => "metric_budget",
            Rejected::TargetBudget => "target_budget",
            Rejected::Labels => "labels",
            Rejected::TooOld => "too_old",
            Rejected::TooNew => "too_new",
            Rejected::HeadFull => "head_full",
            Rejected::Histogram => "histogram",
        }
    }
}

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The disk failed.
    #[error("read part {path}")]
    Io {
        /// The part's file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The bytes are not those that were written.
    #[error("read part {path}: {reason}")]
    Corrupt {
        /// The part's file.
        path: PathBuf,
        /// What does not hold.
        reason: &'static str,
    },
    /// The file is of a version that this build does not know.
    #[error("read part {path}: unknown version {version}")]
    Version {
        /// The part's file.
        path: PathBuf,
        /// What the file says.
        version: u32,
    },
}

impl PartError {
    /// Tells whether the bytes, not the disk, are at fault.
    pub fn is_corrupt(&self) -> bool {
        !matches!(self, PartError::Io { .. })
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed.
    #[error("open store {path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// A part was written by a build that this one does not know; nothing was changed.
    #[error("open store: {path} is of version {version}, which this build does not know")]
    Version {
        /// The part's file.
        path: PathBuf,
        /// What the file says.
        version: u32,
    },
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A part is at fault; it is set aside at the next maintenance.
    #[error("read samples")]
    Part(#[from] PartError),
    /// More series match than a selection may have.
    #[error("select series: {found} or more match, {most} are allowed")]
    TooManySeries {
        /// How many were found when the search ended.
        found: usize,
        /// The limit.
        most: usize,
    },
}

/// Why a flush, a merge, a deletion or a snapshot was not done. Nothing is lost by it: what was
/// in the head stays there, what was on the disk too.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full.
    #[error("write {path}: no space is left")]
    Full {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The disk failed.
    #[error("write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// A source could not be read.
    #[error("read what is to be written")]
    Part(#[from] PartError),
    /// As many deletions wait as may.
    #[error("delete samples: {0} deletions wait to be carried out, more are not taken")]
    TooManyDeletions(usize),
}

impl PartError {
    /// Returns the file that is at fault.
    pub fn path(&self) -> &Path {
        match self {
            PartError::Io { path, .. }
            | PartError::Corrupt { path, .. }
            | PartError::Version { path, .. } => path,
        }
    }
}

impl WriteError {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> WriteError {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                WriteError::Full { path, source }
            }
            _ => WriteError::Io { path, source },
        }
    }
}

/// Bytes that passed their checksum but do not decode; the caller adds the file's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl From<CodecError> for Malformed {
    fn from(_: CodecError) -> Malformed {
        Malformed("a column does not decode")
    }
}
