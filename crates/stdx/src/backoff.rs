//! How long to wait before the next try: doubling, with jitter, up to a limit.

use std::time::Duration;

/// The waits between tries.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
    seed: u64,
}

impl Backoff {
    /// Returns a backoff that starts at `first` and never exceeds `most`; equal seeds give equal
    /// waits.
    pub fn new(first: Duration, most: Duration, seed: u64) -> Backoff {
        Backoff {
            first,
            most,
            tries: 0,
            seed: seed | 1,
        }
    }

    /// Returns the next wait, between half and all of the doubled one.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << self.tries.min(20))
            .min(self.most);
        self.tries = self.tries.saturating_add(1);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let half = doubled / 2;
        half + half.mul_f64((self.seed >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_limit() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 7);
        let waits: Vec<_> = (0..30).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] >= Duration::from_millis(50) && waits[0] <= Duration::from_millis(100));
        assert!(waits[29] >= Duration::from_millis(2500) && waits[29] <= Duration::from_secs(5));
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }
}
