//! Sealed samples in pages, in the order in which they were sealed.
//!
//! In: records of bytes. Out: the same by position; positions only grow. Whole pages are given
//! back from the oldest on, so that nothing is ever moved. Bound: the caller's, by truncating.

use std::collections::VecDeque;

/// The bytes of a page; a record does not reach beyond one.
pub(crate) const PAGE_BYTES: usize = 64 * 1024;

/// A page and when the last record was written to it.
struct Page {
    bytes: Vec<u8>,
    written: i64,
}

/// Records by position.
#[derive(Default)]
pub(crate) struct Log {
    pages: VecDeque<Page>,
    /// The number of the first page that is still there.
    first: u64,
}

impl Log {
    /// Returns the position of the next record, if it has at most `len` bytes, which are at most
    /// [`PAGE_BYTES`].
    pub(crate) fn reserve(&mut self, len: usize, now: i64) -> u64 {
        let fits = |page: &Page| page.bytes.len() + len <= PAGE_BYTES;
        if !self.pages.back().is_some_and(fits) {
            // The first page grows, so that a small store stays small.
            let capacity = if self.pages.is_empty() { 0 } else { PAGE_BYTES };
            self.pages.push_back(Page {
                bytes: Vec::with_capacity(capacity),
                written: now,
            });
        }
        let number = self.first + self.pages.len() as u64 - 1;
        let filled = self.pages.back().map_or(0, |page| page.bytes.len());
        number * PAGE_BYTES as u64 + filled as u64
    }

    /// Appends a record of at most [`PAGE_BYTES`] and returns its position.
    pub(crate) fn append(&mut self, record: &[u8], now: i64) -> u64 {
        let position = self.reserve(record.len(), now);
        let page = self.pages.back_mut().expect("reserving makes a page");
        page.bytes.extend_from_slice(record);
        page.written = now;
        position
    }

    /// Returns the bytes from a position to the end of what its page holds, or nothing when the
    /// page is gone.
    pub(crate) fn get(&self, position: u64) -> Option<&[u8]> {
        let number = (position / PAGE_BYTES as u64).checked_sub(self.first)?;
        let page = self.pages.get(usize::try_from(number).ok()?)?;
        page.bytes.get((position % PAGE_BYTES as u64) as usize..)
    }

    /// Returns the position of the next record, or one before it in the same page.
    pub(crate) fn end(&self) -> u64 {
        let filled = self
            .pages
            .back()
            .map_or(PAGE_BYTES, |page| page.bytes.len());
        (self.first + self.pages.len() as u64) * PAGE_BYTES as u64 + filled as u64
            - PAGE_BYTES as u64
    }

    /// Returns where the log would begin without the whole pages that end before `position` and
    /// were last written before `time`.
    pub(crate) fn start_without(&self, position: u64, time: i64) -> u64 {
        let gone = |(at, page): &(usize, &Page)| {
            (self.first + *at as u64 + 1) * PAGE_BYTES as u64 <= position && page.written < time
        };
        let pages = self.pages.iter().enumerate().take_while(gone).count();
        (self.first + pages as u64) * PAGE_BYTES as u64
    }

    /// Drops the pages before a position that [`Log::start_without`] returned.
    pub(crate) fn truncate(&mut self, start: u64) {
        while self.first * (PAGE_BYTES as u64) < start && self.pages.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Returns the bytes held, counting whole pages.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.len() * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_when_old_pages_go() {
        let mut log = Log::default();
        let record = vec![7u8; 1000];
        let positions: Vec<u64> = (0..200).map(|i| log.append(&record, i)).collect();
        let end = log.end();
        log.truncate(log.start_without(end, 100));
        let kept: Vec<usize> = (0..200)
            .filter(|i| log.get(positions[*i]).is_some())
            .collect();
        assert!(kept[0] > 50 && kept[0] <= 100, "{}", kept[0]);
        assert_eq!(kept.len(), 200 - kept[0]);
        assert_eq!(log.get(positions[199]).unwrap(), record);
    }

    #[test]
    fn pages_past_the_position_are_kept_however_old() {
        let mut log = Log::default();
        let first = log.append(&[1; 40_000], 0);
        let second = log.append(&[2; 40_000], 0);
        log.truncate(log.start_without(second, i64::MAX));
        assert!(log.get(first).is_none() && log.get(second).is_some());
    }
}
