//! Since when samples of which times have changed, for those who keep answers.
//!
//! In: the times of what was appended, deleted or withdrawn. Out: for a mark taken earlier, the
//! first time from which on something may be different now. Time is told apart in stretches, so
//! that a change is at most seen where there was none. Bound: [`STRETCHES`] numbers.
//!
//! A change is noted after readers can see it and before its writer is told that it is done: an
//! answer that was read after a mark was taken holds all that the mark covers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use weft_model::Millis;

/// How many stretches are told apart.
const STRETCHES: usize = 1 << 15;

/// The shortest stretch.
const STRETCH_MILLIS_MIN: i64 = 60_000;

/// How many stretches one append may name before all between them count as changed.
const TOUCHED_MAX: usize = 256;

/// A place in the order of all changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeMark(u64);

/// What has changed when.
pub(crate) struct Changes {
    /// How long a stretch is; all times that are taken fit into the ring.
    stretch_millis: i64,
    noted: Mutex<Noted>,
}

struct Noted {
    /// How many changes there were.
    count: u64,
    /// For each stretch, at its number modulo their count, the last change.
    last: Box<[u64]>,
    /// The last change that concerned all times.
    all: u64,
}

impl Changes {
    /// Returns a record for times that lie no further apart than `span_millis`.
    pub(crate) fn new(span_millis: i64) -> Changes {
        let needed = span_millis / (STRETCHES as i64 - 2) + 1;
        Changes {
            stretch_millis: needed.max(STRETCH_MILLIS_MIN),
            noted: Mutex::new(Noted {
                count: 0,
                last: vec![0; STRETCHES].into_boxed_slice(),
                all: 0,
            }),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stretch(&self, time: i64) -> i64 {
        time.div_euclid(self.stretch_millis)
    }

    /// Returns the present place in the order of changes.
    pub(crate) fn mark(&self) -> ChangeMark {
        ChangeMark(self.noted().count)
    }

    /// Returns a collector for the times of one append, of which those from `earliest` to `latest`
    /// count.
    pub(crate) fn touched(&self, earliest: i64, latest: i64) -> Touched {
        Touched {
            stretch_millis: self.stretch_millis,
            earliest,
            latest,
            begins: 0,
            ends: i64::MIN,
            stretches: Vec::new(),
        }
    }

    /// Notes what an append has changed.
    pub(crate) fn note(&self, touched: &Touched) {
        if touched.stretches.is_empty() {
            return;
        }
        let mut noted = self.noted();
        noted.count += 1;
        let count = noted.count;
        for stretch in &touched.stretches {
            noted.last[place(*stretch)] = count;
        }
    }

    /// Notes that anything between two times may have changed.
    pub(crate) fn note_range(&self, start: i64, end: i64) {
        let (first, last) = (self.stretch(start), self.stretch(end));
        let mut noted = self.noted();
        noted.count += 1;
        let count = noted.count;
        if last.saturating_sub(first) >= STRETCHES as i64 {
            noted.all = count;
            return;
        }
        for stretch in first..=last {
            noted.last[place(stretch)] = count;
        }
    }

    /// Returns the first time from `start` to `end` from which on something may have changed since
    /// a mark.
    pub(crate) fn first_since(&self, mark: ChangeMark, start: i64, end: i64) -> Option<Millis> {
        if end < start {
            return None;
        }
        let noted = self.noted();
        let (first, last) = (self.stretch(start), self.stretch(end));
        if noted.all > mark.0 || last.saturating_sub(first) >= STRETCHES as i64 {
            return Some(Millis(start));
        }
        let changed = (first..=last).find(|stretch| noted.last[place(*stretch)] > mark.0)?;
        Some(Millis(
            start.max(changed.saturating_mul(self.stretch_millis)),
        ))
    }
}

fn place(stretch: i64) -> usize {
    stretch.rem_euclid(STRETCHES as i64) as usize
}

/// The stretches that one append touches.
pub(crate) struct Touched {
    stretch_millis: i64,
    earliest: i64,
    latest: i64,
    /// The last sample's stretch.
    begins: i64,
    ends: i64,
    stretches: Vec<i64>,
}

impl Touched {
    /// Adds a sample's time; mostly it lies where the one before does.
    #[inline]
    pub(crate) fn add(&mut self, time: i64) {
        if time < self.begins || time > self.ends {
            self.enter(time);
        }
    }

    fn enter(&mut self, time: i64) {
        // What is out of bounds was refused.
        if time < self.earliest || time > self.latest {
            return;
        }
        let stretch = time.div_euclid(self.stretch_millis);
        self.begins = stretch.saturating_mul(self.stretch_millis);
        self.ends = self.begins.saturating_add(self.stretch_millis - 1);
        self.stretches.push(stretch);
        if self.stretches.len() >= 2 * TOUCHED_MAX {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        self.stretches.sort_unstable();
        self.stretches.dedup();
        if self.stretches.len() > TOUCHED_MAX
            && let (Some(first), Some(last)) = (self.stretches.first(), self.stretches.last())
        {
            self.stretches = (*first..=*last).take(STRETCHES).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn append(changes: &Changes, times: &[i64]) {
        let mut touched = changes.touched(0, i64::MAX);
        times.iter().for_each(|time| touched.add(*time));
        changes.note(&touched);
    }

    #[test]
    fn a_change_is_seen_from_the_start_of_its_stretch() {
        let changes = Changes::new(86_400_000);
        append(&changes, &[10 * MINUTE]);
        let mark = changes.mark();
        let first = |start, end| {
            let first = changes.first_since(mark, start * MINUTE, end * MINUTE);
            first.map(|time| time.0 / MINUTE)
        };
        assert_eq!(first(0, 100), None);
        append(&changes, &[50 * MINUTE + 5, 70 * MINUTE, 50 * MINUTE + 7]);
        assert_eq!(first(0, 100), Some(50));
        assert_eq!(first(0, 49), None);
        assert_eq!(first(51, 100), Some(70));
        assert_eq!(first(100, 0), None);
        changes.note_range(5 * MINUTE, 6 * MINUTE);
        assert_eq!(first(0, 100), Some(5));
        changes.note_range(i64::MIN, i64::MAX);
        assert_eq!(first(1, 2), Some(1));
    }

    #[test]
    fn times_that_are_refused_change_nothing() {
        let changes = Changes::new(86_400_000);
        let mut touched = changes.touched(5 * MINUTE, 9 * MINUTE);
        [MINUTE, i64::MIN, i64::MAX, 10 * MINUTE]
            .iter()
            .for_each(|time| touched.add(*time));
        changes.note(&touched);
        assert_eq!(changes.mark(), ChangeMark::default());
    }

    #[test]
    fn an_append_of_very_many_times_is_noted_in_full() {
        let changes = Changes::new(20 * 86_400_000);
        let times: Vec<i64> = (0..5000).rev().map(|at| at * 3 * MINUTE).collect();
        append(&changes, &times);
        let mark = ChangeMark::default();
        for time in times {
            assert_eq!(changes.first_since(mark, time, time), Some(Millis(time)));
        }
    }
}
