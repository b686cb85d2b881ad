//! When a group is evaluated: at multiples of its interval, shifted by what its name hashes to.
//!
//! In: the time. Out: the time to evaluate at, and how many evaluations were missed. All groups
//! of one interval so spread over it, and a group keeps its place over restarts.

use std::time::Duration;

use weft_model::Millis;

/// The times of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval_ms: i64,
    next: Millis,
}

/// An evaluation that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The time to evaluate at: never later than now, by less than an interval before it.
    pub at: Millis,
    /// How many evaluations before it did not happen.
    pub missed: u64,
}

impl Schedule {
    /// Returns the schedule of a group; its first evaluation is within one interval after `now`.
    pub fn new(file: &str, name: &str, interval: Duration, now: Millis) -> Schedule {
        let interval_ms = i64::try_from(interval.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let offset = (hash(file, name) % interval_ms.unsigned_abs()) as i64;
        let since = (now.0.saturating_sub(offset)).rem_euclid(interval_ms);
        Schedule {
            interval_ms,
            next: now.plus(interval_ms.saturating_sub(since)),
        }
    }

    /// Returns when the next evaluation is due.
    pub fn next(&self) -> Millis {
        self.next
    }

    /// Returns the evaluation that is due, if one is, and moves on.
    pub fn take(&mut self, now: Millis) -> Option<Due> {
        let late = now.0.saturating_sub(self.next.0);
        if late < 0 {
            return None;
        }
        let missed = late / self.interval_ms;
        let at = self.next.plus(missed.saturating_mul(self.interval_ms));
        self.next = at.plus(self.interval_ms);
        Some(Due {
            at,
            missed: missed.unsigned_abs(),
        })
    }

    /// Moves on when the clock was set back by more than an interval, so that the group does not
    /// rest until the clock is where it was.
    pub fn follow_clock(&mut self, now: Millis) {
        let ahead = self.next.0.saturating_sub(now.0);
        if ahead > self.interval_ms {
            let skipped = (ahead - 1) / self.interval_ms * self.interval_ms;
            self.next = Millis(self.next.0 - skipped);
        }
    }
}

/// FNV-1a over file and name.
fn hash(file: &str, name: &str) -> u64 {
    let bytes = file.bytes().chain([0xff]).chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn times_do_not_depend_on_the_start() {
        let times: Vec<i64> = [0, 1, 29_999, 59_999]
            .map(|now| {
                Schedule::new("f", "g", MINUTE, Millis(600_000 + now))
                    .next()
                    .0
            })
            .map(|next| next.rem_euclid(60_000))
            .to_vec();
        assert!(times.iter().all(|it| *it == times[0]), "{times:?}");
    }

    #[test]
    fn the_first_time_is_within_one_interval() {
        for now in (0..200_000).step_by(777) {
            let next = Schedule::new("f", "g", MINUTE, Millis(now)).next().0;
            assert!(next > now && next <= now + 60_000);
        }
    }

    #[test]
    fn groups_spread_over_the_interval() {
        let offset = |name: &str| Schedule::new("f", name, MINUTE, Millis(0)).next().0;
        let mut offsets: Vec<i64> = (0..100).map(|i| offset(&format!("group{i}"))).collect();
        offsets.sort_unstable();
        assert!(offsets.windows(2).all(|pair| pair[1] - pair[0] < 8000));
    }

    #[test]
    fn what_was_missed_is_counted_and_not_made_up_for() {
        let mut schedule = Schedule::new("f", "g", MINUTE, Millis(0));
        let first = schedule.next();
        assert_eq!(schedule.take(first.plus(-1)), None);
        let due = |at, missed| Some(Due { at, missed });
        assert_eq!(schedule.take(first.plus(5)), due(first, 0));
        assert_eq!(
            schedule.take(first.plus(190_000)),
            due(first.plus(180_000), 2)
        );
        assert_eq!(schedule.next(), first.plus(240_000));
    }

    #[test]
    fn a_clock_that_is_set_back_is_followed() {
        let mut schedule = Schedule::new("f", "g", MINUTE, Millis(10_000_000));
        let next = schedule.next();
        schedule.follow_clock(Millis(5_000_000));
        assert!(schedule.next().0 > 5_000_000 && schedule.next().0 <= 5_060_000);
        assert_eq!((next.0 - schedule.next().0) % 60_000, 0);
    }
}
