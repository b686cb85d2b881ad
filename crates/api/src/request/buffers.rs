//! Room for bodies, used again: a body of a megabyte in fresh memory costs as many page faults as
//! it takes time to decompress, and one that is freed by another thread than made it leaves a hole.
//!
//! In: bytes as they come, or a length to be filled. Out: bytes that find their way back when the
//! last one lets go of them. Bound: as many buffers are kept as is said, none of them larger than
//! is said; others are made and freed.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers that nobody uses at the moment.
pub(crate) struct Buffers {
    idle: Mutex<Vec<Vec<u8>>>,
    idle_max: usize,
    bytes_max: usize,
}

/// A buffer of which the first `len` bytes are in use.
pub(crate) struct Lent {
    bytes: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    /// Keeps so many buffers of at most so many bytes each.
    pub(crate) fn new(idle_max: usize, bytes_max: usize) -> Arc<Buffers> {
        Arc::new(Buffers {
            idle: Mutex::default(),
            idle_max,
            bytes_max,
        })
    }

    /// Lends an empty buffer.
    pub(crate) fn lend(self: &Arc<Buffers>) -> Lent {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        Lent {
            bytes: idle.pop().unwrap_or_default(),
            len: 0,
            home: Arc::clone(self),
        }
    }

    fn give_back(&self, bytes: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max && bytes.capacity() <= self.bytes_max {
            idle.push(bytes);
        }
    }
}

impl Lent {
    /// Returns how many bytes are in use.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes so many more bytes into use and returns them; what they hold is left from before.
    pub(crate) fn grow(&mut self, more: usize) -> &mut [u8] {
        let from = self.len;
        self.len += more;
        if self.bytes.len() < self.len {
            self.bytes.resize(self.len, 0);
        }
        &mut self.bytes[from..self.len]
    }

    /// Makes room for so many bytes.
    pub(crate) fn reserve(&mut self, len: usize) {
        self.bytes.reserve(len.saturating_sub(self.bytes.len()));
    }

    /// Returns the bytes in use.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffers: &Arc<Buffers>, len: usize, with: u8) -> Bytes {
        let mut lent = buffers.lend();
        lent.grow(len / 2).fill(with);
        lent.grow(len - len / 2).fill(with);
        lent.freeze()
    }

    #[test]
    fn a_buffer_that_comes_back_shows_nothing_of_what_it_held() {
        let buffers = Buffers::new(4, 10_000);
        drop(filled(&buffers, 1000, 7));
        let (first, second) = (filled(&buffers, 10, 8), filled(&buffers, 2000, 9));
        assert_eq!(first, [8; 10].as_slice());
        assert_eq!(second, [9; 2000].as_slice());
        let part = second.slice(5..7);
        drop((first, second));
        assert_eq!(filled(&buffers, 30, 1), [1; 30].as_slice());
        assert_eq!(part, [9; 2].as_slice());
    }

    #[test]
    fn no_more_is_kept_than_is_said() {
        let buffers = Buffers::new(3, 10_000);
        let many = |len: usize| {
            (0..64)
                .map(|_| filled(&buffers, len, 0))
                .collect::<Vec<_>>()
        };
        drop(many(10_001));
        assert_eq!(buffers.idle.lock().unwrap().len(), 0);
        drop(many(100));
        assert_eq!(buffers.idle.lock().unwrap().len(), 3);
    }
}
