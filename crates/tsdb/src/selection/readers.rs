//! What a thread that reads series one after another keeps from one to the next.
//!
//! Bound: as many readers as [`READERS_MAX`]; each keeps the buffers of one series, the columns of
//! times met last, and of each part the few frames used last.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, TryLockError};

use crate::head::reading::ChunkReader;
use crate::head::shard::Layers;
use crate::part::Recent;

/// How many threads may read side by side and each find what it used last.
const READERS_MAX: usize = 8;

/// What is kept from one series to the next.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) chunks: ChunkReader,
    pub(super) layers: Layers,
    /// By part.
    recent: Vec<Recent>,
}

impl Reader {
    /// Returns the frames of a part that were used last.
    pub(super) fn recent(&mut self, ordinal: usize) -> &mut Recent {
        if self.recent.len() <= ordinal {
            self.recent.resize_with(ordinal + 1, Recent::default);
        }
        &mut self.recent[ordinal]
    }
}

/// The readers of a selection.
#[derive(Default)]
pub(super) struct Readers([Mutex<Reader>; READERS_MAX]);

impl Readers {
    /// Hands out a reader that no other thread has: mostly the one that this thread had before.
    pub(super) fn with<R>(&self, each: impl FnOnce(&mut Reader) -> R) -> R {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let first = hasher.finish() as usize;
        for at in 0..READERS_MAX {
            match self.0[(first.wrapping_add(at)) % READERS_MAX].try_lock() {
                Ok(mut reader) => return each(&mut reader),
                // What a thread left that panicked in the middle is not gone on with.
                Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => {}
            }
        }
        each(&mut Reader::default())
    }
}
