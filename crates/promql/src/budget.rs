//! What all queries of a process may hold together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that queries share. The caller makes one and gives it along with each query.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl Budget {
    /// Returns a budget of which nothing is used.
    pub fn new(bytes_max: usize) -> Budget {
        Budget {
            bytes_max,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Returns the bytes that there are for all.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns the bytes that running queries hold now.
    pub fn bytes_held(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes, and tells whether they are still within the budget.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bytes_max
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
