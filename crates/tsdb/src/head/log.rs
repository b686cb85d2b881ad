//! Sealed samples in pages, in the order in which they were sealed.
//!
//! In: records of bytes. Out: the same by position; positions only grow. Whole pages are given
//! back, from the oldest on when the caller says so, and any page once its records were released,
//! so that nothing is ever moved. Bound: the caller's, by truncating.

use std::collections::VecDeque;

/// The bytes of a page; a record does not reach beyond one.
pub(crate) const PAGE_BYTES: usize = 16 * 1024;

/// For how many pages in use one that went may wait to be used again. Pages go in bursts, when
/// chunks are written again; an allocator with a heap for each thread would not put those of the
/// next burst where they were: with nine writers that made a third more of the whole process.
const HELD_PER_SPARE: usize = 4;

/// A page and when the last record was written to it.
struct Page {
    bytes: Vec<u8>,
    written: i64,
    /// How many records were kept and not released.
    kept: u32,
}

/// Records by position.
#[derive(Default)]
pub(crate) struct Log {
    pages: VecDeque<Page>,
    /// The number of the first page that is still there.
    first: u64,
    /// How many pages have their bytes.
    held: usize,
    /// Room of pages that have gone.
    spare: Vec<Vec<u8>>,
}

impl Log {
    /// Returns the position of the next record, if it and those that are to lie in its page have
    /// at most `len` bytes, which are at most [`PAGE_BYTES`].
    pub(crate) fn reserve(&mut self, len: usize, now: i64) -> u64 {
        let fits = |page: &Page| page.bytes.len() + len <= PAGE_BYTES;
        if !self.pages.back().is_some_and(fits) {
            self.begin_page(now);
        }
        self.position()
    }

    fn begin_page(&mut self, now: i64) {
        if let Some(last) = self.pages.len().checked_sub(1) {
            self.drop_released(last);
        }
        let bytes = self.spare.pop().unwrap_or_else(|| {
            // The first page grows, so that a small store stays small.
            let capacity = if self.pages.is_empty() { 0 } else { PAGE_BYTES };
            Vec::with_capacity(capacity)
        });
        self.pages.push_back(Page {
            bytes,
            written: now,
            kept: 0,
        });
        self.held += 1;
    }

    /// Gives the bytes of a page back of which no record is kept.
    fn drop_released(&mut self, at: usize) {
        let page = &mut self.pages[at];
        if page.kept == 0 && page.bytes.capacity() > 0 {
            let bytes = std::mem::take(&mut page.bytes);
            self.give_back(bytes);
        }
    }

    fn give_back(&mut self, mut bytes: Vec<u8>) {
        self.held -= 1;
        if self.spare.len() <= self.held / HELD_PER_SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    fn position(&self) -> u64 {
        let number = self.first + self.pages.len() as u64 - 1;
        let filled = self.pages.back().map_or(0, |page| page.bytes.len());
        number * PAGE_BYTES as u64 + filled as u64
    }

    /// Appends bytes for which room was reserved and returns their position. They stay for as long
    /// as a record of their page is kept.
    pub(crate) fn append(&mut self, bytes: &[u8], now: i64) -> u64 {
        let position = self.reserve(bytes.len(), now);
        let page = self.pages.back_mut().expect("reserving makes a page");
        page.bytes.extend_from_slice(bytes);
        page.written = now;
        position
    }

    /// Appends a record that is kept until it is released.
    pub(crate) fn keep(&mut self, record: &[u8], now: i64) -> u64 {
        let position = self.append(record, now);
        let page = self.pages.back_mut().expect("appending makes a page");
        page.kept += 1;
        position
    }

    /// Ends the use of a record that is kept.
    pub(crate) fn release(&mut self, position: u64) {
        let number = Log::page_of(position) - self.first;
        let at = usize::try_from(number).expect("there are not so many pages");
        self.pages[at].kept -= 1;
        if at + 1 < self.pages.len() {
            self.drop_released(at);
        }
    }

    /// Returns the number of the page in which a position lies.
    pub(crate) fn page_of(position: u64) -> u64 {
        position / PAGE_BYTES as u64
    }

    /// Returns the bytes from a record's position to the end of what its page holds, or nothing
    /// when the page is gone.
    pub(crate) fn get(&self, position: u64) -> Option<&[u8]> {
        let number = Log::page_of(position).checked_sub(self.first)?;
        let page = self.pages.get(usize::try_from(number).ok()?)?;
        let rest = page.bytes.get((position % PAGE_BYTES as u64) as usize..)?;
        (!rest.is_empty()).then_some(rest)
    }

    /// Returns the position of the next record, or one before it in the same page.
    pub(crate) fn end(&self) -> u64 {
        if self.pages.is_empty() {
            self.first * PAGE_BYTES as u64
        } else {
            self.position()
        }
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
        while self.first * (PAGE_BYTES as u64) < start
            && let Some(page) = self.pages.pop_front()
        {
            self.first += 1;
            if page.bytes.capacity() > 0 {
                self.give_back(page.bytes);
            }
        }
    }

    /// Returns the bytes held, counting whole pages.
    pub(crate) fn bytes(&self) -> usize {
        (self.held + self.spare.len()) * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_when_old_pages_go() {
        let mut log = Log::default();
        let record = vec![7u8; 1000];
        let positions: Vec<u64> = (0..200).map(|i| log.keep(&record, i)).collect();
        let end = log.end();
        log.truncate(log.start_without(end, 100));
        let kept: Vec<usize> = (0..200)
            .filter(|i| log.get(positions[*i]).is_some())
            .collect();
        assert!(kept[0] > 80 && kept[0] <= 100, "{}", kept[0]);
        assert_eq!(kept.len(), 200 - kept[0]);
        assert_eq!(log.get(positions[199]).unwrap(), record);
    }

    #[test]
    fn pages_past_the_position_are_kept_however_old() {
        let mut log = Log::default();
        let first = log.keep(&[1; 10_000], 0);
        let second = log.keep(&[2; 10_000], 0);
        log.truncate(log.start_without(second, i64::MAX));
        assert!(log.get(first).is_none() && log.get(second).is_some());
    }

    #[test]
    fn a_page_goes_with_the_last_of_its_records() {
        let mut log = Log::default();
        let positions: Vec<u64> = (0..5).map(|_| log.keep(&[1; 7_000], 0)).collect();
        let held = log.held;
        log.release(positions[2]);
        assert!(log.get(positions[2]).is_some());
        log.release(positions[3]);
        assert!(log.get(positions[2]).is_none() && log.get(positions[1]).is_some());
        assert_eq!(log.held, held - 1);
        log.release(positions[4]);
        assert!(log.get(positions[4]).is_some());
        let next = log.keep(&[2; 12_000], 0);
        assert!(log.get(positions[4]).is_none());
        assert_eq!(log.get(next).unwrap(), [2; 12_000]);
    }
}
