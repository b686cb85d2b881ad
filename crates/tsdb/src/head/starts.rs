//! Start timestamps of in-order samples: for each series that has any, where they change.
//!
//! In: times and start timestamps, ascending by time, 0 for none. Out: the start timestamps of given
//! times. Most series have none, most others one for long. Bound: one change for each sample that
//! the head has, counted among its bytes.

use std::collections::HashMap;

/// What one change takes.
const CHANGE_BYTES: usize = 16;

/// What a series takes beside its changes.
const SERIES_BYTES: usize = 48;

/// How many changes of a series are worth being trimmed.
const WORTH_TRIMMING: usize = 8;

/// Changes by the series' place in the shard: from the time on, the start timestamp is this.
#[derive(Default)]
pub(crate) struct Starts {
    changes: HashMap<u32, Vec<(i64, i64)>>,
    count: usize,
}

impl Starts {
    /// Tells whether no series has any.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Tells whether a series has any.
    pub(crate) fn has(&self, local: u32) -> bool {
        !self.changes.is_empty() && self.changes.contains_key(&local)
    }

    /// Notes the start timestamp of a series' newest sample.
    pub(crate) fn note(&mut self, local: u32, time: i64, start: i64) {
        let changes = match self.changes.get_mut(&local) {
            Some(changes) => changes,
            None if start == 0 => return,
            None => self.changes.entry(local).or_default(),
        };
        if changes.last().map_or(0, |(_, last)| *last) != start {
            changes.push((time, start));
            self.count += 1;
        }
    }

    /// Appends the start timestamps of some of a series' times, which ascend; those without one
    /// are left out.
    pub(crate) fn of(&self, local: u32, times: &[i64], out: &mut Vec<(i64, i64)>) {
        let Some(changes) = self.changes.get(&local) else {
            return;
        };
        let Some(first) = times.first() else {
            return;
        };
        let mut next = changes.partition_point(|(from, _)| from <= first);
        let mut start = next.checked_sub(1).map_or(0, |at| changes[at].1);
        for time in times {
            while let Some((_, changed)) = changes.get(next).filter(|(from, _)| from <= time) {
                start = *changed;
                next += 1;
            }
            if start != 0 {
                out.push((*time, start));
            }
        }
    }

    /// Forgets what a series had.
    pub(crate) fn forget(&mut self, local: u32) {
        if let Some(changes) = self.changes.remove(&local) {
            self.count -= changes.len();
        }
    }

    /// Forgets changes that no time asks for any more; `oldest` gives the least time that the head
    /// has of a series.
    pub(crate) fn trim(&mut self, oldest: impl Fn(u32) -> i64) {
        let many = |(_, changes): &(&u32, &mut Vec<(i64, i64)>)| changes.len() >= WORTH_TRIMMING;
        for (local, changes) in self.changes.iter_mut().filter(many) {
            let oldest = oldest(*local);
            let after = changes.partition_point(|(from, _)| *from <= oldest);
            changes.drain(..after.saturating_sub(1));
            changes.shrink_to(2 * changes.len());
            self.count -= after.saturating_sub(1);
        }
    }

    /// Returns the bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.changes.len() * SERIES_BYTES + self.count * CHANGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_those_noted_for_their_times() {
        let mut starts = Starts::default();
        let noted = [(10, 0), (20, 5), (30, 5), (40, 35), (50, 0), (60, 55)];
        for (time, start) in noted {
            starts.note(3, time, start);
            starts.note(4, time, 0);
        }
        let with: Vec<_> = noted.into_iter().filter(|(_, start)| *start != 0).collect();
        for from in 0..noted.len() {
            let times: Vec<i64> = noted[from..].iter().map(|(time, _)| *time).collect();
            let mut found = Vec::new();
            starts.of(3, &times, &mut found);
            let expected: Vec<_> = with
                .iter()
                .copied()
                .filter(|(t, _)| *t >= times[0])
                .collect();
            assert_eq!(found, expected);
            starts.of(4, &times, &mut found);
            assert_eq!(found, expected);
        }
        starts.forget(3);
        assert!(starts.is_empty() && starts.bytes() == 0);
    }

    #[test]
    fn trimming_keeps_what_the_oldest_time_needs() {
        let mut starts = Starts::default();
        (1..=100).for_each(|at| starts.note(3, at * 10, at * 10 - 9));
        starts.trim(|_| 905);
        let mut found = Vec::new();
        starts.of(3, &[905, 910], &mut found);
        assert_eq!(found, [(905, 891), (910, 901)]);
        assert_eq!(starts.bytes(), SERIES_BYTES + 11 * CHANGE_BYTES);
    }
}
