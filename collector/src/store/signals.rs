//! What the thread of the spool tells without being asked.
//!
//! In: arrivals, fullness, figures. Out: the same, to be watched by any number of tasks.
//! Bound: only the latest is kept.

use std::sync::Arc;

use tokio::sync::watch;
use weft_model::StreamKind;
use weft_spool::{DropReason, Dropped};

use super::index;

/// How full the spool is, and what it dropped since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreStats {
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
    pub(crate) batches: u64,
    /// For each stream and reason.
    pub(crate) dropped: Vec<(DropReason, Dropped)>,
}

/// The latest of everything.
#[derive(Debug)]
pub(crate) struct Signals {
    arrivals: [watch::Sender<u64>; 3],
    full: [watch::Sender<bool>; 3],
    stats: watch::Sender<StoreStats>,
}

impl Signals {
    pub(crate) fn new() -> Arc<Signals> {
        Arc::new(Signals {
            arrivals: StreamKind::ALL.map(|_| watch::Sender::new(0)),
            full: StreamKind::ALL.map(|_| watch::Sender::new(false)),
            stats: watch::Sender::new(StoreStats::default()),
        })
    }

    /// Says that there is more to read of a stream.
    pub(super) fn arrived(&self, stream: StreamKind) {
        self.arrivals[index(stream)].send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Says whether a stream takes no more; tells whether that is news.
    pub(super) fn set_full(&self, stream: StreamKind, is_full: bool) -> bool {
        self.full[index(stream)].send_if_modified(|known| {
            let is_news = *known != is_full;
            *known = is_full;
            is_news
        })
    }

    pub(super) fn set_stats(&self, stats: StoreStats) {
        self.stats.send_replace(stats);
    }

    pub(super) fn is_full(&self, stream: StreamKind) -> bool {
        *self.full[index(stream)].borrow()
    }

    pub(super) fn watch_full(&self, stream: StreamKind) -> watch::Receiver<bool> {
        self.full[index(stream)].subscribe()
    }

    pub(super) fn arrivals(&self, stream: StreamKind) -> watch::Receiver<u64> {
        self.arrivals[index(stream)].subscribe()
    }

    pub(super) fn stats(&self) -> StoreStats {
        self.stats.borrow().clone()
    }
}
