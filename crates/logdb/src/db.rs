//! The database: the head in memory, the partitions on disk, and the one sealer between them.
//!
//! Appending takes the head's lock for as long as copying lines takes. Sealing and committing are
//! done by one caller at a time, who holds the sealer; the head is locked only to publish. A
//! question clones references under the head's lock and reads without it, so it sees every line
//! exactly once: in an open, a full, a pending or a committed block.

mod append;
mod count;
mod labels;
mod maintain;
mod open;
mod sealer;
mod select;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_disk::{DirLock, Disk};
use weft_matcher::LabelMatcher;
use weft_model::Matcher;

use crate::config::Config;
use crate::error::ReadError;
use crate::head::Head;
use crate::tail::{Tail, TailCursor, pick};
pub use append::{Appended, Entry};
pub use labels::StreamVolume;
pub use maintain::Maintained;
pub use open::{Aside, OpenReport};
use sealer::Sealer;

/// Log lines at rest. All methods may be called from several threads.
pub struct LogDb {
    root: PathBuf,
    config: Config,
    disk: Arc<dyn Disk>,
    head: Mutex<Head>,
    sealer: Mutex<Sealer>,
    _lock: DirLock,
}

/// The state of a database, for its own metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Partitions on disk.
    pub partitions: usize,
    /// Open blocks in memory.
    pub open_blocks: usize,
    /// Full blocks that wait to be sealed.
    pub full_blocks: usize,
    /// Sealed blocks that wait for a commit.
    pub pending_blocks: usize,
    /// Committed blocks.
    pub committed_blocks: usize,
    /// Bytes of lines in memory.
    pub head_bytes: usize,
    /// Bytes of blocks and filters on disk, without the index.
    pub disk_bytes: u64,
}

impl LogDb {
    /// Returns how much there is of everything.
    pub fn usage(&self) -> Usage {
        let head = self.head();
        let mut usage = Usage {
            partitions: head.partitions.len(),
            open_blocks: head.open_count(),
            full_blocks: head.full.len(),
            head_bytes: head.bytes,
            ..Usage::default()
        };
        for published in head.partitions.values() {
            usage.pending_blocks += published.pending.len();
            let segments = published.snapshot.segments.iter();
            usage.committed_blocks += segments.map(|s| s.blocks.len()).sum::<usize>();
            usage.disk_bytes += published.partition.bytes().unwrap_or(0);
        }
        usage
    }

    /// Returns the greatest journal position of the blocks that were found when the store was
    /// opened, 0 for none.
    pub fn reached(&self) -> u64 {
        self.head().watermark_max
    }

    /// Returns what was appended since a cursor, at most `limit` lines; without a cursor, where
    /// to begin. Lines are kept for this only while someone asks at least once a minute.
    pub fn tail(
        &self,
        cursor: Option<TailCursor>,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Tail, ReadError> {
        let matchers = LabelMatcher::compile_all(matchers)?;
        let (calls, from, missed) = {
            let mut head = self.head();
            let now = head.now;
            head.tails.since(cursor, now)
        };
        let (entries, next) = pick(&calls, from, &matchers, limit);
        Ok(Tail {
            entries,
            next,
            missed,
        })
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sealer(&self) -> MutexGuard<'_, Sealer> {
        self.sealer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
